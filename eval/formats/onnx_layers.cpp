#include "eval/formats/onnx_layers.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "eval/formats/onnx_tensor.h"
#include "eval/nets/layer_shape.h"
#include "storage/base/error.h"

namespace eval {

using torch::Tensor;

namespace {

constexpr std::size_t longest_name = 180;  // room for a number within a layer's 200 characters

std::string sanitised(const std::string& name) {
  std::string kept = name.substr(0, longest_name);
  const auto invalid = [](char c) {
    return !std::isalnum(static_cast<unsigned char>(c)) && std::string_view("_.-/:").find(c) == std::string_view::npos;
  };
  std::replace_if(kept.begin(), kept.end(), invalid, '_');
  return kept;
}

}  // namespace

const std::unordered_map<std::string, OnnxLayers::Operator>& OnnxLayers::operators() {
  using L = OnnxLayers;
  static const std::unordered_map<std::string, Operator> table{
      {"Conv", {&L::read_convolution, {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"}}},
      {"Gemm", {&L::read_gemm, {"alpha", "beta", "transA", "transB"}}},
      {"MatMul", {&L::read_matmul, {}}},
      {"BatchNormalization", {&L::read_batch_norm, {"epsilon", "momentum", "spatial", "training_mode"}}},
      {"LRN", {&L::read_response_norm, {"alpha", "beta", "bias", "size"}}},
      {"Relu", {&L::read_relu, {}}},
      {"Clip", {&L::read_clip, {"max", "min"}}},
      {"LeakyRelu", {&L::read_leaky_relu, {"alpha"}}},
      {"PRelu", {&L::read_prelu, {}}},
      {"Sigmoid", {&L::read_sigmoid, {}}},
      {"HardSigmoid", {&L::read_hard_sigmoid, {"alpha", "beta"}}},
      {"HardSwish", {&L::read_hard_swish, {}}},
      {"Gelu", {&L::read_gelu, {"approximate"}}},
      {"Erf", {&L::read_erf, {}}},
      {"MaxPool", {&L::read_max_pool, {"auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"}}},
      {"AveragePool",
       {&L::read_average_pool, {"auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads", "strides"}}},
      {"GlobalAveragePool", {&L::read_global_pool, {}}},
      {"ReduceMean", {&L::read_mean, {"axes", "keepdims", "noop_with_empty_axes"}}},
      {"Pad", {&L::read_pad, {"mode", "pads", "value"}}},
      {"Shape", {&L::read_shape, {"start", "end"}}},
      {"Gather", {&L::read_gather, {"axis"}}},
      {"Unsqueeze", {&L::read_unsqueeze, {"axes"}}},
      {"Concat", {&L::read_concat, {"axis"}}},
      {"Add", {&L::read_add, {}}},
      {"Sum", {&L::read_sum, {}}},
      {"Mul", {&L::read_mul, {}}},
      {"Sub", {&L::read_sub, {}}},
      {"Div", {&L::read_div, {}}},
      {"Cast", {&L::read_cast, {"to"}}},
      {"Slice", {&L::read_slice, {"axes", "ends", "starts"}}},
      {"Split", {&L::arrange, {"axis", "num_outputs", "split"}}},
      {"Transpose", {&L::arrange, {"perm"}}},
      {"GatherND", {&L::arrange, {"batch_dims"}}},
      {"Where", {&L::arrange, {}}},
      {"Flatten", {&L::read_flatten, {"axis"}}},
      {"Reshape", {&L::read_reshape, {"allowzero"}}},
      {"Squeeze", {&L::read_squeeze, {"axes"}}},
      {"Dropout", {&L::read_dropout, {"ratio", "seed"}}},
      {"Identity", {&L::read_identity, {}}},
      {"Constant", {&L::read_constant, {"value", "value_float", "value_floats", "value_int", "value_ints"}}},
      {"Softmax", {&L::read_softmax, {"axis"}}},
      {"LogSoftmax", {&L::read_softmax, {"axis"}}},
  };
  return table;
}

OnnxLayers::OnnxLayers(OnnxFacts facts) : facts_(std::move(facts)) {
  net_.spec.name = sanitised(facts_.name);
  Layer input;
  input.name = unused_name("input");
  input.channels = facts_.image.channels;
  input.extent = {facts_.image.height, facts_.image.width};
  values_[facts_.input] = {.layer = append(input), .direct = true};
}

void OnnxLayers::add_constant(const std::string& name, const onnx::TensorProto& tensor) {
  values_[name] = {.constant = &tensor};
}

bool OnnxLayers::covers(const onnx::NodeProto& node) {
  return (node.domain().empty() || node.domain() == "ai.onnx") && operators().contains(node.op_type());
}

void OnnxLayers::add_node(const onnx::NodeProto& proto) {
  const auto known = operators().find(proto.op_type());
  if (!covers(proto)) {
    if (proto.op_type() == "ConvTranspose") storage::refuse("a transposed convolution is not covered: no classifier's maps grow");
    if (proto.op_type() == "LayerNormalization")
      storage::refuse("a norm over the channels at each place ties all of them together: none can be cut; choose a net with batch norm");
    if (proto.op_type() == "Resize" || proto.op_type() == "Upsample")
      storage::refuse("maps that grow are not covered: no classifier needs them; where it scales the image, export the net without it");
    std::vector<std::string> types;
    for (const auto& [type, read] : operators()) types.push_back(type);
    std::sort(types.begin(), types.end());
    storage::refuse(fmt::format("this operator is not covered; covered are {}", fmt::join(types, ", ")));
  }
  const OnnxNode node(proto);
  node.allow_only(known->second.attributes);
  for (int i = 0; i < node.input_count(); ++i) {
    if (!node.has_input(i)) continue;
    if (const auto read = values_.find(node.input(i)); read != values_.end() && read->second.arranged.defined() && !read->second.is_odd)
      read->second.is_odd = !settle(read->second);
  }
  (this->*known->second.read)(node);
}

OnnxNet OnnxLayers::finish() && {
  const auto found = values_.find(facts_.output);
  if (found != values_.end() && found->second.arranged.defined() && !settle(found->second))
    storage::refuse("is an arrangement of maps that is not covered");
  if (found == values_.end() || found->second.layer < 0) storage::refuse("nothing computed from the input is the output");
  const Value& output = found->second;
  if (output.ones != 0 || output.zeros != std::array{0, 0} || shape(output).height != 1 || shape(output).width != 1)
    storage::refuse(fmt::format("the output is {}; a classifier makes [N, classes]", to_string(shape(output))));
  if (!output.flat) {
    Layer layer;
    layer.name = unused_name("flatten");
    layer.kind = LayerKind::flatten;
    layer.inputs = {output.layer};
    append(std::move(layer));
  }
  output_shapes(net_.spec);
  decision_layer(net_.spec);
  return std::move(net_);
}

const OnnxLayers::Value& OnnxLayers::value(const OnnxNode& node, int i) const {
  const auto found = values_.find(node.input(i));
  if (found == values_.end()) storage::refuse(fmt::format("input '{}' is an output that is not covered", onnx_shown(node.input(i))));
  return found->second;
}

const OnnxLayers::Value& OnnxLayers::activation(const OnnxNode& node, int i, bool padded) const {
  const Value& x = value(node, i);
  if (x.gelu)
    storage::refuse(
        fmt::format("reads '{}', a map and a constant, which are covered as parts of GELU, x * (1 + erf(x / sqrt(2))) / 2, alone",
                    onnx_shown(node.input(i))));
  if (x.layer < 0) storage::refuse(fmt::format("input '{}' is no output of a layer", onnx_shown(node.input(i))));
  if (x.arranged.defined())
    storage::refuse(
        fmt::format("reads '{}', which '{}' made of layer '{}' and which is neither its maps flattened, nor some of its channels, nor "
                    "means over windows as an adaptive pool has them; nothing else is covered",
                    onnx_shown(node.input(i)), onnx_shown(x.maker), net_.spec.layers[x.layer].name));
  if (x.ones != 0) storage::refuse("reads a flat vector as a map, which only Mul may, as a gate");
  if (!padded && x.zeros != std::array{0, 0}) storage::refuse("reads the zeros of a Pad, which only Conv and AveragePool may");
  return x;
}

const OnnxLayers::Value& OnnxLayers::maps(const OnnxNode& node, bool padded) const {
  const Value& x = activation(node, 0, padded);
  if (x.flat) storage::refuse("reads [N, features] where it needs [N, channels, height, width]");
  return x;
}

const onnx::TensorProto& OnnxLayers::constant(const OnnxNode& node, int i) const {
  const Value& x = value(node, i);
  if (!x.constant) storage::refuse(fmt::format("input '{}' is computed; only a constant is covered", onnx_shown(node.input(i))));
  return *x.constant;
}

Tensor OnnxLayers::weight(const OnnxNode& node, int i) {
  const onnx::TensorProto& tensor = constant(node, i);
  facts_.most_bytes -= onnx_elements(tensor) * static_cast<std::int64_t>(sizeof(float));
  if (facts_.most_bytes < 0) storage::refuse("so many nodes share weights that the net would be more than 8 times as large as the file");
  return onnx_floats(tensor);
}

Tensor OnnxLayers::vector(const OnnxNode& node, int i, std::int64_t size) {
  Tensor read = weight(node, i);
  if (read.dim() != 1 || read.size(0) != size)
    storage::refuse(
        fmt::format("input '{}' has size [{}] where [{}] is needed", onnx_shown(node.input(i)), fmt::join(read.sizes(), ", "), size));
  return read;
}

double OnnxLayers::scalar(const OnnxNode& node, int i) {
  const Tensor read = weight(node, i);
  if (read.numel() != 1)
    storage::refuse(fmt::format("input '{}' has {} elements where one is needed", onnx_shown(node.input(i)), read.numel()));
  return std::stod(fmt::format("{}", read.item<float>()));
}

std::string OnnxLayers::unused_name(const std::string& wish) {
  const std::string valid = sanitised(wish);
  std::string name = valid;
  while (!names_.emplace(name, 1).second) name = fmt::format("{}_{}", valid, ++names_[valid]);
  return name;
}

/// `weight`: the value that gives the name, where it ends in ".weight".
Layer OnnxLayers::new_layer(const OnnxNode& node, LayerKind kind, const std::string& weight) {
  constexpr std::string_view suffix = ".weight";
  const bool named = weight.size() > suffix.size() && weight.ends_with(suffix) && weight.size() - suffix.size() <= longest_name;
  std::string wish = named ? weight.substr(0, weight.size() - suffix.size()) : node.proto().name();
  if (named && names_.count(sanitised(wish)) != 0) wish = node.proto().name();  // a weight that two nodes share
  Layer layer;
  layer.kind = kind;
  layer.name = unused_name(wish.empty() ? to_string(kind) : wish);
  if (kind == LayerKind::convolution || kind == LayerKind::linear) {
    const auto [owner, is_first] = owners_.emplace(weight, layer.name);
    if (!is_first)
      net_.notes.push_back(fmt::format("{} and {} share the weights '{}': each gets a copy, which cutting and training change by itself",
                                       owner->second, layer.name, onnx_shown(weight)));
  }
  return layer;
}

int OnnxLayers::append(Layer layer) {
  if (net_.spec.layers.size() >= max_layers) storage::refuse(fmt::format("the net has more than {} layers", max_layers));
  std::vector<Shape> inputs;
  for (const int from : layer.inputs) inputs.push_back(shapes_[from]);
  shapes_.push_back(layer_shape(layer, inputs));
  const auto above_zero = [&](int from) { return nonnegative_[static_cast<std::size_t>(from)]; };
  const bool keeps_sign = layer.kind == LayerKind::max_pool || layer.kind == LayerKind::average_pool || layer.kind == LayerKind::dropout ||
                          layer.kind == LayerKind::adaptive_average_pool || layer.kind == LayerKind::zero_pad ||
                          layer.kind == LayerKind::select || layer.kind == LayerKind::concat || layer.kind == LayerKind::add;
  nonnegative_.push_back(layer.kind == LayerKind::relu || layer.kind == LayerKind::relu6 || layer.kind == LayerKind::sigmoid ||
                         layer.kind == LayerKind::hard_sigmoid ||
                         (keeps_sign && std::all_of(layer.inputs.begin(), layer.inputs.end(), above_zero)));
  net_.spec.layers.push_back(std::move(layer));
  return static_cast<int>(shapes_.size()) - 1;
}

void OnnxLayers::define(const OnnxNode& node, Value value, int output) {
  if (node.proto().output_size() > output && !node.proto().output(output).empty()) values_[node.proto().output(output)] = std::move(value);
}

}  // namespace eval
