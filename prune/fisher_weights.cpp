#include "prune/fisher_weights.h"

#include "eval/batches.h"
#include "eval/cost.h"
#include "eval/data/seed.h"
#include "prune/layer_samples.h"

namespace prune {

using torch::Tensor;

namespace {

/// -1 or 1 for each score, less each image's mean: [images, classes].
Tensor draw_directions(std::int64_t images, std::int64_t classes, std::uint64_t seed) {
  Tensor signs = torch::empty({images, classes});
  float* sign = signs.data_ptr<float>();
  for (std::int64_t i = 0; i < signs.numel(); ++i) *sign++ = eval::mix_seed(seed, static_cast<std::uint64_t>(i)) >> 63 ? 1.F : -1.F;
  return signs - signs.mean(1, /*keepdim=*/true);
}

}  // namespace

std::map<int, Tensor> fisher_weights(const eval::Net& net, const Tensor& images, const std::vector<FisherSite>& sites, std::uint64_t seed) {
  if (sites.empty()) return {};
  std::map<int, std::vector<Tensor>> found;
  const std::int64_t count = images.size(0), batch = eval::images_that_fit(2 * eval::all_activations(net.spec()), eval::statistics_batch);
  for (std::int64_t first = 0; first < count; first += batch) {
    torch::AutoGradMode gradients(true);
    const Tensor some = images.slice(0, first, first + batch);
    std::vector<Tensor> outputs(sites.size());
    const Tensor scores = net.forward(some, /*training=*/false, [&](int layer, const Tensor& output) {
      for (std::size_t s = 0; s < sites.size(); ++s)
        if (sites[s].layer == layer) return outputs[s] = output.requires_grad() ? output : output.detach().requires_grad_();
      return output;
    });
    const Tensor directions =
        draw_directions(scores.size(0), scores.size(1), eval::mix_seed(seed, static_cast<std::uint64_t>(first))).to(scores.device());
    const std::vector<Tensor> gradient = torch::autograd::grad({(scores * directions).sum()}, outputs);
    for (std::size_t s = 0; s < sites.size(); ++s)
      found[sites[s].layer].push_back(
          at_places(gradient[s], sites[s].places.slice(0, first, first + batch), sites[s].channels).square().sum(1));
  }
  std::map<int, Tensor> weights;
  for (auto& [layer, parts] : found) weights[layer] = at::cat(parts);
  return weights;
}

}  // namespace prune
