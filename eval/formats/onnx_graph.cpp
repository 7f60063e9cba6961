#include "eval/formats/onnx_graph.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <utility>

#include "eval/formats/onnx_node.h"
#include "eval/nets/layer_shape.h"
#include "storage/base/error.h"

namespace eval {

using storage::Error;
using storage::ErrorKind;

static_assert(std::endian::native == std::endian::little, "raw data of ONNX is little-endian");

namespace {

constexpr double hard_sigmoid_slope = 1. / 6;  // beta is 0.5 by default

[[noreturn]] void refuse(const Layer& layer, const std::string& why) {
  throw Error(ErrorKind::invalid, fmt::format("layer '{}' ({}) cannot be written as ONNX: {}", layer.name, to_string(layer.kind), why));
}

/// The name of a part of a layer, as "act#gate". No layer's name has a '#', so that it is no other layer's either.
std::string part_of(const std::string& layer, const std::string& what) {
  return layer + "#" + what;
}

void set_window(onnx::NodeProto& node, const Layer& layer) {
  set_attribute(node, "kernel_shape", {layer.kernel[0], layer.kernel[1]});
  set_attribute(node, "strides", {layer.stride[0], layer.stride[1]});
  set_attribute(node, "pads", {layer.padding[0], layer.padding[1], layer.padding[0], layer.padding[1]});
}

/// What ceil_mode must say: false where it adds no window. ONNX before operator set 19 keeps a last window that starts in the padding,
/// PyTorch does not.
bool adds_windows(const Layer& layer, const Shape& input, const Shape& output) {
  bool any = false, all_as_onnx = true;
  for (const int axis : {0, 1}) {
    const std::int64_t extent = axis == 0 ? input.height : input.width, made = axis == 0 ? output.height : output.width;
    const std::int64_t stride = layer.stride[axis],
                       room = extent + 2 * layer.padding[axis] - std::int64_t{layer.dilation[axis]} * (layer.kernel[axis] - 1) - 1;
    any = any || room < 0 || made != room / stride + 1;
    all_as_onnx = all_as_onnx && made == (room + stride - 1) / stride + 1;
  }
  if (any && !all_as_onnx) refuse(layer, "with ceil_mode and this padding runtimes make outputs of different sizes");
  return any;
}

void set_shape(onnx::ValueInfoProto& info, const std::string& name, const Shape& shape, bool flat) {
  info.set_name(name);
  onnx::TypeProto::Tensor& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  type.mutable_shape()->add_dim()->set_dim_param("N");
  type.mutable_shape()->add_dim()->set_dim_value(shape.channels);
  if (flat) return;
  type.mutable_shape()->add_dim()->set_dim_value(shape.height);
  type.mutable_shape()->add_dim()->set_dim_value(shape.width);
}

/// Adds the layers one by one. Names of values end in ".output" or ".input", so that none is a tensor's; only "images" and "scores" have no
/// dot. Nodes and values that are not a layer's own have a '#' in their names (part_of).
class GraphWriter {
 public:
  GraphWriter(const NetSpec& spec, const Weights& weights, int operator_set)
      : operator_set_(operator_set), spec_(spec), weights_(weights), shapes_(output_shapes(spec)), sizes_(tensor_sizes(spec)) {}

  /// `pixels`: how the net's input is made of them; nothing where it is given as the net takes it.
  onnx::ModelProto model(const std::optional<PixelStatistics>& pixels) && {
    model_.set_ir_version(is_old() ? 5 : operator_set_ < 15 ? 7 : 8);
    model_.set_producer_name("nas-run");
    onnx::OperatorSetIdProto& set = *model_.add_opset_import();
    set.set_domain("");
    set.set_version(operator_set_);
    graph().set_name(spec_.name);
    set_shape(*graph().add_input(), "images", shapes_[0], /*flat=*/false);
    values_.push_back({pixels ? add_normalisation(*pixels) : "images", false});
    for (std::size_t i = 1; i < spec_.layers.size(); ++i) values_.push_back(add(i));
    if (pixels)
      set_attribute(add_node("Softmax", part_of("", "probabilities"), {values_.back().name}, "scores"), "axis", std::int64_t{1});
    else if (values_.back().name != "scores")
      add_node("Identity", part_of("", "scores"), {values_.back().name}, "scores");
    set_shape(*graph().add_output(), "scores", shapes_.back(), values_.back().flat);
    return std::move(model_);
  }

