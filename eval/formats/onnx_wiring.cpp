// The operators of ONNX that join, reshape or pass on: members read_* of OnnxLayers, in the order of their table.
#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <set>

#include "eval/formats/onnx_layers.h"
#include "eval/formats/onnx_tensor.h"
#include "eval/nets/layer_shape.h"
#include "storage/base/error.h"

namespace eval {

namespace {

constexpr std::int64_t batch_size = std::numeric_limits<std::int64_t>::min();  // what Shape says of the first dimension
constexpr std::size_t most_numbers = 8;

/// Whether the axes are height and width of [N, C, H, W].
bool are_spatial(const std::vector<std::int64_t>& axes) {
  std::set<std::int64_t> from_front;
  for (const std::int64_t axis : axes) from_front.insert(axis < 0 ? axis + 4 : axis);
  return axes.size() == 2 && from_front == std::set<std::int64_t>{2, 3};
}

/// Where a slice of `count` numbers begins or ends, counted from the front or from the back.
std::int64_t end_of_slice(std::int64_t place, std::int64_t count) {
  return std::clamp<std::int64_t>(place < 0 ? place + count : place, 0, count);
}

/// Whether the axis is 1, counted from the front or from the back.
bool is_first(std::int64_t axis, bool flat) {
  return axis == 1 || axis == (flat ? -1 : -3);
}

}  // namespace

void OnnxLayers::read_mean(const OnnxNode& node) {
  if (is_arranged(node) || !are_spatial(node.has_input(1) ? numbers(node, 1) : node.integers("axes"))) return arrange(node);
  read_global_pool(node);
  if (node.integer("keepdims", 1) == 0) append_flatten(node, {.layer = static_cast<int>(shapes_.size()) - 1});
}

std::vector<std::int64_t> OnnxLayers::numbers(const OnnxNode& node, int i) const {
  const Value& x = value(node, i);
  return x.numbers.empty() ? onnx_integers(constant(node, i)) : x.numbers;
}

/// The sizes of a feature map, as PyTorch's exporter computes the target of view(x.size(0), -1).
void OnnxLayers::read_shape(const OnnxNode& node) {
  const Value& x = activation(node, 0);
  std::vector<std::int64_t> sizes{batch_size, shape(x).channels};
  if (!x.flat) sizes.insert(sizes.end(), {shape(x).height, shape(x).width});
  const auto rank = static_cast<std::int64_t>(sizes.size());
  const std::int64_t start = end_of_slice(node.integer("start", 0), rank), end = end_of_slice(node.integer("end", rank), rank);
  if (start >= end) storage::refuse(fmt::format("gives no sizes: from {} to {} of {}", start, end, rank));
  define(node, {.numbers = {sizes.begin() + start, sizes.begin() + end}});
}

void OnnxLayers::read_gather(const OnnxNode& node) {
  if (value(node, 0).layer >= 0 || is_float_constant(node)) return arrange(node);
  const std::vector<std::int64_t> from = numbers(node, 0), indices = numbers(node, 1);
  const std::int64_t count = static_cast<std::int64_t>(from.size()), index = indices.size() == 1 ? indices[0] : count;
  if (node.integer("axis", 0) != 0 || index < -count || index >= count) storage::refuse("only one of the numbers of a Shape is covered");
  define(node, {.numbers = {from[index < 0 ? index + count : index]}});
}

/// A number as a list of one, or a flat vector as a map of 1x1.
void OnnxLayers::read_unsqueeze(const OnnxNode& node) {
  const std::vector<std::int64_t> axes = node.has_input(1) ? numbers(node, 1) : node.integers("axes");
  if (is_arranged(node) || is_float_constant(node)) return arrange(node);
  if (Value x = value(node, 0); x.layer >= 0) {
    const auto rank = static_cast<std::int64_t>(2 + x.ones + axes.size());
    std::set<std::int64_t> behind;
    for (const std::int64_t axis : axes) behind.insert(axis < 0 ? axis + rank : axis);
    const bool at_the_end = behind.size() == axes.size() && !axes.empty() && *behind.begin() == 2 + x.ones && *behind.rbegin() == rank - 1;
    if (!x.flat || !at_the_end || rank > 4) return arrange(node);
    x.ones = static_cast<int>(rank) - 2;
    return define(node, std::move(x));
  }
  const std::vector<std::int64_t> list = numbers(node, 0);
  if (list.size() != 1 || axes != std::vector<std::int64_t>{0}) storage::refuse("only one number of a Shape is covered");
  define(node, {.numbers = list});
}

void OnnxLayers::read_concat(const OnnxNode& node) {
  if (is_arranged(node)) return arrange(node);
  if (value(node, 0).layer < 0) {
    std::vector<std::int64_t> list;
    for (int i = 0; i < node.input_count(); ++i) {
      const std::vector<std::int64_t> part = numbers(node, i);
      list.insert(list.end(), part.begin(), part.end());
      if (list.size() > most_numbers) storage::refuse(fmt::format("makes a list of more than {} numbers", most_numbers));
    }
    if (node.integer("axis", 0) != 0) storage::refuse("lists of numbers have the axis 0 only");
    return define(node, {.numbers = std::move(list)});
  }
  const Value first = activation(node, 0);
  if (!is_first(node.integer("axis", 1), first.flat)) storage::refuse("only the concatenation of channels (axis 1) is covered");
  std::vector<int> inputs;
  for (int i = 0; i < node.input_count(); ++i) {
    const Value& part = activation(node, i);
    if (part.flat != first.flat) storage::refuse("its inputs differ in their number of dimensions");
    inputs.push_back(part.layer);
  }
  if (inputs.size() == 1) return read_identity(node);
  Layer layer = new_layer(node, LayerKind::concat);
  layer.inputs = std::move(inputs);
  define(node, {.layer = append(std::move(layer)), .flat = first.flat, .direct = true});
}

void OnnxLayers::read_add(const OnnxNode& node) {
  if (node.input_count() != 2) storage::refuse(fmt::format("has {} inputs where it needs two", node.input_count()));
  if (is_arranged(node)) return arrange(node);
  if (take_gelu_add(node) || compute_numbers(node, std::plus<>())) return;
  if (value(node, 0).constant && value(node, 1).constant) return arrange(node);
  for (const int i : {0, 1}) {
    if (value(node, i).constant) return add_bias(node, activation(node, 1 - i), i);
  }
  read_sum(node);
}

void OnnxLayers::read_sum(const OnnxNode& node) {
  const Value first = activation(node, 0);
  std::vector<int> inputs;
  for (int i = 0; i < node.input_count(); ++i) {
    const Value& part = activation(node, i);
    if (part.flat != first.flat || shape(part) != shape(first)) storage::refuse("its inputs differ in size; broadcasting is not covered");
    inputs.push_back(part.layer);
  }
  if (inputs.size() == 1) return read_identity(node);
  Layer layer = new_layer(node, LayerKind::add);
  layer.inputs = std::move(inputs);
  define(node, {.layer = append(std::move(layer)), .flat = first.flat, .direct = true});
}

/// Numbers that are computed from sizes, as half of the channels; false where the node reads anything else.
bool OnnxLayers::compute_numbers(const OnnxNode& node, const std::function<std::int64_t(std::int64_t, std::int64_t)>& compute) {
  const auto is_numbers = [&](int i) { return !value(node, i).numbers.empty(); };
  if (node.input_count() != 2 || (!is_numbers(0) && !is_numbers(1))) return false;
  const std::vector<std::int64_t> first = numbers(node, 0), second = numbers(node, 1);
  if (first.size() != 1 || second.size() != 1) storage::refuse("only single numbers of a Shape are computed with");
  for (const std::int64_t number : {first[0], second[0]})
    if (number < 0 || number > std::numeric_limits<std::int32_t>::max())
      storage::refuse("computes with the batch size or a number below 0, which is not covered");
  define(node, {.numbers = {compute(first[0], second[0])}});
  return true;
}

void OnnxLayers::read_sub(const OnnxNode& node) {
  if (!compute_numbers(node, std::minus<>())) arrange(node);
}

void OnnxLayers::read_div(const OnnxNode& node) {
  const auto divide = [](std::int64_t a, std::int64_t b) {
    if (b == 0) storage::refuse("divides by 0");
    return a / b;
  };
  if (!take_gelu_div(node) && !compute_numbers(node, divide)) arrange(node);
}

/// To another type: numbers stay what they are, and maps are fp32 here.
void OnnxLayers::read_cast(const OnnxNode& node) {
  const bool to_floats = onnx_is_float(static_cast<int>(node.integer("to", 0)));
  const bool has_floats = value(node, 0).layer >= 0 || is_float_constant(node);
  if (to_floats != has_floats) storage::refuse("casts between integers and numbers with a fraction, which is not covered");
  read_identity(node);
}

/// Some of the numbers of a Shape, or a part of maps.
void OnnxLayers::read_slice(const OnnxNode& node) {
  if (value(node, 0).layer >= 0 || is_float_constant(node)) return arrange(node);
  const std::vector<std::int64_t> list = numbers(node, 0), starts = layout_numbers(node, 1, "starts"),
                                  ends = layout_numbers(node, 2, "ends");
  const auto count = static_cast<std::int64_t>(list.size());
  const bool plain = starts.size() == 1 && ends.size() == 1 && (!node.has_input(4) || numbers(node, 4) == std::vector<std::int64_t>{1});
  const std::int64_t start = plain ? end_of_slice(starts[0], count) : 0, end = plain ? end_of_slice(ends[0], count) : 0;
  if (start >= end) storage::refuse("only neighbouring numbers of a Shape are covered");
  define(node, {.numbers = {list.begin() + start, list.begin() + end}});
}

/// x times Sigmoid(x) or HardSigmoid(x) where nothing else reads that gate: one layer, in the gate's place.
bool OnnxLayers::merge_self_gate(const OnnxNode& node, int gate_input) {
  const Value &gate = value(node, gate_input), &x = value(node, 1 - gate_input);
  if (gate.layer < 0 || !gate.direct || gate.ones != 0 || x.ones != 0 || reads_[node.input(gate_input)] != 1) return false;
  if (gate.zeros != std::array{0, 0} || x.zeros != std::array{0, 0}) return false;
  Layer& layer = net_.spec.layers[gate.layer];
  const bool is_hard = layer.kind == LayerKind::hard_sigmoid;
  if ((!is_hard && layer.kind != LayerKind::sigmoid) || layer.inputs[0] != x.layer) return false;
  Layer merged = new_layer(node, is_hard ? LayerKind::hard_swish : LayerKind::silu);
  merged.inputs = layer.inputs;
  layer = std::move(merged);
  nonnegative_[static_cast<std::size_t>(gate.layer)] = false;
  define(node, {.layer = gate.layer, .flat = gate.flat, .direct = true});
  return true;
}

void OnnxLayers::read_mul(const OnnxNode& node) {
  if (node.input_count() != 2) storage::refuse(fmt::format("has {} inputs where it needs two", node.input_count()));
  if (is_arranged(node)) return arrange(node);
  if (take_gelu_mul(node) || compute_numbers(node, std::multiplies<>())) return;
  if (value(node, 0).constant && value(node, 1).constant) return arrange(node);
  for (const int i : {0, 1}) {
    if (value(node, i).constant)
      storage::refuse("multiplies by a constant; covered are x times Sigmoid(x) or HardSigmoid(x), and a map times a gate");
  }
  if (merge_self_gate(node, 0) || merge_self_gate(node, 1)) return;
  const auto is_gate = [&](int i) {
    const Value& x = value(node, i);
    return x.layer >= 0 && (x.ones == 2 || (!x.flat && shape(x).height == 1 && shape(x).width == 1));
  };
  const int gate_input = is_gate(0) && !is_gate(1) ? 0 : 1;
  const Value x = activation(node, 1 - gate_input);
  Value gate = value(node, gate_input);
  if (!x.flat && gate.ones == 2) gate.ones = 0, gate.flat = false;
  if (gate.layer < 0 || gate.ones != 0 || gate.zeros != std::array{0, 0} || gate.flat != x.flat)
    storage::refuse("its inputs differ in their number of dimensions");
  Layer layer = new_layer(node, LayerKind::multiply);
  layer.inputs = {x.layer, gate.layer};
  define(node, {.layer = append(std::move(layer)), .flat = x.flat, .direct = true});
}

void OnnxLayers::append_flatten(const OnnxNode& node, const Value& x) {
  if (x.flat) return define(node, {.layer = x.layer, .flat = true});
  Layer layer = new_layer(node, LayerKind::flatten);
  layer.inputs = {x.layer};
  define(node, {.layer = append(std::move(layer)), .flat = true, .direct = true});
}

void OnnxLayers::read_flatten(const OnnxNode& node) {
  if (is_arranged(node)) return arrange(node);
  const Value x = activation(node, 0);
  if (!is_first(node.integer("axis", 1), x.flat)) return arrange(node);
  append_flatten(node, x);
}

void OnnxLayers::read_reshape(const OnnxNode& node) {
  if (is_arranged(node) || is_float_constant(node)) return arrange(node);
  const Value x = activation(node, 0);
  const std::vector<std::int64_t> target = numbers(node, 1);
  const Shape& from = shape(x);
  const std::int64_t features = std::int64_t{from.channels} * from.height * from.width;
  const bool zero_copies = node.integer("allowzero", 0) == 0;
  const std::int64_t batch = target.empty() ? 1 : target[0];
  const bool keeps_batch = batch == -1 || batch == batch_size || (batch == 0 && zero_copies) || (batch > 0 && batch == facts_.batch);
  const std::int64_t channels = from.channels;
  if (keeps_batch && x.flat &&
      (target == std::vector{batch, channels, std::int64_t{1}, std::int64_t{1}} ||
       (batch != -1 && target == std::vector<std::int64_t>{batch, -1, 1, 1})))
    return define(node, {.layer = x.layer, .flat = true, .ones = 2});
  const bool flattens =
      target.size() == 2 && (target[1] == features || (target[1] == -1 && batch != -1) || (target[1] == 0 && zero_copies && x.flat));
  if (!keeps_batch || !flattens) return arrange(node);
  append_flatten(node, x);
}

void OnnxLayers::read_squeeze(const OnnxNode& node) {
  if (is_arranged(node) || is_float_constant(node)) return arrange(node);
  if (const std::vector<std::int64_t> list = value(node, 0).numbers; !list.empty()) {
    if (list.size() != 1) storage::refuse("only one number of a Shape is covered");
    return define(node, {.numbers = list});
  }
  const std::vector<std::int64_t> axes = node.has_input(1) ? numbers(node, 1) : node.integers("axes");
  const Value x = activation(node, 0);
  if (x.flat || !are_spatial(axes)) return arrange(node);
  if (shape(x).height != 1 || shape(x).width != 1)
    storage::refuse(fmt::format("squeezes the axes [{}] of {}; covered are axes of 1", fmt::join(axes, ", "), to_string(shape(x))));
  append_flatten(node, x);
}

void OnnxLayers::read_dropout(const OnnxNode& node) {
  const bool training = node.has_input(2) && numbers(node, 2) != std::vector<std::int64_t>{0};
  if (training) storage::refuse("it is in training mode; export the model for inference");
  const Value& x = activation(node, 0);
  Layer layer = new_layer(node, LayerKind::dropout);
  layer.inputs = {x.layer};
  layer.rate = node.has_input(1) ? scalar(node, 1) : node.number("ratio", 0.5);
  define(node, {.layer = append(std::move(layer)), .flat = x.flat, .direct = true});
}

void OnnxLayers::read_identity(const OnnxNode& node) {
  Value x = value(node, 0);
  x.direct = false;
  define(node, std::move(x));
}

void OnnxLayers::read_constant(const OnnxNode& node) {
  if (node.has("value")) return define(node, {.constant = &node.tensor("value")});
  auto made = std::make_shared<onnx::TensorProto>();
  if (node.has("value_int") || node.has("value_ints")) {
    made->set_data_type(onnx::TensorProto::INT64);
    const bool list = node.has("value_ints");
    for (const std::int64_t number : list ? node.integers("value_ints") : std::vector{node.integer("value_int", 0)})
      made->add_int64_data(number);
    if (list) made->add_dims(made->int64_data_size());
  } else if (node.has("value_float")) {
    made->set_data_type(onnx::TensorProto::FLOAT);
    made->add_float_data(static_cast<float>(node.number("value_float", 0)));
  } else {
    storage::refuse("only constants with value, value_float, value_int or value_ints are covered");
  }
  made_.push_back(made);
  define(node, {.constant = made.get()});
}

void OnnxLayers::read_softmax(const OnnxNode& node) {
  const Value& x = activation(node, 0);
  if (node.proto().output_size() == 0 || node.proto().output(0) != facts_.output)
    storage::refuse("it is covered only where it makes the output");
  if (!x.flat || !is_first(node.integer("axis", facts_.operator_set < 13 ? 1 : -1), x.flat))
    storage::refuse("it is covered only over the classes of [N, classes]");
  net_.notes.push_back(fmt::format("{} at its end is left out: the net gives scores, in the same order; --end-to-end writes probabilities",
                                   node.proto().op_type()));
  define(node, {.layer = x.layer, .flat = x.flat});
}

}  // namespace eval
