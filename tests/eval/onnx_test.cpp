#include "eval/formats/onnx.h"

#include <onnx/onnx_pb.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <functional>

#include "eval/cost.h"
#include "eval/formats/onnx_node.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "support/temporary_directory.h"
#include "support/throws.h"
#include "support/tiny_nets.h"

using eval::set_attribute;
using torch::Tensor;

namespace {

/// Weights with every tensor random, so that no two are alike and batch norm is not the identity.
eval::Weights random_weights(const eval::NetSpec& spec) {
  eval::Weights weights = eval::initial_weights(spec, 3);
  for (auto& [name, tensor] : weights) {
    if (name.ends_with(".running_var"))
      tensor.uniform_(0.5, 2);
    else if (tensor.dim() == 1)
      tensor.normal_(0.5, 0.3);
  }
  return weights;
}

Tensor scores(const eval::NetSpec& spec, const eval::Weights& weights, const Tensor& images) {
  torch::NoGradGuard no_grad;
  return eval::Net(spec, weights).forward(images, false);
}

/// A model as it would come from elsewhere: x [N, 1, 4, 4] -> nodes -> y.
struct Model {
  onnx::ModelProto proto;

  explicit Model(int operator_set = 13) {
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
    set_attribute(node("Gemm", "last", {features, "fc.weight"}, "y"), "transB", std::int64_t{1});
  }
};

class File {
 public:
  eval::OnnxNet read(const Model& model) const { return read(model.proto.SerializeAsString()); }
  eval::OnnxNet read(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    return eval::read_onnx(path_);
  }

  /// The file is refused as invalid, with its name and `why`.
  template <class Content>
  void refused(const Content& content, const std::string& why) const {
    const storage::Error error = support::error_of([&] { read(content); });
    CHECK(error.kind() == storage::ErrorKind::invalid);
    CHECK_THAT(error.what(), Catch::Contains("user.onnx: ") && Catch::Contains(why));
  }

 private:
  support::TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_.path() / "user.onnx";
};

}  // namespace

TEST_CASE("for the tiny nets and every known net, what is written is read as the same function") {
  const support::TemporaryDirectory directory;
  std::vector<eval::NetSpec> specs{support::plain_net(), support::coupled_net()};
  for (const eval::NetEntry& entry : eval::net_registry()) specs.push_back(support::small_instance(entry.name));
  for (const eval::NetSpec& spec : specs) {
    INFO(spec.name);
    const eval::Weights weights = random_weights(spec);
    eval::write_onnx(directory.path() / "net.onnx", spec, weights);
    const eval::OnnxNet read = eval::read_onnx(directory.path() / "net.onnx");
    CHECK(read.spec.name == spec.name);
    CHECK(eval::cost(read.spec).params == eval::cost(spec).params);
    CHECK(eval::cost(read.spec).macs == eval::cost(spec).macs);
    REQUIRE(read.weights.size() == weights.size());
    for (const auto& [name, tensor] : weights) {
      INFO(name);
      REQUIRE(read.weights.count(name) == 1);
      CHECK(torch::equal(read.weights.at(name), tensor));
    }
    const eval::Layer& input = spec.layers[0];
    const Tensor images = torch::randn({2, input.channels, input.extent[0], input.extent[1]});
    CHECK(torch::allclose(scores(read.spec, read.weights, images), scores(spec, weights, images), 1e-5, 1e-5));
    eval::write_onnx(directory.path() / "again.onnx", read.spec, read.weights);
    CHECK(eval::read_onnx(directory.path() / "again.onnx").spec == read.spec);
  }
}

TEST_CASE("every field of a window survives, and so does the response norm's") {
  const support::TemporaryDirectory directory;
  eval::NetBuilder builder("windows", {4, 15, 12});
  int x = builder.convolution("conv", 0, 6, {.kernel = 3, .stride = 1, .padding = 1}, true, 2);
  x = builder.local_response_norm("norm", x, 3, 0.2, 0.6, 1.5);
  x = builder.max_pool("max", x, {.kernel = 3, .stride = 2, .ceil_mode = true});  // 15x12 -> 7x6, 7x5 without ceil_mode
  x = builder.average_pool("padded", x, {.kernel = 3, .stride = 1, .padding = 1});
  x = builder.average_pool("ceiling", x, {.kernel = 2, .stride = 2, .ceil_mode = true});  // 7x6 -> 4x3, the last row of half windows
  builder.linear("fc", builder.flatten("flatten", x), 3);
  eval::NetSpec spec = std::move(builder).build();
  spec.layers[1].kernel = {3, 1};
  spec.layers[1].padding = {2, 0};
  spec.layers[1].dilation = {2, 1};
  const eval::Weights weights = random_weights(spec);
  eval::write_onnx(directory.path() / "net.onnx", spec, weights);
  CHECK(eval::read_onnx(directory.path() / "net.onnx").spec == spec);
}

