#include "eval/nets/layer_shape.h"

#include <fmt/format.h>

#include <cctype>
#include <cmath>
#include <initializer_list>

#include "eval/nets/layer_fields.h"
#include "storage/base/error.h"

namespace eval {
namespace {

[[noreturn]] void fail(const Layer& layer, const std::string& what) {
  throw storage::Error(storage::ErrorKind::invalid, fmt::format("layer '{}' ({}): {}", layer.name, to_string(layer.kind), what));
}

/// The product of positive factors, or limit + 1 where it is larger than the limit.
std::int64_t bounded_product(std::int64_t limit, std::initializer_list<std::int64_t> factors) {
  std::int64_t product = 1;
  for (const std::int64_t factor : factors) {
    if (factor > limit / product) return limit + 1;
    product *= factor;
  }
  return product;
}

void check_name(const Layer& layer) {
  const auto valid = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.' || c == '-' || c == '/' || c == ':'; };
  bool good = !layer.name.empty() && layer.name.size() <= 200;
  for (const char c : layer.name) good = good && valid(static_cast<unsigned char>(c));
  if (!good) fail(layer, "a layer's name has 1 to 200 letters, digits and characters of '_.-/:'");
}

/// Visits the fields that the kind uses: each must be in its range.
struct RangeCheck {
  const Layer& layer;

