#include "eval/formats/onnx_node.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "storage/base/error.h"

namespace eval {

namespace {

using onnx::AttributeProto;

constexpr int most_integers = 64;

AttributeProto& added(onnx::NodeProto& node, const char* name, AttributeProto::AttributeType type) {
  AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

}  // namespace

void set_attribute(onnx::NodeProto& node, const char* name, std::int64_t value) {
  added(node, name, AttributeProto::INT).set_i(value);
}

void set_attribute(onnx::NodeProto& node, const char* name, double value) {
  added(node, name, AttributeProto::FLOAT).set_f(static_cast<float>(value));
}

void set_attribute(onnx::NodeProto& node, const char* name, const char* value) {
  added(node, name, AttributeProto::STRING).set_s(value);
}

void set_attribute(onnx::NodeProto& node, const char* name, std::initializer_list<std::int64_t> values) {
  AttributeProto& attribute = added(node, name, AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

std::string onnx_shown(const std::string& text) {
  std::string shown = text.size() > 60 ? fmt::format("{}...", text.substr(0, 57)) : text;
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
  return shown;
}

std::string onnx_label(const onnx::NodeProto& node, int index) {
  const std::string name = node.name().empty() ? std::to_string(index) : fmt::format("'{}'", onnx_shown(node.name()));
  const bool standard = node.domain().empty() || node.domain() == "ai.onnx";
  return fmt::format("node {} ({}{})", name, standard ? "" : onnx_shown(node.domain()) + ":", onnx_shown(node.op_type()));
}

OnnxNode::OnnxNode(const onnx::NodeProto& node) : node_(node) {
  for (const AttributeProto& attribute : node.attribute()) {
    if (!attributes_.emplace(attribute.name(), &attribute).second)
      storage::refuse(fmt::format("has attribute '{}' twice", onnx_shown(attribute.name())));
  }
}

int OnnxNode::input_count() const {
  return node_.input_size();
}

bool OnnxNode::has_input(int i) const {
  return i < node_.input_size() && !node_.input(i).empty();
}

const std::string& OnnxNode::input(int i) const {
  if (!has_input(i)) storage::refuse(fmt::format("input {} is missing", i));
  return node_.input(i);
}

void OnnxNode::allow_only(const std::vector<const char*>& attributes) const {
  for (const AttributeProto& attribute : node_.attribute()) {
    if (std::find(attributes.begin(), attributes.end(), attribute.name()) == attributes.end())
      storage::refuse(fmt::format("attribute '{}' is not covered", onnx_shown(attribute.name())));
  }
}

const AttributeProto* OnnxNode::find(const std::string& attribute, int type, const char* type_name) const {
  const auto found = attributes_.find(attribute);
  if (found == attributes_.end()) return nullptr;
  if (found->second->type() != type || !found->second->ref_attr_name().empty())
    storage::refuse(fmt::format("attribute '{}' is not {}", attribute, type_name));
  return found->second;
}

std::int64_t OnnxNode::integer(const std::string& attribute, std::int64_t fallback) const {
  const AttributeProto* found = find(attribute, AttributeProto::INT, "an integer");
  return found ? found->i() : fallback;
}

std::vector<std::int64_t> OnnxNode::integers(const std::string& attribute, std::vector<std::int64_t> fallback) const {
  const AttributeProto* found = find(attribute, AttributeProto::INTS, "a list of integers");
  if (!found) return fallback;
  if (found->ints_size() > most_integers)
    storage::refuse(fmt::format("attribute '{}' has {} numbers; at most {} are covered", attribute, found->ints_size(), most_integers));
  return {found->ints().begin(), found->ints().end()};
}

std::string OnnxNode::text(const std::string& attribute, const std::string& fallback) const {
  const AttributeProto* found = find(attribute, AttributeProto::STRING, "a text");
  return found ? found->s() : fallback;
}

double OnnxNode::number(const std::string& attribute, double fallback) const {
  const AttributeProto* found = find(attribute, AttributeProto::FLOAT, "a number");
  if (!found) return fallback;
  if (!std::isfinite(found->f())) storage::refuse(fmt::format("attribute '{}' is {}, not a finite number", attribute, found->f()));
  return std::stod(fmt::format("{}", found->f()));
}

const onnx::TensorProto& OnnxNode::tensor(const std::string& attribute) const {
  const AttributeProto* found = find(attribute, AttributeProto::TENSOR, "a tensor");
  if (!found) storage::refuse(fmt::format("attribute '{}' is missing", attribute));
  return found->t();
}

}  // namespace eval