TEST_CASE("adaptive pooling is written as the windows that it has, and not where it has none of one size") {
  const support::TemporaryDirectory directory;
  const auto net = [](int extent) {
    eval::NetBuilder builder("adaptive", {2, extent, extent});
    builder.linear("fc", builder.flatten("flatten", builder.adaptive_average_pool("pool", 0, 3)), 2);
    return std::move(builder).build();
  };
  const Tensor images = torch::randn({2, 2, 6, 6});
  const eval::Weights weights = random_weights(net(6));
  eval::write_onnx(directory.path() / "net.onnx", net(6), weights);
  const eval::OnnxNet read = eval::read_onnx(directory.path() / "net.onnx");
  CHECK(torch::allclose(scores(read.spec, read.weights, images), scores(net(6), weights, images), 1e-5, 1e-6));
  eval::write_onnx(directory.path() / "net.onnx", net(3), weights);
  CHECK(eval::read_onnx(directory.path() / "net.onnx").spec.layers.size() == 3);
  CHECK_THROWS_WITH(eval::write_onnx(directory.path() / "net.onnx", net(7), weights),
                    Catch::Contains("layer 'pool'") && Catch::Contains("2x7x7"));
}

TEST_CASE("what ONNX cannot say is refused with the layer's name") {
  const support::TemporaryDirectory directory;
  const auto refused = [&](const std::function<int(eval::NetBuilder&)>& add, const std::string& why) {
    eval::NetBuilder builder("net", {4, 6, 6});
    builder.linear("fc", builder.flatten("flatten", add(builder)), 2);
    const eval::NetSpec spec = std::move(builder).build();
    CHECK_THROWS_WITH(eval::write_onnx(directory.path() / "x", spec, eval::initial_weights(spec, 1)),
                      Catch::Contains("layer 'odd'") && Catch::Contains(why));
  };
  refused([](eval::NetBuilder& net) { return net.local_response_norm("odd", 0, 4, 1e-4, 0.75, 1); }, "window of 4 channels");
  // 6 and padding 1: floor((8 - 3) / 2) + 1 = 3 windows, and a fourth with ceil_mode that PyTorch keeps, since it starts at 6 < 7.
  refused([](eval::NetBuilder& net) { return net.average_pool("odd", 0, {.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true}); },
          "divide");
  const eval::NetSpec spec = support::plain_net();
  eval::Weights weights = eval::initial_weights(spec, 1);
  weights.erase("bn2.running_var");
  CHECK_THROWS_WITH(eval::write_onnx(directory.path() / "x", spec, weights), Catch::Contains("bn2.running_var is missing"));
  weights = eval::initial_weights(spec, 1);
  CHECK(support::error_of([&] { eval::write_onnx(directory.path() / "none" / "x", spec, weights); }).kind() ==
        storage::ErrorKind::environment);
}

