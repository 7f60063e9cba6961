#include "eval/formats/onnx.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <functional>
#include <set>

#include "eval/cost.h"
#include "eval/formats/onnx_node.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "support/onnx_model.h"
#include "support/temporary_directory.h"
#include "support/tiny_nets.h"

using eval::set_attribute;
using File = support::OnnxFile;
using Model = support::OnnxModel;
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

}  // namespace

TEST_CASE("for the tiny nets and every known net, what is written is read as the same function") {
  const support::TemporaryDirectory directory;
  std::vector<eval::NetSpec> specs{support::plain_net(), support::coupled_net(), support::gated_net(), support::shuffled_net()};
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
  x = builder.average_pool("uncounted", x, {.kernel = 3, .stride = 1, .padding = 1});
  x = builder.average_pool("ceiling", x, {.kernel = 2, .stride = 2, .ceil_mode = true});  // 7x6 -> 4x3, the last row of half windows
  builder.linear("fc", builder.flatten("flatten", x), 3);
  eval::NetSpec spec = std::move(builder).build();
  spec.layers[1].kernel = {3, 1};
  spec.layers[1].padding = {2, 0};
  spec.layers[1].dilation = {2, 1};
  spec.layers[5].count_padding = false;
  const eval::Weights weights = random_weights(spec);
  eval::write_onnx(directory.path() / "net.onnx", spec, weights);
  CHECK(eval::read_onnx(directory.path() / "net.onnx").spec == spec);
  CHECK(eval::net_spec_from_json(eval::to_json(spec)) == spec);
  CHECK_FALSE(eval::to_json(spec)["layers"][4].contains("count_padding"));  // as in files of before
}

