#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "eval/formats/onnx.h"
#include "eval/formats/onnx_external.h"
#include "eval/formats/onnx_layers.h"
#include "eval/formats/onnx_node.h"
#include "eval/formats/onnx_tensor.h"
#include "eval/nets/layer_shape.h"
#include "storage/base/error.h"
#include "storage/base/file.h"

namespace eval {

using storage::Error;
using storage::ErrorKind;

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr std::uintmax_t most_file_bytes = std::numeric_limits<std::int32_t>::max();
constexpr int most_parts = 1'000'000, deepest = 50, oldest_read = 7, newest_read = 24;
constexpr std::int64_t most_growth = 8, small_file = 1 << 16;
constexpr std::int64_t most_varint_bytes = 1 << 29;  // VGG16 in half precision, as int32_data, has 0.4 GB

WireFormatLite::WireType wire_of(const FieldDescriptor& field) {
  return WireFormatLite::WireTypeForFieldType(static_cast<WireFormatLite::FieldType>(field.type()));
}

/// A number of a list, or many of them.
bool is_of_list(const FieldDescriptor* field, WireFormatLite::WireType wire) {
  return field && field->is_packable() && (wire == WireFormatLite::WIRETYPE_LENGTH_DELIMITED || wire == wire_of(*field));
}

/// What a file may hold before it is parsed, for what it takes in memory: a field a hundred times the two bytes that it may have in the
/// file, and protobuf keeps also what it does not know; a whole number of a list up to eight times its byte; the floats of a list no more.
struct Left {
  int parts = most_parts;
  std::int64_t varint_bytes = most_varint_bytes;
};

/// Walks through the bytes and takes what they hold off `left`. False where they are no such message.
bool count_parts(CodedInputStream& in, const Descriptor& type, int depth, Left& left) {
  if (depth > deepest) return false;
  while (const std::uint32_t tag = in.ReadTag()) {
    const FieldDescriptor* field = type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    const WireFormatLite::WireType wire = WireFormatLite::GetTagWireType(tag);
    if (wire == WireFormatLite::WIRETYPE_START_GROUP) return false;  // ONNX has no groups, and one hides what it holds
    const bool of_list = is_of_list(field, wire);
    if (!of_list && --left.parts < 0)
      storage::refuse(fmt::format("has more than {} nodes, tensors, attributes, names and other fields", most_parts));
    const bool delimited = wire == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
    if (!delimited || !field || !field->message_type()) {
      const int begin = in.CurrentPosition();
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      if (of_list && wire_of(*field) == WireFormatLite::WIRETYPE_VARINT) left.varint_bytes -= in.CurrentPosition() - begin;
      if (left.varint_bytes < 0)
        storage::refuse(fmt::format("has more than {} MiB of whole numbers in lists; valid: weights as raw data", most_varint_bytes >> 20));
      continue;
    }
    int length = 0;
    if (!in.ReadVarintSizeAsInt(&length)) return false;
    const CodedInputStream::Limit limit = in.PushLimit(length);
    if (!count_parts(in, *field->message_type(), depth + 1, left) || !in.ConsumedEntireMessage()) return false;
    in.PopLimit(limit);
  }
  return true;
}

onnx::ModelProto parsed(const std::string& bytes) {
  const char* const none = "not a valid ONNX file";
  const int length = static_cast<int>(bytes.size());
  CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()), length);
  Left left;
  if (!count_parts(in, *onnx::ModelProto::descriptor(), 0, left) || !in.ConsumedEntireMessage()) storage::refuse(none);
  onnx::ModelProto model;
  bool good = false;
  try {
    good = model.ParseFromArray(bytes.data(), length);
  } catch (const std::exception& error) {
    storage::refuse(fmt::format("{}: {}", none, error.what()));
  }
  if (!good || !model.has_graph()) storage::refuse(none);
  return model;
}

std::int64_t operator_set_of(const onnx::ModelProto& model) {
  std::int64_t version = 0;
  for (const onnx::OperatorSetIdProto& set : model.opset_import()) {
    if (!set.domain().empty() && set.domain() != "ai.onnx") continue;
    if (version != 0) storage::refuse("names its operator set twice");
    version = set.version();
  }
  if (version < oldest_read || version > newest_read)
    storage::refuse(fmt::format("its operator set {} is not in [{}, {}]", version, oldest_read, newest_read));
  return version;
}