  void integer(const char* key, int value, int least) const {
    if (value < least || value > max_layer_size) fail(layer, fmt::format("{} {} is not in [{}, {}]", key, value, least, max_layer_size));
  }
  void operator()(const char* key, int Layer::*field) const { integer(key, layer.*field, 1); }
  void operator()(const char* key, std::array<int, 2> Layer::*field) const {
    for (const int value : layer.*field) integer(key, value, field == &Layer::padding || field == &Layer::padding_end ? 0 : 1);
  }
  void operator()(const char*, bool Layer::*) const {}
  void operator()(const char*, std::vector<int> Layer::*) const {}  // selected() knows the input's channels
  void operator()(const char* key, double Layer::*field) const {
    const double value = layer.*field;
    const bool positive = field == &Layer::epsilon || field == &Layer::k;
    const bool below_one = field == &Layer::rate;
    if (!std::isfinite(value) || value < 0 || (positive && value == 0) || (below_one && value >= 1)) {
      fail(layer, fmt::format("{} {} is not a finite number {}", key, value, positive ? "above 0" : below_one ? "in [0, 1)" : "from 0"));
    }
  }
};

/// A field that the kind does not use would be lost on the way through JSON.
void check_unused_fields(const Layer& layer) {
  Layer used;
  used.name = layer.name;
  used.kind = layer.kind;
  used.inputs = layer.inputs;
  visit_fields(layer.kind, [&](const char*, auto field) { used.*field = layer.*field; });
  if (used != layer) fail(layer, "a field is set that this kind of layer does not use");
}

void check_input_count(const Layer& layer, std::size_t given) {
  const bool source = layer.kind == LayerKind::input;
  const bool joins = layer.kind == LayerKind::concat || layer.kind == LayerKind::add;
  const bool gates = layer.kind == LayerKind::multiply;
  const bool good = source ? given == 0 : joins ? given >= 2 : given == (gates ? 2 : 1);
  const char* needed = source ? "none" : joins ? "two or more" : gates ? "two" : "one";
  if (!good) fail(layer, fmt::format("reads {} layers where it needs {}", given, needed));
}

/// Extent after a window slides over one axis (0: vertical, 1: horizontal).
int window_extent(const Layer& layer, const Shape& input, int axis) {
  const std::int64_t extent = axis == 0 ? input.height : input.width;
  const std::int64_t stride = layer.stride[axis], padding = layer.padding[axis];
  const std::int64_t reach = std::int64_t{layer.dilation[axis]} * (layer.kernel[axis] - 1) + 1;
  const std::int64_t room = extent + 2 * padding - reach + (layer.ceil_mode ? stride - 1 : 0);
  std::int64_t windows = room < 0 ? 0 : room / stride + 1;
  if (layer.ceil_mode && windows > 0 && (windows - 1) * stride >= extent + padding) --windows;
  if (windows < 1) {
    fail(layer, fmt::format("its window of {} leaves nothing of the input {} (padding {})", reach, to_string(input), padding));
  }
  if (windows > max_elements) fail(layer, fmt::format("makes an extent of {}; at most {} are allowed", windows, max_elements));
  return static_cast<int>(windows);
}

Shape windowed(const Layer& layer, const Shape& input, int channels) {
  return {channels, window_extent(layer, input, 0), window_extent(layer, input, 1)};
}

Shape convolved(const Layer& layer, const Shape& input) {
  if (input.channels % layer.groups != 0 || layer.channels % layer.groups != 0) {
    fail(layer, fmt::format("groups {} do not divide the {} input and {} output channels", layer.groups, input.channels, layer.channels));
  }
  return windowed(layer, input, layer.channels);
}

Shape pooled(const Layer& layer, const Shape& input) {
  for (const int axis : {0, 1}) {
    if (layer.padding[axis] > layer.kernel[axis] / 2) {
      fail(layer, fmt::format("padding {} is more than half of kernel {}", layer.padding[axis], layer.kernel[axis]));
    }
  }
  return windowed(layer, input, input.channels);
}

Shape concatenated(const Layer& layer, const std::vector<Shape>& inputs) {
  const Shape& first = inputs.front();
  std::int64_t channels = 0;
  for (const Shape& input : inputs) {
    if (input.height != first.height || input.width != first.width) {
      fail(layer, fmt::format("inputs {} and {} differ in height or width", to_string(first), to_string(input)));
    }
    channels += input.channels;
  }
  if (channels > max_elements) fail(layer, fmt::format("makes {} channels; at most {} are allowed", channels, max_elements));
  return {static_cast<int>(channels), first.height, first.width};
}

Shape padded(const Layer& layer, const Shape& input) {
  return {input.channels, input.height + layer.padding[0] + layer.padding_end[0], input.width + layer.padding[1] + layer.padding_end[1]};
}

Shape selected(const Layer& layer, const Shape& input) {
  if (layer.indices.empty()) fail(layer, "indices: selects no channel");
  std::vector<bool> taken(static_cast<std::size_t>(input.channels), false);
  for (const int index : layer.indices) {
    if (index < 0 || index >= input.channels)
      fail(layer, fmt::format("indices: {} is no channel of the input; valid: 0 to {}", index, input.channels - 1));
    if (taken[static_cast<std::size_t>(index)]) fail(layer, fmt::format("indices: channel {} is selected twice", index));
    taken[static_cast<std::size_t>(index)] = true;
  }
  return {static_cast<int>(layer.indices.size()), input.height, input.width};
}

Shape added(const Layer& layer, const std::vector<Shape>& inputs) {
  for (const Shape& input : inputs) {
    if (input != inputs.front()) fail(layer, fmt::format("inputs {} and {} differ", to_string(inputs.front()), to_string(input)));
  }
  return inputs.front();
}

Shape gated(const Layer& layer, const Shape& input, const Shape& gate) {
  const Shape by_channel{input.channels, 1, 1};
  if (gate != input && gate != by_channel) {
    fail(layer, fmt::format("its gate is {}; a gate of {} has its size, or {}", to_string(gate), to_string(input), to_string(by_channel)));
  }
  return input;
}

Shape made_shape(const Layer& layer, const std::vector<Shape>& inputs) {
  switch (layer.kind) {
    case LayerKind::input:
      return {layer.channels, layer.extent[0], layer.extent[1]};
    case LayerKind::convolution:
      return convolved(layer, inputs[0]);
    case LayerKind::linear:
      if (inputs[0].height != 1 || inputs[0].width != 1) fail(layer, fmt::format("reads {}; flatten it first", to_string(inputs[0])));
      return {layer.channels, 1, 1};
    case LayerKind::max_pool:
    case LayerKind::average_pool:
      return pooled(layer, inputs[0]);
    case LayerKind::adaptive_average_pool:
      return {inputs[0].channels, layer.size, layer.size};
    case LayerKind::zero_pad:
      return padded(layer, inputs[0]);
    case LayerKind::concat:
      return concatenated(layer, inputs);
    case LayerKind::select:
      return selected(layer, inputs[0]);
    case LayerKind::add:
      return added(layer, inputs);
    case LayerKind::multiply:
      return gated(layer, inputs[0], inputs[1]);
    case LayerKind::flatten:
      return {inputs[0].channels * inputs[0].height * inputs[0].width, 1, 1};
    case LayerKind::batch_norm:
    case LayerKind::local_response_norm:
    case LayerKind::relu:
    case LayerKind::relu6:
    case LayerKind::leaky_relu:
    case LayerKind::silu:
    case LayerKind::gelu:
    case LayerKind::hard_swish:
    case LayerKind::sigmoid:
    case LayerKind::hard_sigmoid:
    case LayerKind::prelu:
    case LayerKind::dropout:
      return inputs[0];
  }
  fail(layer, "is of no known kind");
}

}  // namespace

Shape layer_shape(const Layer& layer, const std::vector<Shape>& inputs) {
  check_name(layer);
  check_input_count(layer, inputs.size());
  visit_fields(layer.kind, RangeCheck{layer});
  check_unused_fields(layer);
  const Shape shape = made_shape(layer, inputs);
  if (bounded_product(max_elements, {shape.channels, shape.height, shape.width}) > max_elements) {
    fail(layer, fmt::format("makes {} values; at most {} are allowed", to_string(shape), max_elements));
  }
  return shape;
}

std::int64_t weight_count(const Layer& layer, const Shape& input) {
  if (layer.kind == LayerKind::linear) return bounded_product(max_weights, {input.channels, layer.channels});
  if (layer.kind != LayerKind::convolution) return 0;
  return bounded_product(max_weights, {layer.kernel[0], layer.kernel[1], input.channels / layer.groups, layer.channels});
}

std::string to_string(const Shape& shape) {
  return fmt::format("{}x{}x{}", shape.channels, shape.height, shape.width);
}

}  // namespace eval