TEST_CASE("nodes that other exporters write are read; scores worked by hand") {
  const File file;
  // Features 0, 1, ..., 15 sum to 120.
  const Tensor images = torch::arange(16, torch::kFloat32).view({1, 1, 4, 4});
  const auto makes = [&](const Model& model, float first, float second) {
    const eval::OnnxNet net = file.read(model);
    CHECK(torch::allclose(scores(net.spec, net.weights, images), torch::tensor({{first, second}})));
    return net;
  };
  SECTION("Reshape to [0, -1], dead nodes of unknown kinds, Softmax at the end") {
    Model model;
    model.integers("shape", {0, -1});
    model.node("Reshape", "", {"x", "shape"}, "flat");
    model.node("Shape", "dead", {"x"}, "size");
    model.classifier("flat");
    model.proto.mutable_graph()->mutable_node(2)->set_output(0, "logits");
    model.node("Softmax", "softmax", {"logits"}, "y");
    const eval::OnnxNet net = makes(model, 120, 240);
    CHECK(net.spec.layers.back().name == "fc");
    CHECK(net.spec.layers[1].name == "flatten");
  }
  SECTION("view(x.size(0), -1) as PyTorch computes it") {
    Model model;
    model.node("Shape", "shape", {"x"}, "sizes");
    model.integers("first", {0});
    model.integers("rest", {-1});
    model.node("Gather", "gather", {"sizes", "first"}, "size");
    model.node("Unsqueeze", "unsqueeze", {"size", "first"}, "list");
    set_attribute(model.node("Concat", "concat", {"list", "rest"}, "target"), "axis", std::int64_t{0});
    model.node("Reshape", "view", {"x", "target"}, "flat");
    model.classifier("flat");
    CHECK(makes(model, 120, 240).spec.layers[1].name == "view");
  }
  SECTION("MatMul and Add are a linear layer with its bias") {
    Model model;
    set_attribute(model.node("Flatten", "f", {"x"}, "flat"), "axis", std::int64_t{1});
    std::vector<float> values(32, 1);
    for (std::size_t i = 0; i < values.size(); i += 2) values[i] = 0.5F;  // [16, 2], so the first score is half of the sum
    model.floats("onnx::MatMul_3", {16, 2}, values);
    model.floats("bias", {2}, {1, -1});
    model.node("MatMul", "head/dense", {"flat", "onnx::MatMul_3"}, "product");
    model.node("Add", "add", {"bias", "product"}, "y");
    const eval::OnnxNet net = makes(model, 61, 119);
    CHECK(net.spec.layers.size() == 3);
    CHECK(net.weights.at("head/dense.bias").equal(torch::tensor({1.F, -1.F})));
  }
  SECTION("a convolution over zeros of a Pad, with auto_pad VALID and the mean over height and width") {
    Model model;
    model.integers("pads", {0, 0, 1, 1, 0, 0, 1, 1});
    model.node("Pad", "pad", {"x", "pads"}, "padded");
    model.floats("c.weight", {2, 1, 3, 3}, {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0});
    onnx::NodeProto& convolution = model.node("Conv", "c", {"padded", "c.weight"}, "maps");
    set_attribute(convolution, "auto_pad", "VALID");
    onnx::NodeProto& mean = model.node("ReduceMean", "mean", {"maps"}, "y");
    set_attribute(mean, "axes", {-1, 2});
    set_attribute(mean, "keepdims", std::int64_t{0});
    CHECK(makes(model, 7.5, 15).spec.layers[1].padding == std::array{1, 1});
  }
  SECTION("half precision, bounds of Clip as inputs, Dropout, Identity, a sum of three") {
    Model model;
    model.floats("zero", {}, {0});
    model.floats("six", {}, {6});
    model.node("Clip", "clip", {"x", "zero", "six"}, "clipped");  // 0 ... 6 and then 6: 21 + 9 * 6 = 75
    model.node("Identity", "same", {"clipped"}, "copy");
    model.node("Sum", "sum", {"copy", "clipped", "x"}, "tripled");
    model.node("Dropout", "drop", {"tripled"}, "dropped");
    set_attribute(model.node("Flatten", "flat", {"dropped"}, "features"), "axis", std::int64_t{1});
    onnx::TensorProto& half = *model.proto.mutable_graph()->add_initializer();
    half.set_name("w");
    half.set_data_type(onnx::TensorProto::FLOAT16);
    half.add_dims(2);
    half.add_dims(16);
    for (int i = 0; i < 32; ++i) half.add_int32_data(i < 16 ? 0x3c00 : 0xb800);  // 1 and -0.5
    set_attribute(model.node("Gemm", "last", {"features", "w"}, "y"), "transB", std::int64_t{1});
    const eval::OnnxNet net = makes(model, 270, -135);
    CHECK(net.spec.layers[1].kind == eval::LayerKind::relu6);
  }
}