 private:
  struct Value {
    std::string name;
    bool flat;  ///< [N, channels] rather than [N, channels, height, width]
  };

  onnx::GraphProto& graph() { return *model_.mutable_graph(); }
  bool is_old() const { return operator_set_ == old_onnx_operator_set; }

  onnx::NodeProto& add_node(const char* type, const std::string& name, const std::vector<std::string>& inputs, const std::string& output) {
    onnx::NodeProto& node = *graph().add_node();
    node.set_op_type(type);
    node.set_name(name);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }

  /// The name of the net's input, made of pixels by a batch norm, which every runtime has.
  std::string add_normalisation(const PixelStatistics& pixels) {
    const std::string name = onnx_pixels, made = name + ".output";
    std::vector<std::string> inputs{"images"};
    const auto add_input = [&](const char* what, const torch::Tensor& tensor) { add_tensor(inputs.emplace_back(name + what), tensor); };
    add_input(".weight", torch::ones_like(pixels.mean));
    add_input(".bias", torch::zeros_like(pixels.mean));
    add_input(".mean", pixels.mean);
    add_input(".var", pixels.deviation.square());
    set_attribute(add_node("BatchNormalization", name, inputs, made), "epsilon", 0.);
    ends_in_softmax_ = true;
    return made;
  }

  std::string output_name(const Layer& layer) const {
    return &layer == &spec_.layers.back() && !ends_in_softmax_ ? "scores" : layer.name + ".output";
  }

  void add_tensor(const std::string& name, const torch::Tensor& tensor) {
    const torch::Tensor plain = tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
    onnx::TensorProto& written = *graph().add_initializer();
    written.set_name(name);
    written.set_data_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t size : plain.sizes()) written.add_dims(size);
    written.set_raw_data(plain.data_ptr(), plain.nbytes());
  }

  /// Adds a number without dimensions and returns its name.
  std::string add_number(const std::string& name, double value) {
    add_tensor(name, torch::tensor(value));
    return name;
  }

  /// Adds integers and returns their name: what newer operator sets take as an input.
  std::string add_integers(const std::string& name, const std::vector<std::int64_t>& numbers) {
    onnx::TensorProto& written = *graph().add_initializer();
    written.set_name(name);
    written.set_data_type(onnx::TensorProto::INT64);
    written.add_dims(static_cast<std::int64_t>(numbers.size()));
    written.set_raw_data(numbers.data(), numbers.size() * sizeof(std::int64_t));
    return name;
  }

  /// A tensor of the layer that the net has, of the size that it needs.
  const torch::Tensor& tensor_of(const Layer& layer, const std::string& name) const {
    const auto tensor = weights_.find(name);
    if (tensor == weights_.end()) refuse(layer, fmt::format("tensor {} is missing", name));
    if (const auto& size = sizes_.at(name); tensor->second.sizes() != size)
      refuse(layer, fmt::format("tensor {} has size [{}], the net needs [{}]", name, fmt::join(tensor->second.sizes(), ", "),
                                fmt::join(size, ", ")));
    return tensor->second;
  }

  /// Adds the tensors of a layer, in this order, and their names to the inputs.
  void add_weights(const Layer& layer, std::initializer_list<const char*> what, std::vector<std::string>& inputs) {
    for (const char* suffix : what) {
      const std::string name = layer.name + suffix;
      if (!sizes_.contains(name)) continue;  // no bias
      add_tensor(name, tensor_of(layer, name));
      inputs.push_back(name);
    }
  }