/// The size along an axis: what the file says, or where that is free what the caller gives.
int extent_of(const onnx::TensorShapeProto& shape, int axis, const std::string& input, const OnnxSize& size) {
  onnx::TensorShapeProto::Dimension dimension = shape.dim(axis);
  if (size && !dimension.has_dim_value())
    dimension.set_dim_value(std::array{size->channels, size->height, size->width}[static_cast<std::size_t>(axis) - 1]);
  const std::string given =
      dimension.has_dim_value() ? std::to_string(dimension.dim_value()) : fmt::format("'{}'", onnx_shown(dimension.dim_param()));
  if (!dimension.has_dim_value() || dimension.dim_value() < 1 || dimension.dim_value() > max_layer_size) {
    storage::refuse(fmt::format("input '{}': dimension {} is {}; [N, C, H, W] needs numbers in [1, {}] for C, H and W{}", onnx_shown(input),
                                axis, given, max_layer_size,
                                dimension.has_dim_value() ? "" : "; --input C,H,W says those that the file leaves free"));
  }
  return static_cast<int>(dimension.dim_value());
}

/// The one input that is no initializer, and the one output.
OnnxFacts facts_of(const onnx::ModelProto& model, const OnnxSize& size) {
  const onnx::GraphProto& graph = model.graph();
  OnnxFacts facts{.name = graph.name(), .operator_set = operator_set_of(model)};
  std::unordered_set<std::string_view> initializers;
  for (const onnx::TensorProto& tensor : graph.initializer()) initializers.insert(tensor.name());
  const onnx::ValueInfoProto* input = nullptr;
  for (const onnx::ValueInfoProto& info : graph.input()) {
    if (initializers.count(info.name()) != 0) continue;
    if (input)
      storage::refuse(
          fmt::format("has the inputs '{}' and '{}'; a classifier has one", onnx_shown(input->name()), onnx_shown(info.name())));
    input = &info;
  }
  if (!input) storage::refuse("has no input");
  if (graph.output_size() != 1) storage::refuse(fmt::format("has {} outputs; a classifier has one", graph.output_size()));
  facts.input = input->name();
  facts.output = graph.output(0).name();
  const onnx::TypeProto::Tensor& type = input->type().tensor_type();
  if (!onnx_is_float(type.elem_type()))
    storage::refuse(
        fmt::format("input '{}' has the type {}; images have fp32, fp16, bf16 or fp64", onnx_shown(facts.input), type.elem_type()));
  if (type.shape().dim_size() != 4)
    storage::refuse(fmt::format("input '{}' has {} dimensions; images are [N, C, H, W]", onnx_shown(facts.input), type.shape().dim_size()));
  const auto extent = [&](int axis) { return extent_of(type.shape(), axis, facts.input, size); };
  facts.image = {extent(1), extent(2), extent(3)};
  if (size && facts.image != *size)
    storage::refuse(
        fmt::format("input '{}' is {}, which --input {} contradicts", onnx_shown(facts.input), to_string(facts.image), to_string(*size)));
  if (type.shape().dim(0).has_dim_value()) facts.batch = type.shape().dim(0).dim_value();
  return facts;
}

/// Every name is given once, and every node reads only what lies before it.
void check_order(const onnx::GraphProto& graph, const std::string& input) {
  std::unordered_map<std::string_view, int> makers{{input, -1}};  // -1: no node
  for (const onnx::TensorProto& tensor : graph.initializer()) {
    if (!makers.emplace(tensor.name(), -1).second) storage::refuse(fmt::format("the name '{}' is given twice", onnx_shown(tensor.name())));
  }
  for (int i = 0; i < graph.node_size(); ++i) {
    for (const std::string& output : graph.node(i).output()) {
      if (!output.empty() && !makers.emplace(output, i).second)
        storage::refuse(fmt::format("{}: the name '{}' of its output is given twice", onnx_label(graph.node(i), i), onnx_shown(output)));
    }
  }
  for (int i = 0; i < graph.node_size(); ++i) {
    for (const std::string& name : graph.node(i).input()) {
      if (name.empty()) continue;
      const auto maker = makers.find(name);
      if (maker == makers.end())
        storage::refuse(fmt::format("{}: reads '{}', which nothing makes", onnx_label(graph.node(i), i), onnx_shown(name)));
      if (maker->second >= i) {
        storage::refuse(fmt::format("{}: reads '{}' before {} makes it; nodes must be sorted and make no cycle",
                                    onnx_label(graph.node(i), i), onnx_shown(name), onnx_label(graph.node(maker->second), maker->second)));
      }
    }
  }
}