TEST_CASE("what is not covered is refused with the file and the node") {
  const File file;
  Model model;
  const auto finish = [&](const std::string& last) {
    set_attribute(model.node("Flatten", "flat", {last}, "features"), "axis", std::int64_t{1});
    model.classifier("features");
  };
  SECTION("an unknown operator") {
    model.node("HardSwish", "swish", {"x"}, "a");
    finish("a");
    file.refused(model, "node 'swish' (HardSwish): this operator is not covered; covered are Add, AveragePool,");
  }
  SECTION("an operator of another domain, in a node without a name") {
    model.node("Relu", "", {"x"}, "a").set_domain("com.example");
    finish("a");
    file.refused(model, "node 0 (com.example:Relu): this operator is not covered");
  }
  SECTION("asymmetric pads") {
    model.floats("w", {1, 1, 3, 3}, std::vector<float>(9, 1));
    set_attribute(model.node("Conv", "conv", {"x", "w"}, "a"), "pads", {0, 0, 1, 1});
    finish("a");
    file.refused(model, "node 'conv' (Conv): asymmetric pads [0, 0, 1, 1] are not covered");
  }
  SECTION("pads that do not count in the mean") {
    onnx::NodeProto& pool = model.node("AveragePool", "pool", {"x"}, "a");
    set_attribute(pool, "kernel_shape", {3, 3});
    set_attribute(pool, "pads", {1, 1, 1, 1});
    finish("a");
    file.refused(model, "node 'pool' (AveragePool): pads that do not count");
  }
  SECTION("weights in another file") {
    onnx::TensorProto& tensor = model.floats("w", {1, 1, 1, 1}, {});
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    model.node("Conv", "conv", {"x", "w"}, "a");
    finish("a");
    file.refused(model, "node 'conv' (Conv): tensor 'w' has its data in another file");
  }
  SECTION("a constant that is no bias") {
    model.floats("c", {1}, {1});
    model.node("Add", "shift", {"x", "c"}, "a");
    finish("a");
    file.refused(model, "node 'shift' (Add): adds a constant that is not the bias");
  }
  SECTION("a bias of a layer whose output something else reads") {
    model.floats("w", {1, 1, 1, 1}, {1});
    model.floats("b", {1, 1, 1, 1}, {1});
    model.node("Conv", "conv", {"x", "w"}, "a");
    model.node("Add", "shift", {"a", "b"}, "c");
    model.node("Add", "sum", {"a", "c"}, "d");
    finish("d");
    file.refused(model, "node 'shift' (Add): adds a constant that is not the bias");
  }
  SECTION("a window over a flat vector") {
    set_attribute(model.node("Flatten", "early", {"x"}, "a"), "axis", std::int64_t{1});
    model.node("GlobalAveragePool", "pool", {"a"}, "b");
    finish("b");
    file.refused(model, "node 'pool' (GlobalAveragePool): reads [N, features]");
  }
  SECTION("maps as output") {
    model.node("Relu", "relu", {"x"}, "y");
    file.refused(model, "output 'y': the output is 1x4x4");
  }
  SECTION("a size that is no number") {
    model.proto.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(2)->set_dim_param(
        "height");
    finish("x");
    file.refused(model, "input 'x': dimension 2 is 'height'; [N, C, H, W] needs numbers");
  }
  SECTION("two inputs, two outputs, an old operator set") {
    finish("x");
    Model two = model;
    two.proto.mutable_graph()->add_input()->set_name("z");
    file.refused(two, "has the inputs 'x' and 'z'");
    two = model;
    two.proto.mutable_graph()->add_output()->set_name("features");
    file.refused(two, "has 2 outputs");
    model.proto.mutable_opset_import(0)->set_version(6);
    file.refused(model, "operator set 6 is not in [7, 24]");
  }
}