  Value add_adaptive_pool(const Layer& layer, const Value& x, const Shape& input) {
    if (input.height == layer.size && input.width == layer.size) return x;
    if (layer.size == 1) {
      add_node("GlobalAveragePool", layer.name, {x.name}, output_name(layer));
      return {output_name(layer), false};
    }
    if (input.height % layer.size != 0 || input.width % layer.size != 0) return add_uneven_pool(layer, x, input);
    const int height = input.height / layer.size, width = input.width / layer.size;
    onnx::NodeProto& node = add_node("AveragePool", layer.name, {x.name}, output_name(layer));
    set_attribute(node, "kernel_shape", {height, width});
    set_attribute(node, "strides", {height, width});
    return {output_name(layer), false};
  }

  /// Means over windows of different sizes: a product with a constant matrix along the width, and one along the height.
  Value add_uneven_pool(const Layer& layer, const Value& x, const Shape& input) {
    const auto add_product = [&](const std::string& from, const std::string& name, int extent, const std::string& turned,
                                 const std::string& to) {
      add_tensor(name, torch::adaptive_avg_pool1d(torch::eye(extent).unsqueeze(0), layer.size)[0]);
      add_node("MatMul", name, {from, name}, name + ".output");
      set_attribute(add_node("Transpose", turned, {name + ".output"}, to), "perm", {0, 1, 3, 2});
    };
    const std::string width = part_of(layer.name, "width"), turned = width + ".turned";
    add_product(x.name, width, input.width, turned, turned + ".output");
    add_product(turned + ".output", part_of(layer.name, "height"), input.height, layer.name, output_name(layer));
    return {output_name(layer), false};
  }

  void add_pad(const std::string& name, const std::string& from, const std::array<int, 2>& before, const std::array<int, 2>& after,
               const std::string& to) {
    const std::initializer_list<std::int64_t> pads{0, 0, before[0], before[1], 0, 0, after[0], after[1]};
    if (is_old())
      set_attribute(add_node("Pad", name, {from}, to), "pads", pads);
    else
      add_node("Pad", name, {from, add_integers(part_of(name, "pads"), pads)}, to);
  }

  /// Channels in another order. OpenCV 4 gathers no list, so the old operator set has a convolution by ones and zeros.
  void add_select(const Layer& layer, const Value& x, const Shape& input) {
    const std::vector<std::int64_t> indices(layer.indices.begin(), layer.indices.end());
    const auto ints = [&](const char* what, std::int64_t value) { return add_integers(part_of(layer.name, what), {value}); };
    if (is_slice(layer)) {
      add_node("Slice", layer.name, {x.name, ints("starts", indices.front()), ints("ends", indices.back() + 1), ints("axes", 1)},
               output_name(layer));
    } else if (is_old() && !x.flat) {
      const torch::Tensor matrix = torch::eye(input.channels).index_select(0, torch::tensor(indices, torch::kInt64));
      const std::string name = part_of(layer.name, "matrix");
      add_tensor(name, matrix.view({matrix.size(0), matrix.size(1), 1, 1}));
      set_attribute(add_node("Conv", layer.name, {x.name, name}, output_name(layer)), "kernel_shape", {1, 1});
    } else {
      const std::string name = add_integers(part_of(layer.name, "indices"), indices);
      set_attribute(add_node("Gather", layer.name, {x.name, name}, output_name(layer)), "axis", std::int64_t{1});
    }
  }

  /// x times a gate that it makes itself: older operator sets have no node for it, and OpenCV 4 none for HardSwish.
  Value add_self_gated(const Layer& layer, const Value& x, const char* gate) {
    onnx::NodeProto& node = add_node(gate, part_of(layer.name, "gate"), {x.name}, layer.name + ".input");
    if (layer.kind == LayerKind::hard_swish) set_attribute(node, "alpha", hard_sigmoid_slope);
    add_node("Mul", layer.name, {x.name, layer.name + ".input"}, output_name(layer));
    return {output_name(layer), x.flat};
  }