/// Which nodes the output needs, given that they are sorted.
std::vector<bool> needed_nodes(const onnx::GraphProto& graph, const std::string& output) {
  std::vector<bool> needed(graph.node_size(), false);
  std::unordered_set<std::string_view> read{output};
  for (int i = graph.node_size() - 1; i >= 0; --i) {
    for (const std::string& made : graph.node(i).output()) needed[i] = needed[i] || (!made.empty() && read.count(made) != 0);
    if (needed[i]) read.insert(graph.node(i).input().begin(), graph.node(i).input().end());
  }
  return needed;
}

/// What the metadata say, where it fits the net.
NetInfo info_of(const onnx::ModelProto& model, const NetSpec& spec) {
  std::map<std::string, std::string> metadata;
  for (const onnx::StringStringEntryProto& entry : model.metadata_props()) metadata[entry.key()] = entry.value();
  return fitting(net_info_from_metadata(metadata), spec);
}

/// "; further on the net has ..., which are not covered": what is met first may be arithmetic that only serves those.
std::string uncovered_after(const onnx::GraphProto& graph, const std::vector<bool>& needed, int node) {
  std::set<std::string> types;
  for (int i = node + 1; i < graph.node_size(); ++i)
    if (needed[i] && !OnnxLayers::covers(graph.node(i))) types.insert(onnx_shown(graph.node(i).op_type()));
  return types.empty() ? "" : fmt::format("; further on the net has {}, not covered either", fmt::join(types, ", "));
}

OnnxNet assembled(const onnx::ModelProto& model, std::int64_t file_bytes, const OnnxSize& size) {
  const onnx::GraphProto& graph = model.graph();
  OnnxFacts facts = facts_of(model, size);
  facts.most_bytes = most_growth * file_bytes + small_file;
  check_order(graph, facts.input);
  const std::vector<bool> needed = needed_nodes(graph, facts.output);
  const std::string output = facts.output;
  OnnxLayers layers(std::move(facts));
  for (const onnx::TensorProto& tensor : graph.initializer()) layers.add_constant(tensor.name(), tensor);
  layers.count_read(output);
  for (int i = 0; i < graph.node_size(); ++i) {
    if (!needed[i]) continue;
    for (const std::string& name : graph.node(i).input()) layers.count_read(name);
  }
  for (int i = 0; i < graph.node_size(); ++i) {
    if (!needed[i]) continue;
    try {
      layers.add_node(graph.node(i));
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{}: {}{}", onnx_label(graph.node(i), i), error.what(), uncovered_after(graph, needed, i)));
    }
  }
  try {
    OnnxNet net = std::move(layers).finish();
    net.info = info_of(model, net.spec);
    return net;
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("output '{}': {}", onnx_shown(output), error.what()));
  }
}

}  // namespace

OnnxNet read_onnx(const std::filesystem::path& path, const OnnxSize& size) {
  std::error_code code;
  const std::uintmax_t bytes = std::filesystem::file_size(path, code);
  if (code) throw Error(ErrorKind::invalid, fmt::format("{}: cannot be read: {}", path.string(), code.message()));
  if (bytes > most_file_bytes)
    throw Error(ErrorKind::invalid, fmt::format("{}: has {} bytes; an ONNX file has at most {}", path.string(), bytes, most_file_bytes));
  std::string text = storage::read_file(path);
  try {
    if (text.size() > most_file_bytes) storage::refuse("grew while it was read");
    onnx::ModelProto model = parsed(text);
    const std::int64_t file_bytes = static_cast<std::int64_t>(text.size());
    text = {};
    const ExternalData external = load_external_data(model, path.parent_path());
    OnnxNet net = assembled(model, file_bytes + external.bytes, size);
    net.external_files = external.files;
    return net;
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", path.string(), error.what()));
  }
}

}  // namespace eval
