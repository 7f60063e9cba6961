#include "prune/batch_norm.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "eval/batches.h"
#include "eval/cost.h"
#include "prune/moments.h"
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

namespace {

/// The batch norms of which `weights` have no tensor.
std::vector<int> lacking(const eval::NetSpec& spec, const eval::Weights& weights) {
  std::vector<int> layers;
  for (std::size_t i = 0; i < spec.layers.size(); ++i)
    if (spec.layers[i].kind == LayerKind::batch_norm && !weights.contains(spec.layers[i].name + ".weight"))
      layers.push_back(static_cast<int>(i));
  return layers;
}

/// Sets a batch norm so that it changes nothing at these statistics.
void set_neutral(eval::Weights& weights, const eval::Layer& layer, const Tensor& mean, const Tensor& variance) {
  weights[layer.name + ".running_mean"] = weights[layer.name + ".bias"] = mean.to(torch::kFloat32);
  const Tensor stored = variance.to(torch::kFloat32);
  weights[layer.name + ".running_var"] = stored;
  weights[layer.name + ".weight"] = (stored.to(torch::kFloat64) + layer.epsilon).sqrt().to(torch::kFloat32);
}

}  // namespace

eval::Weights fill_batch_norm(const eval::NetSpec& spec, eval::Weights weights, const eval::Dataset& data,
                              const eval::Normalisation& normalisation, const std::vector<std::int64_t>& images, torch::Device device) {
  torch::NoGradGuard no_grad;
  const std::vector<int> layers = lacking(spec, weights);
  if (layers.empty()) return weights;
  if (images.empty()) throw storage::Error(storage::ErrorKind::invalid, "batch norm: there are no images for its statistics");
  const std::vector<eval::Shape> shapes = eval::output_shapes(spec);
  std::map<int, Moments> moments;  // of what each reads, by layer
  for (const int layer : layers) {
    const std::int64_t channels = shapes[layer].channels;
    set_neutral(weights, spec.layers[layer], torch::zeros({channels}), torch::ones({channels}));
    moments[spec.layers[layer].inputs[0]];
  }
  const eval::Net net(spec, weights, device);
  eval::for_each_batch(
      net, data, normalisation, images, eval::images_that_fit(2 * eval::peak_activations(spec), 125),
      [&](const Tensor& pixels, const Tensor&) {
        std::map<int, Moments> batch;
        net.forward(pixels, /*training=*/false, [&](int index, const Tensor& output) {
          if (moments.contains(index)) batch[index].add(output);
          return output;
        });
        return batch;
      },
      [&](const std::map<int, Moments>& batch) {
        for (const auto& [layer, more] : batch) moments[layer].add(more);
      });
  for (const int layer : layers) {
    const Moments& read = moments.at(spec.layers[layer].inputs[0]);
    set_neutral(weights, spec.layers[layer], read.mean, read.variance());
  }
  return weights;
}

}  // namespace prune