TEST_CASE("hostile ONNX files are refused") {
  const File file;
  Model model;
  const auto finish = [&](const std::string& last) {
    set_attribute(model.node("Flatten", "flat", {last}, "features"), "axis", std::int64_t{1});
    model.classifier("features");
  };
  SECTION("bytes that are no model") {
    file.refused(std::string(), "not a valid ONNX file");
    file.refused(std::string(1000, '\xff'), "not a valid ONNX file");
    torch::manual_seed(1);
    for (int i = 0; i < 200; ++i) {
      const Tensor noise = torch::randint(0, 256, {64}, torch::kUInt8);
      const std::string bytes(static_cast<const char*>(noise.data_ptr()), 64);
      CHECK(support::error_of([&] { file.read(bytes); }).kind() == storage::ErrorKind::invalid);
    }
  }
  SECTION("a file cut off anywhere, or with a byte changed, is refused or read, and nothing else happens") {
    support::TemporaryDirectory directory;
    const eval::NetSpec spec = support::plain_net();
    eval::write_onnx(directory.path() / "net.onnx", spec, eval::initial_weights(spec, 1));
    const std::string whole = storage::read_file(directory.path() / "net.onnx");
    for (std::size_t length = 0; length < whole.size(); length += 7) {
      CHECK(support::error_of([&] { file.read(whole.substr(0, length)); }).kind() == storage::ErrorKind::invalid);
    }
    for (std::size_t i = 0; i < whole.size(); i += 3) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
      try {
        file.read(changed);
      } catch (const storage::Error& error) {
        CHECK(error.kind() == storage::ErrorKind::invalid);
      }
    }
  }
  SECTION("sizes beyond the data") {
    model.floats("w", {std::int64_t{1} << 40, std::int64_t{1} << 40, 3, 3}, {1});
    model.node("Conv", "conv", {"x", "w"}, "a");
    finish("a");
    file.refused(model, "node 'conv' (Conv): tensor 'w' has the size 1099511627776, out of range");
    model.proto.mutable_graph()->mutable_initializer(0)->set_dims(0, 1);
    file.refused(model, "node 'conv' (Conv): tensor 'w' of size [1, 1099511627776, 3, 3] needs");
    model.proto.mutable_graph()->mutable_initializer(0)->set_dims(1, -1);
    file.refused(model, "node 'conv' (Conv): tensor 'w' has the size -1, out of range");
  }
  SECTION("windows out of range") {
    onnx::NodeProto& pool = model.node("MaxPool", "pool", {"x"}, "a");
    set_attribute(pool, "kernel_shape", {2, 2});
    set_attribute(pool, "strides", {0, std::int64_t{1} << 40});
    set_attribute(pool, "auto_pad", "SAME_UPPER");
    finish("a");
    file.refused(model, "node 'pool' (MaxPool): strides 0 is not in [1, 1048576]");
  }
  SECTION("an attribute of another type, one given twice, one that nobody knows") {
    onnx::NodeProto& pool = model.node("MaxPool", "pool", {"x"}, "a");
    finish("a");
    set_attribute(pool, "kernel_shape", std::int64_t{2});
    file.refused(model, "node 'pool' (MaxPool): attribute 'kernel_shape' is not a list of integers");
    set_attribute(pool, "kernel_shape", std::int64_t{2});
    file.refused(model, "node 'pool' (MaxPool): has attribute 'kernel_shape' twice");
    pool.clear_attribute();
    set_attribute(pool, "kernel\n", std::int64_t{2});
    file.refused(model, "node 'pool' (MaxPool): attribute 'kernel?' is not covered");
  }
  SECTION("nodes that are not sorted, or form a cycle, or read what nothing makes") {
    model.node("Relu", "late", {"b"}, "a");
    model.node("Relu", "early", {"x"}, "b");
    finish("a");
    file.refused(model, "node 'late' (Relu): reads 'b' before node 'early' (Relu) makes it");
    model.proto.mutable_graph()->mutable_node(0)->set_input(0, "a");
    file.refused(model, "node 'late' (Relu): reads 'a' before node 'late' (Relu) makes it");
    model.proto.mutable_graph()->mutable_node(0)->set_input(0, "nowhere");
    file.refused(model, "node 'late' (Relu): reads 'nowhere', which nothing makes");
  }
  SECTION("a name given twice") {
    model.node("Relu", "first", {"x"}, "a");
    model.node("Relu", "second", {"x"}, "a");
    finish("a");
    file.refused(model, "node 'second' (Relu): the name 'a' of its output is given twice");
  }
  SECTION("a weight that so many nodes share that memory would run out") {
    model.floats("w", {1, 1, 64, 64}, std::vector<float>(4096, 1));
    std::string last = "x";
    for (int i = 0; i < 100; ++i) {
      set_attribute(model.node("Conv", "conv" + std::to_string(i), {last, "w"}, "a" + std::to_string(i)), "pads", {32, 32, 32, 32});
      last = "a" + std::to_string(i);
    }
    finish(last);
    file.refused(model, "more than 8 times as large as the file");
  }
  SECTION("more parts than a model can have") {
    std::string bytes = model.proto.SerializeAsString(), nodes;
    for (int i = 0; i < 1'100'000; ++i) nodes += std::string("\x0a\x00", 2);
    const std::size_t length = nodes.size();  // a second graph, merged into the first: field 7, the length as a varint of four bytes
    bytes += '\x3a';
    for (int shift = 0; shift < 28; shift += 7) bytes += static_cast<char>(((length >> shift) & 0x7f) | (shift < 21 ? 0x80 : 0));
    file.refused(bytes + nodes, "has more than 1000000 nodes");
  }
}