  /// x * (1 + erf(x / sqrt(2))) / 2, in the nodes that PyTorch writes: Gelu came with operator set 20.
  Value add_gelu(const Layer& layer, const Value& x) {
    const auto number = [&](const char* what, double value) { return add_number(part_of(layer.name, what), value); };
    const auto part = [&](const char* type, const char* what, const std::vector<std::string>& inputs) {
      const std::string name = part_of(layer.name, what), made = name + ".output";
      add_node(type, name, inputs, made);
      return made;
    };
    const std::string scaled = part("Div", "scaled", {x.name, number("root", std::sqrt(2.))});
    const std::string shifted = part("Add", "shifted", {part("Erf", "erf", {scaled}), number("one", 1)});
    const std::string twice = part("Mul", "twice", {x.name, shifted});
    add_node("Mul", layer.name, {twice, number("half", 0.5)}, output_name(layer));
    return {output_name(layer), x.flat};
  }

  Value add(std::size_t index) {
    const Layer& layer = spec_.layers[index];
    const Value x = values_[layer.inputs[0]];
    const Shape& input = shapes_[layer.inputs[0]];
    const auto node = [&](const char* type, const std::vector<std::string>& inputs) -> onnx::NodeProto& {
      return add_node(type, layer.name, inputs, output_name(layer));
    };
    const auto all_inputs = [&] {
      std::vector<std::string> names;
      for (const int from : layer.inputs) names.push_back(values_[from].name);
      return names;
    };
    const Value made{output_name(layer), x.flat}, flat{output_name(layer), true};
    std::vector<std::string> inputs{x.name};
    switch (layer.kind) {
      case LayerKind::input:
        break;
      case LayerKind::dropout:
        return x;
      case LayerKind::convolution: {
        add_weights(layer, {".weight", ".bias"}, inputs);
        onnx::NodeProto& convolution = node("Conv", inputs);
        set_window(convolution, layer);
        set_attribute(convolution, "dilations", {layer.dilation[0], layer.dilation[1]});
        set_attribute(convolution, "group", std::int64_t{layer.groups});
        return made;
      }
      case LayerKind::linear:
        if (!x.flat) {
          inputs = {layer.name + ".input"};
          set_attribute(add_node("Flatten", part_of(layer.name, "flatten"), {x.name}, inputs[0]), "axis", std::int64_t{1});
        }
        add_weights(layer, {".weight", ".bias"}, inputs);
        if (is_old() && !layer.bias) {  // there Gemm must have one
          add_tensor(layer.name + ".bias", torch::zeros({layer.channels}));
          inputs.push_back(layer.name + ".bias");
        }
        set_attribute(node("Gemm", inputs), "transB", std::int64_t{1});
        return flat;
      case LayerKind::batch_norm:
        add_weights(layer, {".weight", ".bias", ".running_mean", ".running_var"}, inputs);
        set_attribute(node("BatchNormalization", inputs), "epsilon", layer.epsilon);
        return made;
      case LayerKind::local_response_norm: {
        // PyTorch's window begins size / 2 channels before the middle, ONNX's (size - 1) / 2. Both divide alpha by the size.
        if (layer.size % 2 == 0)
          refuse(layer, fmt::format("ONNX puts a window of {} channels one channel further than PyTorch; odd sizes agree", layer.size));
        onnx::NodeProto& norm = node("LRN", inputs);
        set_attribute(norm, "size", std::int64_t{layer.size});
        set_attribute(norm, "alpha", layer.alpha);
        set_attribute(norm, "beta", layer.beta);
        set_attribute(norm, "bias", layer.k);
        return made;
      }
      case LayerKind::relu:
        node("Relu", inputs);
        return made;
      case LayerKind::relu6: {
        if (!is_old()) {
          for (const auto& [bound, value] : {std::pair("min", 0.), std::pair("max", 6.)})
            inputs.push_back(add_number(part_of(layer.name, bound), value));
          node("Clip", inputs);
          return made;
        }
        onnx::NodeProto& clip = node("Clip", inputs);
        set_attribute(clip, "min", 0.);
        set_attribute(clip, "max", 6.);
        return made;
      }
      case LayerKind::leaky_relu:
        set_attribute(node("LeakyRelu", inputs), "alpha", layer.slope);
        return made;
      case LayerKind::sigmoid:
        node("Sigmoid", inputs);
        return made;
      case LayerKind::hard_sigmoid:
        set_attribute(node("HardSigmoid", inputs), "alpha", hard_sigmoid_slope);
        return made;
      case LayerKind::prelu: {
        const torch::Tensor& slopes = tensor_of(layer, layer.name + ".weight");
        add_tensor(layer.name + ".weight", x.flat ? slopes : slopes.view({-1, 1, 1}));
        inputs.push_back(layer.name + ".weight");
        node("PRelu", inputs);
        return made;
      }
      case LayerKind::silu:
        return add_self_gated(layer, x, "Sigmoid");
      case LayerKind::hard_swish:
        return add_self_gated(layer, x, "HardSigmoid");
      case LayerKind::gelu:
        return add_gelu(layer, x);
      case LayerKind::max_pool: {
        onnx::NodeProto& pool = node("MaxPool", inputs);
        set_window(pool, layer);
        set_attribute(pool, "dilations", {layer.dilation[0], layer.dilation[1]});
        set_attribute(pool, "ceil_mode", std::int64_t{adds_windows(layer, input, shapes_[index])});
        return made;
      }
      case LayerKind::average_pool: {
        const bool padded = layer.padding != std::array{0, 0}, ceil_mode = adds_windows(layer, input, shapes_[index]);
        if (padded && ceil_mode) refuse(layer, "with ceil_mode and padding runtimes divide the last window by different counts");
        Layer window = layer;
        if (padded && layer.count_padding) {  // by itself: OpenCV 4 passes over count_include_pad
          inputs = {layer.name + ".input"};
          add_pad(part_of(layer.name, "pad"), x.name, layer.padding, layer.padding, inputs[0]);
          window.padding = {0, 0};
        }
        onnx::NodeProto& pool = node("AveragePool", inputs);
        set_window(pool, window);
        set_attribute(pool, "ceil_mode", std::int64_t{ceil_mode});
        return made;
      }
      case LayerKind::zero_pad:
        add_pad(layer.name, x.name, layer.padding, layer.padding_end, output_name(layer));
        return made;
      case LayerKind::select:
        add_select(layer, x, input);
        return made;
      case LayerKind::adaptive_average_pool:
        return add_adaptive_pool(layer, x, input);
      case LayerKind::concat:
        set_attribute(node("Concat", all_inputs()), "axis", std::int64_t{1});
        return made;
      case LayerKind::add:
        node(layer.inputs.size() == 2 ? "Add" : "Sum", all_inputs());
        return made;
      case LayerKind::multiply: {
        std::string gate = values_[layer.inputs[1]].name;
        if (values_[layer.inputs[1]].flat && !x.flat) {
          for (const std::int64_t axis : {2, 3}) {  // one by one: OpenCV 4.6 knows no other
            const std::string name = part_of(layer.name, fmt::format("axis{}", axis)), before = std::exchange(gate, name + ".output");
            if (is_old())
              set_attribute(add_node("Unsqueeze", name, {before}, gate), "axes", {axis});
            else
              add_node("Unsqueeze", name, {before, add_integers(part_of(name, "axes"), {axis})}, gate);
          }
        }
        node("Mul", {x.name, gate});
        return made;
      }
      case LayerKind::flatten:
        set_attribute(node("Flatten", inputs), "axis", std::int64_t{1});
        return flat;
    }
    throw Error(ErrorKind::internal, fmt::format("layer {} is of no known kind", layer.name));
  }

  const int operator_set_;
  const NetSpec& spec_;
  const Weights& weights_;
  const std::vector<Shape> shapes_;
  const std::map<std::string, std::vector<std::int64_t>> sizes_;
  onnx::ModelProto model_;
  std::vector<Value> values_;
  bool ends_in_softmax_ = false;
};

}  // namespace

onnx::ModelProto onnx_graph(const NetSpec& spec, const Weights& weights, int operator_set, const std::optional<PixelStatistics>& pixels) {
  return GraphWriter(spec, weights, operator_set).model(pixels);
}

}  // namespace eval
