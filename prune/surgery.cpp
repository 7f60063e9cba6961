#include "prune/surgery.h"

namespace prune {

using eval::Layer;
using eval::LayerKind;
using torch::Tensor;

namespace {

/// A new tensor, or the same one where all is kept.
Tensor select(const Tensor& tensor, int dimension, const std::vector<std::int64_t>& kept) {
  if (static_cast<std::int64_t>(kept.size()) == tensor.size(dimension)) return tensor;
  return tensor.index_select(dimension, torch::tensor(kept, torch::kInt64).to(tensor.device()));
}

/// Input positions of a grouped convolution's filters: the groups stay equal, so those of the first group hold for all.
std::vector<std::int64_t> within_group(const std::vector<std::int64_t>& kept, std::int64_t width) {
  std::vector<std::int64_t> first;
  for (std::int64_t channel : kept)
    if (channel < width) first.push_back(channel);
  return first;
}

}  // namespace

Cut cut(const eval::NetSpec& spec, const ChannelGroups& groups, const eval::Weights& weights, const KeepMask& mask) {
  torch::NoGradGuard no_grad;
  Cut result{cut_spec(spec, groups, mask), {}};
  for (int i = 0; i < static_cast<int>(spec.layers.size()); ++i) {
    const Layer& layer = spec.layers[i];
    const std::vector<std::int64_t> outputs = kept_channels(groups, mask, i);
    for (const char* what : {".weight", ".bias", ".running_mean", ".running_var"}) {
      const auto entry = weights.find(layer.name + what);
      if (entry == weights.end()) continue;
      Tensor tensor = select(entry->second, 0, outputs);
      if (tensor.dim() > 1) {
        const std::vector<std::int64_t> inputs = kept_channels(groups, mask, layer.inputs[0]);
        if (layer.groups == 1)
          tensor = select(tensor, 1, inputs);
        else if (!is_depthwise(layer, static_cast<int>(groups.outputs[layer.inputs[0]].size())))
          tensor = select(tensor, 1, within_group(inputs, tensor.size(1)));
      }
      result.weights[entry->first] = tensor.is_same(entry->second) ? tensor.clone() : tensor;
    }
  }
  return result;
}

eval::Tap masking_tap(const ChannelGroups& groups, const KeepMask& mask) {
  std::vector<Tensor> factors;
  for (const std::vector<Unit>& units : groups.outputs) {
    Tensor factor = torch::empty({static_cast<std::int64_t>(units.size())}, torch::kCPU);
    for (std::size_t c = 0; c < units.size(); ++c)
      factor[static_cast<std::int64_t>(c)] = mask[units[c].group][units[c].index] ? 1.0F : 0.0F;
    factors.push_back(factor);
  }
  return [factors](int layer, const Tensor& output) {
    std::vector<std::int64_t> shape(output.dim(), 1);
    shape[1] = -1;
    return output * factors[layer].to(output.device()).view(shape);
  };
}

}  // namespace prune
