#include "eval/cost.h"

#include <algorithm>

#include "eval/nets/layer_shape.h"

namespace eval {

std::vector<Cost> layer_costs(const NetSpec& spec) {
  const std::vector<Shape> shapes = output_shapes(spec);
  std::vector<Cost> costs(spec.layers.size());
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const Layer& layer = spec.layers[i];
    const Shape& output = shapes[i];
    if (has_filters(layer.kind)) {
      const std::int64_t weights = weight_count(layer, shapes[layer.inputs[0]]);
      costs[i] = {weights + (layer.bias ? output.channels : 0), weights * output.height * output.width};
    } else if (layer.kind == LayerKind::batch_norm) {
      costs[i].params = 2 * std::int64_t{output.channels};
    } else if (layer.kind == LayerKind::prelu) {
      costs[i].params = output.channels;
    }
  }
  return costs;
}

Cost cost(const NetSpec& spec) {
  Cost total;
  for (const Cost& layer : layer_costs(spec)) {
    total.params += layer.params;
    total.macs += layer.macs;
  }
  return total;
}

std::int64_t fvcore_flops(const NetSpec& spec) {
  const std::vector<Shape> shapes = output_shapes(spec);
  std::int64_t flops = cost(spec).macs;
  for (const Layer& layer : spec.layers) {
    if (layer.kind != LayerKind::batch_norm && layer.kind != LayerKind::adaptive_average_pool) continue;
    const Shape& read = shapes[layer.inputs[0]];
    flops += (layer.kind == LayerKind::batch_norm ? 2 : 1) * std::int64_t{read.channels} * read.height * read.width;
  }
  return flops;
}

namespace {

bool hands_on(LayerKind kind) {
  return kind == LayerKind::flatten || kind == LayerKind::dropout;
}

bool can_overwrite(LayerKind kind) {
  return kind == LayerKind::batch_norm || is_activation(kind);
}

}  // namespace

std::int64_t all_activations(const NetSpec& spec) {
  std::int64_t values = 0;
  for (const Shape& shape : output_shapes(spec)) values += std::int64_t{shape.channels} * shape.height * shape.width;
  return values;
}

std::int64_t peak_activations(const NetSpec& spec) {
  const std::vector<Shape> shapes = output_shapes(spec);
  const std::vector<std::vector<int>> readers = consumers(spec);
  const std::size_t layers = spec.layers.size();
  std::vector<std::size_t> memory(layers), last_use(layers);  // the layer that a layer's memory was first taken for; by that one
  for (std::size_t i = 0; i < layers; ++i) {
    const Layer& layer = spec.layers[i];
    memory[i] = i;
    if (i > 0) {
      const std::size_t from = memory[static_cast<std::size_t>(layer.inputs[0])];
      if (hands_on(layer.kind) || (can_overwrite(layer.kind) && from != 0 && last_use[from] == i)) memory[i] = from;
    }
    const std::size_t until = readers[i].empty() ? i : static_cast<std::size_t>(readers[i].back());
    last_use[memory[i]] = std::max(last_use[memory[i]], until);
  }
  std::int64_t peak = 0;
  for (std::size_t now = 0; now < layers; ++now) {
    std::int64_t alive = 0;
    for (std::size_t i = 0; i <= now; ++i)
      if (memory[i] == i && last_use[i] >= now) alive += std::int64_t{shapes[i].channels} * shapes[i].height * shapes[i].width;
    peak = std::max(peak, alive);
  }
  return peak;
}

}  // namespace eval
