// One node of an ONNX graph: its attributes by name. The ONNX writer sets them; the reader gets each checked for its type.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <unordered_map>
#include <vector>

namespace onnx {
class AttributeProto;
class NodeProto;
class TensorProto;
}  // namespace onnx

namespace eval {

/// Adds an attribute; a number is stored as fp32.
void set_attribute(onnx::NodeProto& node, const char* name, std::int64_t value);
void set_attribute(onnx::NodeProto& node, const char* name, double value);
void set_attribute(onnx::NodeProto& node, const char* name, const char* value);
void set_attribute(onnx::NodeProto& node, const char* name, std::initializer_list<std::int64_t> values);

/// A text of the file as a message may show it: at most 60 characters, all of them printable.
std::string onnx_shown(const std::string& text);

/// "node 'Conv_3' (Conv)", or "node 3 (Conv)" where it has no name.
std::string onnx_label(const onnx::NodeProto& node, int index);

class OnnxNode {
 public:
  /// Borrows the node. Throws storage::Error(invalid) where two attributes share a name.
  explicit OnnxNode(const onnx::NodeProto& node);

  const onnx::NodeProto& proto() const { return node_; }
  int input_count() const;

  /// Whether input i is there; optional inputs may be left out or have the empty name.
  bool has_input(int i) const;

  /// The name of input i. Throws storage::Error(invalid) where it is not there.
  const std::string& input(int i) const;

  bool has(const std::string& attribute) const { return attributes_.count(attribute) != 0; }

  /// Throws storage::Error(invalid) naming an attribute that is not among these.
  void allow_only(const std::vector<const char*>& attributes) const;

  /// The value, or the fallback where the attribute is missing; Error(invalid) where it has another type. `integers` has at most 64.
  std::int64_t integer(const std::string& attribute, std::int64_t fallback) const;
  std::vector<std::int64_t> integers(const std::string& attribute, std::vector<std::int64_t> fallback = {}) const;
  std::string text(const std::string& attribute, const std::string& fallback) const;

  /// fp32 as the decimal number that was meant: 1e-5, not 9.99999975e-6.
  double number(const std::string& attribute, double fallback) const;

  const onnx::TensorProto& tensor(const std::string& attribute) const;

 private:
  const onnx::AttributeProto* find(const std::string& attribute, int type, const char* type_name) const;

  const onnx::NodeProto& node_;
  std::unordered_map<std::string, const onnx::AttributeProto*> attributes_;
};

}  // namespace eval
