// ONNX files as other programs write them, node by node, for the tests of the reader.
#pragma once

#include <onnx/onnx_pb.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "eval/formats/onnx.h"
#include "eval/formats/onnx_node.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace support {

/// A model as it would come from elsewhere: x [N, 1, 4, 4] -> nodes -> y.
struct OnnxModel {
  onnx::ModelProto proto;

  explicit OnnxModel(int operator_set = 13) {
    proto.set_ir_version(6);
    proto.add_opset_import()->set_version(operator_set);
    onnx::ValueInfoProto& input = *proto.mutable_graph()->add_input();
    input.set_name("x");
    input.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
    onnx::TensorShapeProto& shape = *input.mutable_type()->mutable_tensor_type()->mutable_shape();
    shape.add_dim()->set_dim_param("batch");
    for (const int size : {1, 4, 4}) shape.add_dim()->set_dim_value(size);
    proto.mutable_graph()->add_output()->set_name("y");
  }

  onnx::NodeProto& node(const std::string& type, const std::string& name, const std::vector<std::string>& inputs,
                        const std::string& output) {
    onnx::NodeProto& node = *proto.mutable_graph()->add_node();
    node.set_op_type(type);
    node.set_name(name);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }

  onnx::TensorProto& floats(const std::string& name, const std::vector<std::int64_t>& sizes, const std::vector<float>& values) {
    onnx::TensorProto& tensor = *proto.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t size : sizes) tensor.add_dims(size);
    for (const float value : values) tensor.add_float_data(value);
    return tensor;
  }

  void integers(const std::string& name, const std::vector<std::int64_t>& values) {
    onnx::TensorProto& tensor = *proto.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_dims(static_cast<std::int64_t>(values.size()));
    for (const std::int64_t value : values) tensor.add_int64_data(value);
  }

  /// From 16 features: y has two scores, their sum and its double.
  void classifier(const std::string& features) {
    floats("fc.weight", {2, 16}, [] {
      std::vector<float> values(32, 1);
      std::fill(values.begin() + 16, values.end(), 2.F);
      return values;
    }());
    eval::set_attribute(node("Gemm", "last", {features, "fc.weight"}, "y"), "transB", std::int64_t{1});
  }

  /// The same from maps.
  void flat_classifier(const std::string& maps) {
    eval::set_attribute(node("Flatten", "flat", {maps}, "features"), "axis", std::int64_t{1});
    classifier("features");
  }
};

/// A user's ONNX file.
class OnnxFile {
 public:
  eval::OnnxNet read(const OnnxModel& model) const { return read(model.proto.SerializeAsString()); }
  eval::OnnxNet read(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    return eval::read_onnx(path_);
  }

  /// The file is refused as invalid, with its name and `why`.
  template <class Content>
  void refused(const Content& content, const std::string& why) const {
    const storage::Error error = error_of([&] { read(content); });
    CHECK(error.kind() == storage::ErrorKind::invalid);
    CHECK_THAT(error.what(), Catch::Contains("user.onnx: ") && Catch::Contains(why));
  }

  const std::filesystem::path& folder() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_.path() / "user.onnx";
};

}  // namespace support
