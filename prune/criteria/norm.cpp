#include <algorithm>

#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"

namespace prune {

using torch::Tensor;

namespace {

/// Norms of rows, [rows, ...], in fp64, some at a time: in one piece the largest layers would need gigabytes. [rows]
Tensor row_norms(const Tensor& weights, double order) {
  const std::int64_t at_once = std::max<std::int64_t>(1, (1 << 20) / std::max<std::int64_t>(1, weights[0].numel()));
  std::vector<Tensor> norms;
  for (const Tensor& some : weights.split(at_once)) norms.push_back(some.to(torch::kFloat64).flatten(1).norm(order, 1));
  return at::cat(norms);
}

/// The weights that read each input channel, one row a channel. [channels, weights]
Tensor reading_weights(const Tensor& weight, const eval::Layer& reader) {
  const Tensor grouped = weight.flatten(2).unflatten(0, {reader.groups, -1});  // [groups, outputs, inputs of a group, places]
  return grouped.permute({0, 2, 1, 3}).flatten(2).flatten(0, 1);
}

/// The flatten of maps of several places whose values a layer's output has in their order, or -1. Concatenations and selections of flat
/// vectors are not looked through.
int flatten_of_places(const eval::NetSpec& spec, const std::vector<eval::Shape>& shapes, int layer) {
  while (layer > 0) {
    const eval::Layer& now = spec.layers[layer];
    const eval::Shape& read = shapes[now.inputs[0]];
    if (now.kind == eval::LayerKind::flatten && read.height * read.width > 1) return layer;
    if (eval::has_filters(now.kind) || now.kind == eval::LayerKind::concat || now.kind == eval::LayerKind::select) return -1;
    layer = now.inputs[0];
  }
  return -1;
}

/// The norm of a channel's filter (Li et al. 2017: L1), and with `readers` also that of the weights that read the channel, at all of its
/// places behind a flatten too, so of all that goes with it (DepGraph, Fang et al. 2023: L2). Layers are normalised before what is tied is
/// combined.
class Norm : public Criterion {
 public:
  Norm(double order, bool readers) : order_(order), readers_(readers) {}

  Scoring score(const ScoringTask& task) const override {
    const eval::NetSpec& spec = task.net.spec();
    const std::vector<eval::Layer>& layers = spec.layers;
    const std::vector<eval::Shape> shapes = eval::output_shapes(spec);
    const auto weight = [&](int layer) { return task.net.weights().at(layers[layer].name + ".weight"); };
    std::vector<LayerScores> scores;
    const auto add = [&](int layer, const Tensor& weights) { scores.push_back({layer, normalised_by_layer(row_norms(weights, order_))}); };
    for (int producer : cut_producers(task.groups)) add(producer, weight(producer).flatten(1));
    for (int layer = 0; readers_ && layer < static_cast<int>(layers.size()); ++layer) {
      if (!eval::has_filters(layers[layer].kind)) continue;
      const int read = layers[layer].inputs[0];
      if (is_depthwise(layers[layer], static_cast<int>(task.groups.outputs[read].size()))) continue;  // its filters are the channels' own
      const Tensor matrix = weight(layer);
      if (layers[layer].kind == eval::LayerKind::convolution) {
        add(read, reading_weights(matrix, layers[layer]));
      } else if (const int flatten = flatten_of_places(spec, shapes, read); flatten >= 0) {
        const int maps = layers[flatten].inputs[0];
        add(maps, matrix.unflatten(1, {shapes[maps].channels, -1}).transpose(0, 1));  // [channels, outputs, places]
      } else {
        add(read, matrix.t());
      }
    }
    return {combine(task, scores)};
  }

 private:
  double order_;
  bool readers_;
};

}  // namespace

std::unique_ptr<Criterion> make_l1(const storage::Json& options) {
  return std::make_unique<Norm>(1, options.at("readers").get<bool>());
}

std::unique_ptr<Criterion> make_l2(const storage::Json& options) {
  return std::make_unique<Norm>(2, options.at("readers").get<bool>());
}

}  // namespace prune
