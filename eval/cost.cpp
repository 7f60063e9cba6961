#include "eval/cost.h"

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

}  // namespace eval
