#include <algorithm>

#include "eval/attacks/catalog.h"
#include "eval/attacks/members.h"
#include "storage/base/error.h"

namespace eval {

namespace {

struct Row {
  const char* name;
  std::unique_ptr<Attack> (*make)(const storage::Json& options);
};

const Row rows[] = {{"fgsm", make_fgsm}, {"pgd", make_pgd}, {"newtonfool", make_newtonfool}, {"spatial", make_spatial}};

}  // namespace

std::unique_ptr<Attack> make_attack(const std::string& name, const storage::Json& options) {
  const AttackEntry& entry = attack_entry(name);
  const auto row = std::find_if(std::begin(rows), std::end(rows), [&](const Row& each) { return entry.name == each.name; });
  if (row == std::end(rows)) throw storage::Error(storage::ErrorKind::internal, "attack " + name + " is in the catalog only");
  return row->make(options);
}

PixelScores pixel_scores(const Net& net, const Normalisation& normalisation) {
  const auto by_channel = [&](const std::vector<float>& numbers) {
    return torch::tensor(numbers, torch::kFloat32).to(net.device()).view({1, -1, 1, 1});
  };
  return [&net, mean = by_channel(normalisation.mean), deviation = by_channel(normalisation.deviation)](const torch::Tensor& pixels) {
    return net.forward(((pixels - mean) / deviation).contiguous(torch::MemoryFormat::ChannelsLast), /*training=*/false);
  };
}

torch::Tensor image_gradient(const torch::Tensor& images, const std::function<torch::Tensor(const torch::Tensor& images)>& value) {
  const torch::AutoGradMode with_gradients(true);
  const torch::Tensor leaf = images.detach().clone().requires_grad_(true);
  return torch::autograd::grad({value(leaf).sum()}, {leaf})[0];
}

torch::Tensor loss_gradient(const PixelScores& scores, const torch::Tensor& images, const torch::Tensor& labels) {
  return image_gradient(images,
                        [&](const torch::Tensor& leaf) { return at::cross_entropy_loss(scores(leaf), labels, {}, at::Reduction::None); });
}

}  // namespace eval
