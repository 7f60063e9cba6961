#include "prune/batch_norm.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "eval/batches.h"
#include "eval/cost.h"
#include "storage/base/error.h"

namespace prune {

using eval::LayerKind;
using torch::Tensor;

namespace {

/// What one batch has at the batch norm layers, by layer.
struct Statistics {
  std::map<int, std::pair<Tensor, Tensor>> mean_and_variance;
  double images = 0;
};

/// The net in evaluation mode, except that each batch norm uses the statistics of the batch: dropout stays off.
Statistics statistics_of(const eval::Net& net, const Tensor& images) {
  const std::vector<eval::Layer>& layers = net.spec().layers;
  const std::vector<std::vector<int>> readers = eval::consumers(net.spec());
  Statistics found{{}, static_cast<double>(images.size(0))};
  std::map<int, Tensor> read_by_batch_norm;  // outputs, by layer
  net.forward(images, /*training=*/false, [&](int index, const Tensor& output) {
    const eval::Layer& layer = layers[index];
    Tensor result = output;
    if (layer.kind == LayerKind::batch_norm) {
      const Tensor x = read_by_batch_norm.at(layer.inputs[0]);
      if (x.numel() <= x.size(1))
        throw storage::Error(storage::ErrorKind::invalid,
                             fmt::format("batch norm {} sees one value a channel, which has no variance: give it more images", layer.name));
      const Tensor &scale = net.weights().at(layer.name + ".weight"), &shift = net.weights().at(layer.name + ".bias");
      const Tensor mean = torch::zeros_like(shift), variance = torch::zeros_like(shift);
      result = std::get<0>(at::native_batch_norm(x, scale, shift, mean, variance, /*training=*/true, /*momentum=*/1, layer.epsilon));
      found.mean_and_variance[index] = {mean, variance};
      if (readers[layer.inputs[0]].back() == index) read_by_batch_norm.erase(layer.inputs[0]);
    }
    const bool is_read =
        std::any_of(readers[index].begin(), readers[index].end(), [&](int reader) { return layers[reader].kind == LayerKind::batch_norm; });
    if (is_read) read_by_batch_norm[index] = result;
    return result;
  });
  return found;
}

bool has_batch_norm(const eval::NetSpec& spec) {
  return std::any_of(spec.layers.begin(), spec.layers.end(), [](const eval::Layer& layer) { return layer.kind == LayerKind::batch_norm; });
}

}  // namespace

void recalibrate_batch_norm(eval::Net& net, const eval::Dataset& data, const eval::Normalisation& normalisation,
                            const std::vector<std::int64_t>& images) {
  if (!has_batch_norm(net.spec()) || images.empty()) return;
  torch::NoGradGuard no_grad;
  const std::int64_t total = std::ssize(images), most = eval::images_that_fit(2 * eval::peak_activations(net.spec()), 125);
  const std::int64_t batches = (total + most - 1) / most,
                     batch = (total + batches - 1) / batches;  // equal ones: no last batch of one image
  std::map<int, std::pair<Tensor, Tensor>> means;
  const auto add = [](Tensor& sum, const Tensor& value, double weight) { sum = sum.defined() ? sum + value * weight : value * weight; };
  eval::for_each_batch(
      net, data, normalisation, images, static_cast<int>(batch),
      [&](const Tensor& pixels, const Tensor&) { return statistics_of(net, pixels); },
      [&](const Statistics& found) {
        for (const auto& [layer, statistics] : found.mean_and_variance) {
          add(means[layer].first, statistics.first, found.images / static_cast<double>(total));
          add(means[layer].second, statistics.second, found.images / static_cast<double>(total));
        }
      });
  for (const auto& [layer, statistics] : means) {
    const std::string& name = net.spec().layers[layer].name;
    Tensor mean = net.weights().at(name + ".running_mean"), variance = net.weights().at(name + ".running_var");
    mean.copy_(statistics.first);
    variance.copy_(statistics.second);
  }
}

}  // namespace prune