TEST_CASE("adaptive pooling is written as the windows that it has, or as products with matrices") {
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
  eval::write_onnx(directory.path() / "net.onnx", net(7), weights);
  CHECK(eval::read_onnx(directory.path() / "net.onnx").spec == net(7));
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
    CHECK(net.notes == std::vector<std::string>{
                           "Softmax at its end is left out: the net gives scores, in the same order; --end-to-end writes probabilities"});
  }
  SECTION("a convolution that is used twice is two with equal weights") {
    Model model;
    model.floats("c.weight", {1, 1, 1, 1}, {2});
    model.node("Conv", "once", {"x", "c.weight"}, "doubled");
    model.node("Conv", "again", {"doubled", "c.weight"}, "fourfold");
    model.flat_classifier("fourfold");
    const eval::OnnxNet net = makes(model, 480, 960);
    CHECK(torch::equal(net.weights.at("c.weight"), net.weights.at("again.weight")));
    CHECK(net.weights.at("c.weight").data_ptr() != net.weights.at("again.weight").data_ptr());
    CHECK(net.notes == std::vector<std::string>{
                           "c and again share the weights 'c.weight': each gets a copy, which cutting and training change by itself"});
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
  SECTION("a mean over windows with auto_pad that its stride needs on one side, where zeros count") {
    // 3 x 3 windows every 2 of the 4 x 4 image: SAME_UPPER adds one row below and one column at the right, and no zero counts in the mean.
    Model model;
    model.node("AveragePool", "pool", {"x"}, "p");
    onnx::NodeProto& pool = *model.proto.mutable_graph()->mutable_node(0);
    set_attribute(pool, "kernel_shape", {3, 3});
    set_attribute(pool, "strides", {2, 2});
    set_attribute(pool, "auto_pad", "SAME_UPPER");
    model.flat_classifier("p");
    CHECK_THROWS_WITH(file.read(model), Catch::Contains("pads that do not count in the mean"));
  }
  SECTION("a weight that is computed from constants") {
    Model model;
    model.floats("one", {1, 1, 1, 1}, {1});
    model.floats("half", {}, {0.5});
    model.floats("two", {}, {2});
    model.node("Add", "sum", {"one", "half"}, "s");
    model.node("Mul", "product", {"two", "s"}, "w");
    model.node("Conv", "c", {"x", "w"}, "a");
    model.flat_classifier("a");
    CHECK(makes(model, 360, 720).weights.at("c.weight").item<float>() == 3);
  }
  SECTION("SiLU, which goes below 0, before a window over zeros") {
    Model model;
    model.node("Sigmoid", "s", {"x"}, "sigmoid");
    model.node("Mul", "silu", {"x", "sigmoid"}, "a");
    onnx::NodeProto& pool = model.node("MaxPool", "pool", {"a"}, "p");
    set_attribute(pool, "kernel_shape", {2, 2});
    set_attribute(pool, "pads", {0, 0, 1, 1});
    model.flat_classifier("p");
    CHECK_THROWS_AS(file.read(model), storage::Error);
  }
  SECTION("SiLU and hard swish from their parts, and what of them something else reads") {
    Model model;
    model.node("Sigmoid", "s", {"x"}, "sigmoid");
    model.node("Mul", "silu", {"x", "sigmoid"}, "a");
    onnx::NodeProto& hard = model.node("HardSigmoid", "h", {"a"}, "hard");
    set_attribute(hard, "alpha", 1. / 6);
    model.node("Mul", "swish", {"hard", "a"}, "b");
    set_attribute(model.node("LeakyRelu", "leaky", {"b"}, "c"), "alpha", 0.5);
    model.node("Sigmoid", "read_twice", {"c"}, "t");
    model.node("Mul", "kept", {"c", "t"}, "d");
    model.node("Sum", "sum", {"d", "t"}, "e");
    model.flat_classifier("e");
    const eval::NetSpec spec = file.read(model).spec;
    std::vector<std::string> kinds;
    for (const eval::Layer& layer : spec.layers) kinds.push_back(layer.name + " " + to_string(layer.kind));
    CHECK(kinds == std::vector<std::string>{"input input", "silu silu", "swish hard_swish", "leaky leaky_relu", "read_twice sigmoid",
                                            "kept multiply", "sum add", "flat flatten", "fc linear"});
    CHECK(spec.layers[3].slope == 0.5);
  }
  SECTION("GELU as a node, and as operator sets without one write it, its factors in any order") {
    const std::string how = GENERATE("a node", "PyTorch's order", "another");
    INFO(how);
    Model model(how == "a node" ? 20 : 13);
    model.floats("root", {}, {1.41421353816986F});
    model.floats("inverse", {}, {0.70710677F});
    model.floats("one", {}, {1});
    model.floats("half", {}, {0.5});
    if (how == "a node") {
      model.node("Gelu", "act", {"x"}, "a");
    } else if (how == "another") {
      model.node("Mul", "scaled", {"inverse", "x"}, "s");
      model.node("Erf", "erf", {"s"}, "e");
      model.node("Add", "shifted", {"one", "e"}, "t");
      model.node("Mul", "halved", {"half", "t"}, "h");
      model.node("Mul", "act", {"h", "x"}, "a");
    } else {
      model.node("Div", "scaled", {"x", "root"}, "s");
      model.node("Erf", "erf", {"s"}, "e");
      model.node("Add", "shifted", {"e", "one"}, "t");
      model.node("Mul", "twice", {"x", "t"}, "h");
      model.node("Mul", "act", {"h", "half"}, "a");
    }
    model.flat_classifier("a");
    const eval::NetSpec spec = makes(model, 119.791667F, 239.583333F).spec;  // of math.erf
    CHECK(spec.layers[1].name == "act");
    CHECK(spec.layers[1].kind == eval::LayerKind::gelu);
  }
  SECTION("a map by a gate of 1x1, from a convolution and from a flat vector") {
    Model model;
    model.node("GlobalAveragePool", "mean", {"x"}, "m");  // 7.5
    model.node("Mul", "gate", {"m", "x"}, "a");           // 7.5 * 120 = 900 in all
    set_attribute(model.node("Flatten", "f", {"m"}, "features_of_gate"), "axis", std::int64_t{1});
    const std::string how = GENERATE("Reshape", "Unsqueeze", "twice");
    INFO(how);
    if (how == "Reshape") {
      model.integers("shape", {-1, 1, 1, 1});
      model.node("Reshape", "r", {"features_of_gate", "shape"}, "back");
    } else if (how == "Unsqueeze") {
      model.integers("axes", {2, 3});
      model.node("Unsqueeze", "u", {"features_of_gate", "axes"}, "back");
    } else {
      model.integers("last", {-1});
      model.node("Unsqueeze", "u", {"features_of_gate", "last"}, "half");
      model.node("Unsqueeze", "v", {"half", "last"}, "back");
    }
    model.node("Mul", "flat_gate", {"a", "back"}, "b");
    model.flat_classifier("b");
    const eval::OnnxNet net = makes(model, 6750, 13500);
    CHECK(net.spec.layers[eval::find_layer(net.spec, "gate")].inputs == std::vector<int>{0, 1});
  }
  SECTION("a Relu and a Clip to 6 without a lower bound, as PyTorch wrote ReLU6 up to operator set 10") {
    Model model(9);
    model.node("Relu", "relu", {"x"}, "positive");
    set_attribute(model.node("Clip", "clip", {"positive"}, "clipped"), "max", 6.);
    model.flat_classifier("clipped");
    const eval::OnnxNet net = makes(model, 75, 150);  // 0 ... 6 and then 6: 21 + 9 * 6
    CHECK(net.spec.layers[1].kind == eval::LayerKind::relu6);
    CHECK(net.spec.layers.size() == 4);
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

TEST_CASE("zeros of a Pad stay where a pool with ceil_mode or a convolution padded to its stride has them") {
  const File file;
  Model model;
  model.integers("pads", {0, 0, 1, 1, 0, 0, 1, 1});
  model.node("Pad", "pad", {"x", "pads"}, "padded");  // 6 x 6
  const auto score = [&] {
    model.node("GlobalAveragePool", "mean", {"windows"}, "m");
    model.floats("fc.weight", {1, 1}, {1});
    set_attribute(model.node("Flatten", "flat", {"m"}, "features"), "axis", std::int64_t{1});
    set_attribute(model.node("Gemm", "last", {"features", "fc.weight"}, "y"), "transB", std::int64_t{1});
    const eval::OnnxNet net = file.read(model);
    return scores(net.spec, net.weights, torch::arange(1, 17, torch::kFloat32).view({1, 1, 4, 4})).item<double>();
  };
  SECTION("a last window that starts in the zeros") {
    // Windows of 2 x 2 begin at 0 and 5: the first has the image's first pixel, 1, among four, the other three have zeros alone.
    onnx::NodeProto& pool = model.node("AveragePool", "pool", {"padded"}, "windows");
    set_attribute(pool, "kernel_shape", {2, 2});
    set_attribute(pool, "strides", {5, 5});
    set_attribute(pool, "ceil_mode", std::int64_t{1});
    CHECK(score() == Approx(1. / 16));
  }
  SECTION("padding to the stride counts from the zeros") {
    // 6 is two strides of 3, so that nothing is added: the windows' middles are the corners of the image, 1, 4, 13 and 16.
    model.floats("c.weight", {1, 1, 3, 3}, {0, 0, 0, 0, 1, 0, 0, 0, 0});
    onnx::NodeProto& convolution = model.node("Conv", "c", {"padded", "c.weight"}, "windows");
    set_attribute(convolution, "strides", {3, 3});
    set_attribute(convolution, "auto_pad", GENERATE("SAME_UPPER", "SAME_LOWER"));
    CHECK(score() == Approx(8.5));
  }
}

TEST_CASE("layers may be called as what is written of others") {
  using eval::LayerKind;
  eval::NetBuilder builder("names", {2, 8, 8});
  const auto named = [&](int from, const std::vector<const char*>& names) {
    for (const char* name : names) from = builder.relu(name, from);
    return from;
  };
  int x = builder.convolution("pixels", 0, 4, {.kernel = 3, .padding = 1});
  x = named(builder.activation(LayerKind::gelu, "a", x), {"a.scaled", "a.erf", "a.shifted", "a.twice", "scores", "probabilities"});
  x = named(builder.activation(LayerKind::silu, "s", x), {"s.gate"});
  x = builder.average_pool("p", builder.zero_pad("p.pad", x, {0, 0}, {1, 1}), {.kernel = 3, .stride = 1, .padding = 1});
  x = named(builder.adaptive_average_pool("u", x, 2), {"u.width", "u.width.turned", "u.height"});  // of 9 x 9: windows of two sizes
  x = builder.multiply("m", x, builder.flatten("f", builder.adaptive_average_pool("g", x, 1)));
  x = named(x, {"m.axis2", "m.axis3"});
  builder.linear("fc", named(builder.adaptive_average_pool("global", x, 1), {"fc.flatten"}), 3);
  const eval::NetSpec spec = std::move(builder).build();
  const eval::Weights weights = random_weights(spec);
  const eval::NetInfo info{"", {}, {0.5F, 0.5F}, {0.25F, 0.25F}};
  const support::TemporaryDirectory directory;
  const auto path = directory.path() / "net.onnx";
  const auto written = [&](const eval::OnnxOptions& options) {
    eval::write_onnx(path, spec, weights, info, options);
    onnx::ModelProto model;
    REQUIRE(model.ParseFromString(storage::read_file(path)));
    return model;
  };
  for (const int operator_set : {10, 18}) {
    for (const bool end_to_end : {false, true}) {
      const onnx::ModelProto model = written({.end_to_end = end_to_end, .operator_set = operator_set});
      std::set<std::string> values{"images"}, nodes;
      for (const onnx::TensorProto& tensor : model.graph().initializer()) CHECK(values.insert(tensor.name()).second);
      for (const onnx::NodeProto& node : model.graph().node()) {
        INFO(node.name());
        CHECK(nodes.insert(node.name()).second);
        CHECK(values.insert(node.output(0)).second);
      }
    }
  }
  written({});
  const eval::OnnxNet read = eval::read_onnx(path);
  const Tensor images = torch::randn({2, 2, 8, 8});
  CHECK(torch::allclose(scores(read.spec, read.weights, images), scores(spec, weights, images), 1e-5, 1e-5));
}

TEST_CASE("a file that is end to end is refused as that, also one that was written before") {
  const support::TemporaryDirectory directory;
  const auto path = directory.path() / "net.onnx";
  const eval::NetSpec spec = support::plain_net();
  eval::write_onnx(path, spec, eval::initial_weights(spec, 1), {"", {}, {0.5F}, {0.25F}}, {.end_to_end = true});
  CHECK_THROWS_WITH(eval::read_onnx(path), Catch::Contains("normalises pixels, so the file is end to end"));
  onnx::ModelProto model;
  REQUIRE(model.ParseFromString(storage::read_file(path)));
  model.mutable_graph()->mutable_node(0)->set_name("pixels");
  storage::write_file(path, model.SerializeAsString());
  CHECK_THROWS_WITH(eval::read_onnx(path), Catch::Contains("normalises pixels, so the file is end to end"));
}

TEST_CASE("layout arithmetic is read as what it does: a shuffle, a split, a flatten with channels last, squeezes one by one") {
  const File file;
  const std::string how = GENERATE("shuffle", "split", "channels last", "squeezes");
  INFO(how);
  Model model;
  model.floats("w", {4, 1, 1, 1}, {1, 2, 3, 4});
  model.node("Conv", "conv", {"x", "w"}, "c");
  if (how == "shuffle") {
    model.integers("split", {-1, 2, 2, 4, 4});
    model.integers("back", {-1, 4, 4, 4});
    model.node("Reshape", "apart", {"c", "split"}, "r");
    set_attribute(model.node("Transpose", "turn", {"r"}, "t"), "perm", {0, 2, 1, 3, 4});
    model.node("Reshape", "together", {"t", "back"}, "a");
    model.node("GlobalAveragePool", "pool", {"a"}, "g");
  } else if (how == "split") {
    set_attribute(model.node("Split", "halves", {"c"}, "low"), "axis", std::int64_t{1});
    model.proto.mutable_graph()->mutable_node(1)->add_output("high");
    set_attribute(model.node("Concat", "swap", {"high", "low"}, "a"), "axis", std::int64_t{1});
    model.node("GlobalAveragePool", "pool", {"a"}, "g");
  } else {
    model.node("GlobalAveragePool", "pool", {"c"}, "g");
  }
  std::string features = "f";
  if (how == "squeezes") {
    for (const char* axis : {"3", "2"}) model.integers(std::string("axis") + axis, {std::stoi(axis)});
    model.node("Squeeze", "width", {"g", "axis3"}, "half");
    model.node("Squeeze", "height", {"half", "axis2"}, "f");
  } else if (how == "channels last") {
    set_attribute(model.node("Transpose", "last", {"c"}, "nhwc"), "perm", {0, 2, 3, 1});
    model.integers("flat", {0, -1});
    model.node("Reshape", "flatten", {"nhwc", "flat"}, "f");
  } else {
    set_attribute(model.node("Flatten", "flatten", {"g"}, "f"), "axis", std::int64_t{1});
  }
  const int features_read = how == "channels last" ? 64 : 4;
  std::vector<float> values(static_cast<std::size_t>(2 * features_read));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % static_cast<std::size_t>(features_read));
  model.floats("fc.weight", {2, features_read}, values);
  set_attribute(model.node("Gemm", "last", {features, "fc.weight"}, "y"), "transB", std::int64_t{1});
  const eval::OnnxNet net = file.read(model);
  // An image of ones: the channels are 1, 2, 3, 4 everywhere, and feature i counts i times.
  const double score = scores(net.spec, net.weights, torch::ones({1, 1, 4, 4}))[0][0].item<double>();
  double wanted = 0;
  const std::vector<double> order = how == "shuffle" ? std::vector<double>{1, 3, 2, 4}
                                    : how == "split" ? std::vector<double>{3, 4, 1, 2}
                                                     : std::vector<double>{1, 2, 3, 4};
  for (int i = 0; i < features_read; ++i) wanted += i * order[static_cast<std::size_t>(i % 4)];
  CHECK(score == Approx(wanted));
}

TEST_CASE("padding that differs from side to side is a layer of its own, and sizes that a file leaves free are given") {
  const File file;
  Model model;
  model.floats("w", {1, 1, 3, 3}, std::vector<float>(9, 1));
  set_attribute(model.node("Conv", "conv", {"x", "w"}, "c"), "pads", {0, 0, 2, 2});
  model.flat_classifier("c");
  const eval::OnnxNet net = file.read(model);
  CHECK(net.spec.layers[1].kind == eval::LayerKind::zero_pad);
  // A window has 3, 3, 2 and 1 rows, and as many columns.
  CHECK(scores(net.spec, net.weights, torch::ones({1, 1, 4, 4}))[0][0].item<double>() == Approx(81));
  onnx::TensorShapeProto& shape = *model.proto.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape.mutable_dim(2)->set_dim_param("height");
  shape.mutable_dim(3)->set_dim_param("width");
  file.refused(model, "dimension 2 is 'height'; [N, C, H, W] needs numbers in [1, 1048576] for C, H and W; --input C,H,W says");
  std::ofstream(file.folder() / "free.onnx", std::ios::binary) << model.proto.SerializeAsString();
  CHECK(eval::read_onnx(file.folder() / "free.onnx", eval::Shape{1, 4, 4}).spec == net.spec);
  CHECK_THROWS_WITH(eval::read_onnx(file.folder() / "free.onnx", eval::Shape{3, 4, 4}),
                    Catch::Contains("is 1x4x4, which --input 3x4x4 contradicts"));
}

TEST_CASE("data beside the model are read from where it says") {
  const File file;
  Model model;
  onnx::TensorProto& tensor = model.floats("w", {1, 1, 1, 1}, {});
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  for (const auto& [key, value] : {std::pair("location", "user.onnx.data"), std::pair("offset", "4"), std::pair("length", "4")}) {
    onnx::StringStringEntryProto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
  model.node("Conv", "conv", {"x", "w"}, "a");
  model.flat_classifier("a");
  const float numbers[] = {7, 3};
  std::ofstream(file.folder() / "user.onnx.data", std::ios::binary).write(reinterpret_cast<const char*>(numbers), sizeof numbers);
  const eval::OnnxNet net = file.read(model);
  CHECK(net.external_files == std::set<std::string>{"user.onnx.data"});
  CHECK(scores(net.spec, net.weights, torch::ones({1, 1, 4, 4}))[0][0].item<double>() == Approx(48));
}
