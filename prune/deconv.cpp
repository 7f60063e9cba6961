#include "prune/deconv.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>

#include "eval/nets/linear.h"
#include "storage/base/error.h"

namespace prune {

using eval::Layer;
using eval::LayerKind;
using eval::pair;
using torch::Tensor;

namespace {

std::vector<Tensor> split_channels(const std::vector<Tensor>& inputs, const Tensor& signal) {
  std::vector<std::int64_t> widths;
  for (const Tensor& input : inputs) widths.push_back(input.size(1));
  return signal.split_with_sizes(widths, 1);
}

bool windows_overlap(const Layer& layer) {
  for (const std::size_t axis : {0, 1})
    if (layer.stride[axis] < layer.dilation[axis] * (layer.kernel[axis] - 1) + 1) return true;
  return false;
}

/// Every window's signal to the place of its maximum: of several windows there the last one's. Switches are places in the map, row by row.
/// On the CPU and one after the other: LibTorch's own un-pooling races where windows share a place.
Tensor place_at_maxima(const Tensor& signal, const Tensor& switches, const Tensor& x) {
  const Tensor signals = signal.to(at::kCPU, at::kDouble).contiguous(), places = switches.cpu().contiguous();
  const Tensor placed = at::zeros(x.sizes(), at::TensorOptions(at::kDouble).device(at::kCPU));
  const std::int64_t windows = signal.size(2) * signal.size(3), pixels = x.size(2) * x.size(3), planes = x.size(0) * x.size(1);
  const double* from = signals.data_ptr<double>();
  const std::int64_t* place = places.data_ptr<std::int64_t>();
  double* map = placed.data_ptr<double>();
  for (std::int64_t plane = 0; plane < planes; ++plane, map += pixels)
    for (std::int64_t window = 0; window < windows; ++window) map[*place++] = *from++;
  return placed.to(signal.options());
}

}  // namespace

std::vector<Tensor> trace_layer(const eval::Net& net, int index, const std::vector<Tensor>& inputs, const Tensor& signal,
                                Unpooling unpooling) {
  const Layer& layer = net.spec().layers[index];
  const Tensor& x = inputs[0];
  const auto weight = [&] { return net.weights().at(layer.name + ".weight"); };
  const auto kernel = pair(layer.kernel), stride = pair(layer.stride), padding = pair(layer.padding), dilation = pair(layer.dilation);
  switch (layer.kind) {
    case LayerKind::input:
      break;
    case LayerKind::convolution:
      return {std::get<0>(at::convolution_backward(signal, x, weight(), at::OptionalIntArrayRef(), stride, padding, dilation, false, {0, 0},
                                                   layer.groups, {true, false, false}))};
    case LayerKind::linear:
      return {eval::linear(signal, weight().t()).view_as(x)};
    case LayerKind::batch_norm: {
      const Tensor scale = weight() * (net.weights().at(layer.name + ".running_var") + layer.epsilon).rsqrt();
      std::vector<std::int64_t> shape(x.dim(), 1);
      shape[1] = -1;
      return {signal * scale.view(shape)};
    }
    case LayerKind::local_response_norm:
      return {signal * eval::response_factor(layer, x)};
    case LayerKind::relu:
    case LayerKind::relu6:
    case LayerKind::leaky_relu:
    case LayerKind::silu:
    case LayerKind::gelu:
    case LayerKind::hard_swish:
    case LayerKind::sigmoid:
    case LayerKind::hard_sigmoid:
    case LayerKind::prelu:
      return {at::relu(signal)};
    case LayerKind::max_pool: {
      const Tensor switches = std::get<1>(at::max_pool2d_with_indices(x, kernel, stride, padding, dilation, layer.ceil_mode));
      if (unpooling == Unpooling::place && windows_overlap(layer)) return {place_at_maxima(signal, switches, x)};
      return {at::max_pool2d_with_indices_backward(signal, x, kernel, stride, padding, dilation, layer.ceil_mode, switches)};
    }
    case LayerKind::average_pool:
      return {at::avg_pool2d_backward(signal, x, kernel, stride, padding, layer.ceil_mode, layer.count_padding, {})};
    case LayerKind::adaptive_average_pool:
      return {at::_adaptive_avg_pool2d_backward(signal, x)};
    case LayerKind::zero_pad:
      return {at::constant_pad_nd(signal, {-layer.padding[1], -layer.padding_end[1], -layer.padding[0], -layer.padding_end[0]})};
    case LayerKind::select:
      return {at::index_add(torch::zeros_like(x), 1, net.indices(index), signal)};
    case LayerKind::concat:
      return split_channels(inputs, signal);
    case LayerKind::add:
      return std::vector<Tensor>(inputs.size(), signal);
    case LayerKind::multiply: {
      const Tensor gate = eval::gate_for(x, inputs[1]);
      return {signal * gate, at::sum_to(signal * x, gate.sizes()).reshape(inputs[1].sizes())};
    }
    case LayerKind::flatten:
      return {signal.view(x.sizes())};
    case LayerKind::dropout:
      return {signal};
  }
  throw storage::Error(storage::ErrorKind::internal, fmt::format("layer {} cannot be traced", layer.name));
}

void trace_down(const eval::Net& net, const Tensor& images, int from, Unpooling unpooling,
                const std::function<Tensor(const Tensor&)>& select, const std::function<void(int, const Tensor&)>& visit) {
  torch::NoGradGuard no_grad;
  std::vector<Tensor> outputs(net.spec().layers.size()), signals(outputs.size());
  net.forward(images, /*training=*/false, [&](int layer, const Tensor& output) {
    outputs[layer] = output;
    return output;
  });
  signals[from] = select(outputs[from]);
  for (int layer = from; layer > 0; --layer) {
    if (!signals[layer].defined()) continue;  // not below `from`
    visit(layer, signals[layer]);
    std::vector<Tensor> inputs;
    for (int input : net.spec().layers[layer].inputs) inputs.push_back(outputs[input]);
    const std::vector<Tensor> traced = trace_layer(net, layer, inputs, signals[layer], unpooling);
    for (std::size_t i = 0; i < traced.size(); ++i) {
      Tensor& below = signals[net.spec().layers[layer].inputs[i]];
      below = below.defined() ? below + traced[i] : traced[i];
    }
    signals[layer] = outputs[layer] = Tensor();
  }
}

}  // namespace prune
