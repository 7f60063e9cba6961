// Builds a NetSpec and its weights from an ONNX graph's nodes, one after another in their order. The ONNX reader calls it after it has
// checked names and order.
//
// Exporters write one thing in many ways: a channel shuffle as Reshape, Transpose, Reshape, an adaptive pool as GatherND and masks. Such
// arithmetic is carried out on a probe, random numbers in the place of the maps that it starts from, until another node reads the result;
// then the result says what it is: the maps flattened, some of their channels in some order, or the means over windows.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "eval/formats/onnx.h"
#include "eval/formats/onnx_node.h"

namespace eval {

/// What the graph says about itself as a whole.
struct OnnxFacts {
  std::string name;  ///< the graph's
  std::int64_t operator_set = 0;
  std::string input, output;
  Shape image;
  std::int64_t batch = -1;      ///< -1: any
  std::int64_t most_bytes = 0;  ///< of the weights as fp32
};

/// Every member throws storage::Error(invalid) with what is wrong; the caller knows the file and the node.
class OnnxLayers {
 public:
  explicit OnnxLayers(OnnxFacts facts);

  /// Borrows a named constant.
  void add_constant(const std::string& name, const onnx::TensorProto& tensor);

  /// Whether nodes of this type are read.
  static bool covers(const onnx::NodeProto& node);

  /// A node will read the value: call it for all reads before the first add_node.
  void count_read(const std::string& name) { ++reads_[name]; }

  /// Makes what the node says; its inputs are there already.
  void add_node(const onnx::NodeProto& node);

  /// The net, whose output must be [N, classes].
  OnnxNet finish() &&;

 private:
  /// A part of factor * x * (1 + erf(x / sqrt(2))), where x is a layer's output (onnx_gelu.cpp).
  struct GeluPart {
    enum class Form { map, error, shifted, product };  ///< x, erf(x / sqrt(2)), 1 + that, x * that
    Form form = Form::map;
    int of = -1;        ///< the layer
    bool flat = false;  ///< as in Value
    double factor = 1;
  };
  /// What a name stands for: a constant, a layer's output, a list of numbers, or a part of a GELU.
  struct Value {
    const onnx::TensorProto* constant = nullptr;
    int layer = -1;
    bool flat = false;                  ///< [N, features]
    bool direct = false;                ///< the first name of the layer's output
    int ones = 0;                       ///< a flat vector as [N, features, 1, 1]: how many axes of 1 it was given
    std::array<int, 2> zeros{0, 0};     ///< rows above and below, columns left and right that Pad put around
    std::vector<std::int64_t> numbers;  ///< computed from a Shape
    std::optional<GeluPart> gelu = {};  ///< then there is no layer yet
    torch::Tensor arranged = {};        ///< what became of the layer's probe, where the value is no layer's output (yet); else undefined
    std::string maker = {};             ///< the node that arranged it
    bool is_odd = false;                ///< no layers make that arrangement
  };
  struct Operator {
    void (OnnxLayers::*read)(const OnnxNode&);
    std::vector<const char*> attributes;
  };
  static const std::unordered_map<std::string, Operator>& operators();

  void read_convolution(const OnnxNode& node);
  void read_gemm(const OnnxNode& node);
  void read_matmul(const OnnxNode& node);
  void read_batch_norm(const OnnxNode& node);
  void read_response_norm(const OnnxNode& node);
  void read_relu(const OnnxNode& node);
  void read_clip(const OnnxNode& node);
  void read_leaky_relu(const OnnxNode& node);
  void read_prelu(const OnnxNode& node);
  void read_sigmoid(const OnnxNode& node);
  void read_hard_sigmoid(const OnnxNode& node);
  void read_hard_swish(const OnnxNode& node);
  void read_gelu(const OnnxNode& node);
  void read_erf(const OnnxNode& node);
  void read_max_pool(const OnnxNode& node);
  void read_average_pool(const OnnxNode& node);
  void read_global_pool(const OnnxNode& node);
  void read_mean(const OnnxNode& node);
  void read_pad(const OnnxNode& node);
  void read_shape(const OnnxNode& node);
  void read_gather(const OnnxNode& node);
  void read_unsqueeze(const OnnxNode& node);
  void read_concat(const OnnxNode& node);
  void read_add(const OnnxNode& node);
  void read_sum(const OnnxNode& node);
  void read_sub(const OnnxNode& node);
  void read_div(const OnnxNode& node);
  void read_mul(const OnnxNode& node);
  void read_cast(const OnnxNode& node);
  void read_slice(const OnnxNode& node);
  void read_flatten(const OnnxNode& node);
  void read_reshape(const OnnxNode& node);
  void read_squeeze(const OnnxNode& node);
  void read_dropout(const OnnxNode& node);
  void read_identity(const OnnxNode& node);
  void read_constant(const OnnxNode& node);
  void read_softmax(const OnnxNode& node);

