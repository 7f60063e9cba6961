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

/// The same net, but that it drops nothing out in training, with running statistics of its own.
eval::Net for_statistics(const eval::Net& net) {
  eval::NetSpec spec = net.spec();
  for (eval::Layer& layer : spec.layers)
    if (layer.kind == LayerKind::dropout) layer.rate = 0;
  eval::Weights weights = net.weights();
  for (auto& [name, tensor] : weights)
    if (name.find(".running_") != std::string::npos) tensor = torch::zeros_like(tensor);
  return {std::move(spec), std::move(weights), net.device()};
}

/// The mean and the variance that each batch norm reads of these images, by the names of its running statistics. `net`: of for_statistics.
eval::Weights statistics_of(const eval::Net& net, const std::vector<eval::Shape>& shapes, const Tensor& images) {
  eval::Weights found;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const eval::Layer& layer = net.spec().layers[i];
    if (layer.kind != LayerKind::batch_norm) continue;
    if (images.size(0) * shapes[i].height * shapes[i].width == 1)
      throw storage::Error(storage::ErrorKind::invalid,
                           fmt::format("batch norm {} sees one value a channel, which has no variance: give it more images", layer.name));
    for (const char* what : {".running_mean", ".running_var"}) found[layer.name + what] = net.weights().at(layer.name + what).zero_();
  }
  net.forward(images, /*training=*/true);  // which moves them from 0 by their momentum's share
  for (auto& [name, statistic] : found) statistic = statistic / eval::batch_norm_momentum;
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
  const std::int64_t total = std::ssize(images),
                     most = eval::images_that_fit(2 * eval::peak_activations(net.spec()), eval::statistics_batch);
  const std::int64_t batches = (total + most - 1) / most;
  std::int64_t batch = (total + batches - 1) / batches;
  while (batch > 2 && total % batch == 1) --batch;  // of one image a norm on a map of one place learns no variance
  const eval::Net probe = for_statistics(net);
  const std::vector<eval::Shape> shapes = eval::output_shapes(net.spec());
  eval::Weights means;
  eval::for_each_batch(
      probe, data, normalisation, images, static_cast<int>(batch),
      [&](const Tensor& pixels, const Tensor&) { return std::pair(statistics_of(probe, shapes, pixels), pixels.size(0)); },
      [&](const std::pair<eval::Weights, std::int64_t>& found) {
        for (const auto& [name, statistic] : found.first) {
          const Tensor share = statistic * (static_cast<double>(found.second) / static_cast<double>(total));
          means[name] = means.contains(name) ? means[name] + share : share;
        }
      });
  for (const auto& [name, mean] : means) net.weights().at(name).copy_(mean);
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
  weights[layer.name + ".running_mean"] = mean.to(torch::kFloat32);
  weights[layer.name + ".bias"] = weights[layer.name + ".running_mean"].clone();  // of its own: training moves either
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
      net, data, normalisation, images, eval::images_that_fit(2 * eval::peak_activations(spec), eval::statistics_batch),
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
