// The operators of ONNX that compute: members read_* of OnnxLayers, in the order of their table.
#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "eval/formats/onnx_graph.h"
#include "eval/formats/onnx_layers.h"
#include "eval/formats/onnx_tensor.h"
#include "eval/nets/layer_shape.h"
#include "storage/base/error.h"

namespace eval {

using torch::Tensor;

namespace {

int bounded(std::int64_t value, const std::string& what, int least) {
  if (value < least || value > max_layer_size) storage::refuse(fmt::format("{} {} is not in [{}, {}]", what, value, least, max_layer_size));
  return static_cast<int>(value);
}

std::array<int, 2> pair_of(const OnnxNode& node, const std::string& attribute, std::vector<std::int64_t> fallback) {
  const std::vector<std::int64_t> read = node.integers(attribute, std::move(fallback));
  if (read.size() != 2)
    storage::refuse(fmt::format("attribute '{}' has {} numbers; windows over height and width have two", attribute, read.size()));
  return {bounded(read[0], attribute, 1), bounded(read[1], attribute, 1)};
}

using Pads = std::array<int, 4>;  // rows above, columns left, rows below, columns right

Pads pads_from(const std::vector<std::int64_t>& pads) {
  if (pads.size() != 4) storage::refuse(fmt::format("pads has {} numbers where it needs four", pads.size()));
  Pads read{};
  for (std::size_t i = 0; i < read.size(); ++i) read[i] = bounded(pads[i], "pads", 0);
  return read;
}

bool is_symmetric(const Pads& pads) {
  return pads[0] == pads[2] && pads[1] == pads[3];
}

/// What a node itself pads; `zeros` were put around its input already.
Pads pads_of(const OnnxNode& node, const Layer& layer, const Shape& input, const std::array<int, 2>& zeros) {
  const std::string automatic = node.text("auto_pad", "NOTSET");
  if (automatic == "NOTSET") return pads_from(node.integers("pads", {0, 0, 0, 0}));
  if (automatic == "VALID") return {};
  if (automatic != "SAME_UPPER" && automatic != "SAME_LOWER")
    storage::refuse(fmt::format("auto_pad '{}' is not covered", onnx_shown(automatic)));
  const bool more_at_end = automatic == "SAME_UPPER";
  Pads pads{};
  for (const int axis : {0, 1}) {
    const std::int64_t extent = (axis == 0 ? input.height : input.width) + std::int64_t{2} * zeros[axis], stride = layer.stride[axis];
    const std::int64_t reach = std::int64_t{layer.dilation[axis]} * (layer.kernel[axis] - 1) + 1;
    const std::int64_t total = std::max<std::int64_t>(0, (extent - 1) / stride * stride + reach - extent);
    const int less = bounded(total / 2, "padding", 0), more = bounded(total - total / 2, "padding", 0);
    pads[static_cast<std::size_t>(axis)] = more_at_end ? less : more;
    pads[static_cast<std::size_t>(axis) + 2] = more_at_end ? more : less;
  }
  return pads;
}

}  // namespace

int OnnxLayers::append_zero_pad(int from, const std::string& name, const std::array<int, 4>& pads) {
  Layer layer;
  layer.kind = LayerKind::zero_pad;
  layer.name = unused_name(name);
  layer.inputs = {from};
  layer.padding = {pads[0], pads[1]};
  layer.padding_end = {pads[2], pads[3]};
  return append(std::move(layer));
}

/// Strides, dilations and padding of a layer whose kernel, ceil_mode and input are there; `zeros` were put around already. Padding that
/// differs from side to side becomes a layer of its own. So do zeros before a pool with ceil_mode: a last window that starts in them is
/// kept, one that starts in a pool's own padding is not.
void OnnxLayers::read_window(const OnnxNode& node, Layer& layer, const Shape& input, std::array<int, 2> zeros) {
  layer.stride = pair_of(node, "strides", {1, 1});
  const std::array<int, 2> dilation = pair_of(node, "dilations", {1, 1});
  if (layer.kind == LayerKind::average_pool && dilation != std::array{1, 1}) storage::refuse("dilations other than 1 are not covered");
  layer.dilation = dilation;
  const Pads pads = pads_of(node, layer, input, zeros);
  if (is_symmetric(pads) && !(layer.ceil_mode && zeros != std::array{0, 0})) {
    layer.padding = {bounded(std::int64_t{pads[0]} + zeros[0], "padding", 0), bounded(std::int64_t{pads[1]} + zeros[1], "padding", 0)};
    return;
  }
  if (layer.kind == LayerKind::max_pool && !nonnegative_[static_cast<std::size_t>(layer.inputs[0])])
    storage::refuse(fmt::format("pads [{}] that differ from side to side are covered only where no value is below 0, as after a ReLU",
                                fmt::join(pads, ", ")));
  Pads all = pads;
  for (const std::size_t side : {0, 1, 2, 3}) all[side] = bounded(std::int64_t{all[side]} + zeros[side % 2], "padding", 0);
  layer.inputs[0] = append_zero_pad(layer.inputs[0], layer.name + "_pad", all);
}

void OnnxLayers::read_convolution(const OnnxNode& node) {
  const Value& x = maps(node, /*padded=*/true);
  const Tensor filters = weight(node, 1);
  if (filters.dim() != 4) storage::refuse(fmt::format("its weight has {} dimensions; those over height and width have 4", filters.dim()));
  Layer layer = new_layer(node, LayerKind::convolution, node.input(1));
  layer.inputs = {x.layer};
  layer.channels = bounded(filters.size(0), "number of filters", 1);
  layer.kernel = {bounded(filters.size(2), "kernel", 1), bounded(filters.size(3), "kernel", 1)};
  if (node.has("kernel_shape") && pair_of(node, "kernel_shape", {}) != layer.kernel)
    storage::refuse("kernel_shape contradicts the weight's size");
  layer.groups = bounded(node.integer("group", 1), "group", 1);
  if (filters.size(1) * layer.groups != shape(x).channels)
    storage::refuse(fmt::format("its weight reads {} channels in each of {} groups, the input has {}", filters.size(1), layer.groups,
                                shape(x).channels));
  read_window(node, layer, shape(x), x.zeros);
  layer.bias = node.has_input(2);
  if (layer.bias) net_.weights[layer.name + ".bias"] = vector(node, 2, layer.channels);
  net_.weights[layer.name + ".weight"] = filters;
  define(node, {.layer = append(std::move(layer)), .direct = true});
}

void OnnxLayers::append_linear(const OnnxNode& node, Tensor weight, Tensor bias) {
  const Value& x = activation(node, 0);
  if (!x.flat) storage::refuse("reads [N, channels, height, width] where it needs [N, features]");
  if (weight.size(1) != shape(x).channels)
    storage::refuse(fmt::format("its weight reads {} features, the input has {}", weight.size(1), shape(x).channels));
  Layer layer = new_layer(node, LayerKind::linear, node.input(1));
  layer.inputs = {x.layer};
  layer.channels = bounded(weight.size(0), "number of outputs", 1);
  layer.bias = bias.defined();
  net_.weights[layer.name + ".weight"] = weight.contiguous();
  if (layer.bias) net_.weights[layer.name + ".bias"] = bias;
  define(node, {.layer = append(std::move(layer)), .flat = true, .direct = true});
}

void OnnxLayers::read_gemm(const OnnxNode& node) {
  const bool has_bias = node.has_input(2);
  if (node.number("alpha", 1) != 1 || (has_bias && node.number("beta", 1) != 1) || node.integer("transA", 0) != 0)
    storage::refuse("only alpha = beta = 1 and transA = 0 are covered");
  Tensor matrix = weight(node, 1);
  if (matrix.dim() != 2) storage::refuse(fmt::format("its weight has {} dimensions where it needs two", matrix.dim()));
  if (node.integer("transB", 0) == 0) matrix = matrix.t();
  Tensor bias;
  if (has_bias) {
    bias = weight(node, 2);
    if (bias.dim() == 2 && bias.size(0) == 1) bias = bias[0];
    if (bias.dim() != 1 || bias.size(0) != matrix.size(0))
      storage::refuse(fmt::format("its bias has size [{}] where [{}] is needed", fmt::join(bias.sizes(), ", "), matrix.size(0)));
  }
  append_linear(node, matrix, bias);
}

void OnnxLayers::read_matmul(const OnnxNode& node) {
  if (is_arranged(node) || !activation(node, 0).flat) return arrange(node);
  const Tensor matrix = weight(node, 1);
  if (matrix.dim() != 2) storage::refuse(fmt::format("its weight has {} dimensions where it needs two", matrix.dim()));
  append_linear(node, matrix.t(), Tensor());
}

/// Gives the constant to the convolution or linear layer that made x, where nothing else reads that layer.
void OnnxLayers::add_bias(const OnnxNode& node, const Value& x, int constant_input) {
  Layer& layer = net_.spec.layers[x.layer];
  const bool takes_bias =
      has_filters(layer.kind) && !layer.bias && x.direct && x.zeros == std::array{0, 0} && reads_[node.input(1 - constant_input)] == 1;
  if (!takes_bias) storage::refuse("adds a constant that is not the bias of a convolution or linear layer");
  const Tensor bias = weight(node, constant_input);
  std::vector<std::int64_t> sizes = bias.sizes().vec();
  if (sizes.size() == (x.flat ? 2 : 4) && sizes[0] == 1) sizes.erase(sizes.begin());
  const std::int64_t channels = layer.channels;
  if (sizes != (x.flat ? std::vector{channels} : std::vector<std::int64_t>{channels, 1, 1}))
    storage::refuse(fmt::format("adds a constant of size [{}], which is no bias of {} channels", fmt::join(bias.sizes(), ", "), channels));
  layer.bias = true;
  net_.weights[layer.name + ".bias"] = bias.flatten();
  define(node, {.layer = x.layer, .flat = x.flat});
}

void OnnxLayers::read_batch_norm(const OnnxNode& node) {
  if (node.integer("training_mode", 0) != 0) storage::refuse("it is in training mode; export the model for inference");
  if (node.integer("spatial", 1) != 1) storage::refuse("statistics for every pixel (spatial = 0) are not covered");
  const Value& x = activation(node, 0);
  Layer layer = new_layer(node, LayerKind::batch_norm, node.input(1));
  layer.inputs = {x.layer};
  layer.epsilon = node.number("epsilon", 1e-5);
  if (layer.epsilon == 0 && (node.proto().name() == onnx_pixels || node.proto().name() == "pixels"))  // "pixels": of before
    storage::refuse("normalises pixels, so the file is end to end; valid: one that was written without --end-to-end");
  int input = 1;
  for (const char* what : {".weight", ".bias", ".running_mean", ".running_var"})
    net_.weights[layer.name + what] = vector(node, input++, shape(x).channels);
  define(node, {.layer = append(std::move(layer)), .flat = x.flat, .direct = true});
}

void OnnxLayers::read_response_norm(const OnnxNode& node) {
  const Value& x = maps(node);
  Layer layer = new_layer(node, LayerKind::local_response_norm);
  layer.inputs = {x.layer};
  layer.size = bounded(node.integer("size", 0), "size", 1);
  if (layer.size % 2 == 0) storage::refuse(fmt::format("a window of {} channels is not covered; odd numbers are", layer.size));
  layer.alpha = node.number("alpha", 1e-4);
  layer.beta = node.number("beta", 0.75);
  layer.k = node.number("bias", 1);
  define(node, {.layer = append(std::move(layer)), .direct = true});
}

void OnnxLayers::append_activation(const OnnxNode& node, LayerKind kind, double slope) {
  const Value& x = activation(node, 0);
  Layer layer = new_layer(node, kind);
  layer.inputs = {x.layer};
  layer.slope = slope;
  define(node, {.layer = append(std::move(layer)), .flat = x.flat, .direct = true});
}

void OnnxLayers::read_relu(const OnnxNode& node) {
  append_activation(node, LayerKind::relu);
}

void OnnxLayers::read_leaky_relu(const OnnxNode& node) {
  append_activation(node, LayerKind::leaky_relu, node.number("alpha", 0.01));
}

/// One slope a channel; one for all stands for as many.
void OnnxLayers::read_prelu(const OnnxNode& node) {
  const Value x = activation(node, 0);
  const std::int64_t channels = shape(x).channels;
  const Tensor slopes = weight(node, 1);
  const std::int64_t axis = x.flat ? 1 : 3;  // of the channels, from the end
  const bool by_channel = slopes.numel() == channels && slopes.dim() >= axis && slopes.size(-axis) == channels;
  if (slopes.numel() != 1 && !by_channel)
    storage::refuse(fmt::format("its slopes have the size [{}] where one, or one for each of {} channels, is covered",
                                fmt::join(slopes.sizes(), ", "), channels));
  Layer layer = new_layer(node, LayerKind::prelu, node.input(1));
  layer.inputs = {x.layer};
  net_.weights[layer.name + ".weight"] = slopes.flatten().expand({channels}).contiguous();
  define(node, {.layer = append(std::move(layer)), .flat = x.flat, .direct = true});
}

void OnnxLayers::read_sigmoid(const OnnxNode& node) {
  append_activation(node, LayerKind::sigmoid);
}

void OnnxLayers::read_hard_sigmoid(const OnnxNode& node) {
  const double alpha = node.number("alpha", 0.2), beta = node.number("beta", 0.5);
  if (std::abs(alpha - 1. / 6) > 1e-6 || beta != 0.5)
    storage::refuse(fmt::format("clips {} * x + {} to [0, 1]; covered is x / 6 + 0.5, as PyTorch has it", alpha, beta));
  append_activation(node, LayerKind::hard_sigmoid);
}

void OnnxLayers::read_hard_swish(const OnnxNode& node) {
  append_activation(node, LayerKind::hard_swish);
}

void OnnxLayers::read_gelu(const OnnxNode& node) {
  if (node.text("approximate", "none") != "none") storage::refuse("its approximation by tanh is not covered; export nn.GELU() without it");
  append_activation(node, LayerKind::gelu);
}

void OnnxLayers::read_clip(const OnnxNode& node) {
  constexpr double none = std::numeric_limits<float>::max();
  double least = -none, most = none;
  if (facts_.operator_set < 11) {
    least = node.number("min", least);
    most = node.number("max", most);
  } else {
    if (node.has("min") || node.has("max")) storage::refuse("since operator set 11 its bounds are inputs, not attributes");
    if (node.has_input(1)) least = scalar(node, 1);
    if (node.has_input(2)) most = scalar(node, 2);
  }
  const Value made = activation(node, 0);
  Layer& before = net_.spec.layers[made.layer];
  if (least <= -none && most == 6 && before.kind == LayerKind::relu && made.direct && reads_[node.input(0)] == 1) {
    before.kind = LayerKind::relu6;  // min(relu(x), 6), as PyTorch wrote it before Clip took inputs
    return define(node, {.layer = made.layer, .flat = made.flat, .direct = true});
  }
  if (least != 0 || (most != 6 && !(most >= none)))
    storage::refuse(fmt::format("clips to [{}, {}]; covered are [0, 6] and [0, inf]", least, most));
  append_activation(node, most == 6 ? LayerKind::relu6 : LayerKind::relu);
}

void OnnxLayers::read_max_pool(const OnnxNode& node) {
  const Value& x = maps(node);
  Layer layer = new_layer(node, LayerKind::max_pool);
  layer.inputs = {x.layer};
  layer.kernel = pair_of(node, "kernel_shape", {});
  layer.ceil_mode = node.integer("ceil_mode", 0) != 0;
  read_window(node, layer, shape(x), x.zeros);
  define(node, {.layer = append(std::move(layer)), .direct = true});
}

void OnnxLayers::read_average_pool(const OnnxNode& node) {
  const Value& x = maps(node, /*padded=*/true);
  Layer layer = new_layer(node, LayerKind::average_pool);
  layer.inputs = {x.layer};
  layer.kernel = pair_of(node, "kernel_shape", {});
  layer.stride = pair_of(node, "strides", {1, 1});
  const Pads pads = pads_of(node, layer, shape(x), x.zeros);
  layer.count_padding = pads == Pads{} || node.integer("count_include_pad", 0) != 0;
  if (!layer.count_padding && (!is_symmetric(pads) || x.zeros != std::array{0, 0}))
    storage::refuse(
        "pads that do not count in the mean (count_include_pad = 0) are covered only where they are the same on both sides, and the "
        "only ones");
  layer.ceil_mode = node.integer("ceil_mode", 0) != 0;
  read_window(node, layer, shape(x), x.zeros);
  define(node, {.layer = append(std::move(layer)), .direct = true});
}

void OnnxLayers::read_global_pool(const OnnxNode& node) {
  const Value& x = maps(node);
  Layer layer = new_layer(node, LayerKind::adaptive_average_pool);
  layer.inputs = {x.layer};
  define(node, {.layer = append(std::move(layer)), .direct = true});
}

void OnnxLayers::read_pad(const OnnxNode& node) {
  Value x = maps(node, /*padded=*/true);
  const std::vector<std::int64_t> pads = node.has_input(1) ? onnx_integers(constant(node, 1)) : node.integers("pads");
  const double filling = node.has_input(2) ? scalar(node, 2) : node.number("value", 0);
  if (node.text("mode", "constant") != "constant" || filling != 0 || node.has_input(3))
    storage::refuse("only padding with zeros is covered");
  if (pads.size() != 8 || pads[0] != 0 || pads[1] != 0 || pads[4] != 0 || pads[5] != 0)
    storage::refuse(fmt::format("pads [{}]; only height and width may be padded", fmt::join(pads, ", ")));
  Pads around = pads_from({pads[2], pads[3], pads[6], pads[7]});
  for (const std::size_t side : {0, 1, 2, 3}) around[side] = bounded(std::int64_t{around[side]} + x.zeros[side % 2], "padding", 0);
  if (!is_symmetric(around)) {
    const std::string name = node.proto().name().empty() ? "pad" : node.proto().name();
    return define(node, {.layer = append_zero_pad(x.layer, name, around), .direct = true});
  }
  x.zeros = {around[0], around[1]};
  x.direct = false;
  define(node, x);
}

}  // namespace eval