  const Value& value(const OnnxNode& node, int i) const;
  const Value& activation(const OnnxNode& node, int i, bool padded = false) const;
  const Value& maps(const OnnxNode& node, bool padded = false) const;
  const Shape& shape(const Value& value) const { return shapes_[value.layer]; }
  const onnx::TensorProto& constant(const OnnxNode& node, int i) const;
  std::vector<std::int64_t> numbers(const OnnxNode& node, int i) const;
  torch::Tensor weight(const OnnxNode& node, int i);
  torch::Tensor vector(const OnnxNode& node, int i, std::int64_t size);
  double scalar(const OnnxNode& node, int i);  ///< as OnnxNode::number

  Layer new_layer(const OnnxNode& node, LayerKind kind, const std::string& weight = "");
  std::string unused_name(const std::string& wish);
  int append(Layer layer);
  void define(const OnnxNode& node, Value value, int output = 0);
  void append_activation(const OnnxNode& node, LayerKind kind, double slope = Layer{}.slope);
  void append_flatten(const OnnxNode& node, const Value& x);
  void read_window(const OnnxNode& node, Layer& layer, const Shape& input, std::array<int, 2> zeros);
  int append_zero_pad(int from, const std::string& name, const std::array<int, 4>& pads);
  bool merge_self_gate(const OnnxNode& node, int gate_input);
  void append_linear(const OnnxNode& node, torch::Tensor weight, torch::Tensor bias);
  void add_bias(const OnnxNode& node, const Value& x, int constant);
  bool compute_numbers(const OnnxNode& node, const std::function<std::int64_t(std::int64_t, std::int64_t)>& compute);

  // onnx_gelu.cpp: whether the node is a step of a GELU, which is then taken
  bool take_gelu_div(const OnnxNode& node);
  bool take_gelu_mul(const OnnxNode& node);
  bool take_gelu_add(const OnnxNode& node);
  bool scale_gelu(const OnnxNode& node, int i, double factor);
  void define_gelu(const OnnxNode& node, const GeluPart& part);
  std::optional<GeluPart> gelu_part(const OnnxNode& node, int i) const;
  std::optional<double> single_number(const OnnxNode& node, int i);

  // onnx_layout.cpp
  void arrange(const OnnxNode& node);
  bool is_arranged(const OnnxNode& node) const;
  bool is_float_constant(const OnnxNode& node) const;
  std::int64_t probe_batch() const { return facts_.batch > 0 ? facts_.batch : 2; }
  void count_arranged(std::int64_t values);
  const torch::Tensor& probe(const Value& value);
  torch::Tensor operand(const OnnxNode& node, int i);
  std::vector<torch::Tensor> arranged_outputs(const OnnxNode& node);
  std::vector<std::int64_t> layout_numbers(const OnnxNode& node, int i, const char* attribute) const;
  bool settle(Value& value);
  int append_arranged(LayerKind kind, const Value& value, int from, const std::function<void(Layer&)>& fill = {});

  OnnxFacts facts_;
  OnnxNet net_;
  std::vector<Shape> shapes_;
  std::vector<bool> nonnegative_;                  ///< by layer: no output is below 0
  std::unordered_map<int, torch::Tensor> probes_;  ///< by layer: random numbers in the place of its output
  std::unordered_map<std::string, Value> values_;
  std::int64_t arranged_ = 0;  ///< numbers that probes have and arrangements have made
  std::unordered_map<std::string, int> reads_;
  std::unordered_map<std::string, std::string> owners_;   ///< by the name of a weight: the layer that read it first
  std::unordered_map<std::string, int> names_;            ///< layer names taken, and the last number given to one that was wished again
  std::vector<std::shared_ptr<onnx::TensorProto>> made_;  ///< constants from a node's numbers
};

}  // namespace eval
