#include "eval/nets/net_spec.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "eval/cost.h"
#include "eval/nets/layer_shape.h"
#include "eval/nets/net_builder.h"
#include "tests/support/throws.h"

using namespace eval;
using Catch::Contains;
using storage::Json;

namespace {

/// input 3x8x8 -> conv 4 -> bn -> relu -> pool 2 -> flatten -> linear 5
NetSpec small_net() {
  NetBuilder net("small", {3, 8, 8});
  int layer = net.convolution("conv", net.input(), 4, {.kernel = 3, .padding = 1});
  layer = net.batch_norm("bn", layer);
  layer = net.relu("relu", layer);
  layer = net.max_pool("pool", layer, {.kernel = 2, .stride = 2});
  layer = net.flatten("flatten", layer);
  net.linear("fc", layer, 5);
  return std::move(net).build();
}

/// One layer of every kind.
NetSpec net_of_all_kinds() {
  NetBuilder net("all", {2, 8, 8});
  const int one = net.relu6("relu6", net.convolution("one", net.input(), 4, {3, 1, 1}, false, 2));
  const int two = net.local_response_norm("norm", net.convolution("two", net.input(), 4, {}), 5, 2e-4, 0.5, 2);
  const int sum = net.batch_norm("bn", net.add("sum", {one, two}), 0.001);
  const int pool = net.average_pool("mean", net.relu("relu", sum), {2, 2, 1});
  const int other = net.max_pool("max", sum, {3, 2, 1, true});
  const int joined = net.adaptive_average_pool("global", net.concat("join", {pool, other}), 1);
  const int gate = net.activation(LayerKind::sigmoid, "sigmoid", net.activation(LayerKind::silu, "silu", joined));
  const int gated = net.multiply("gated", net.activation(LayerKind::hard_swish, "swish", net.concat("again", {pool, other})), gate);
  const int features = net.activation(LayerKind::hard_sigmoid, "hard", net.flatten("flat", net.leaky_relu("leaky", gated, 0.2)));
  net.linear("fc", net.dropout("drop", features, 0.25), 3);
  return std::move(net).build();
}

Shape pooled(Shape input, Window window) {
  NetBuilder net("pool", input);
  net.max_pool("pool", net.input(), window);
  return output_shapes(std::move(net).build()).back();
}

std::string refusal(const NetSpec& spec) {
  const storage::Error error = support::error_of([&] { output_shapes(spec); });
  CHECK(error.kind() == storage::ErrorKind::invalid);
  return error.what();
}

std::string refusal(const Json& json) {
  const storage::Error error = support::error_of([&] { net_spec_from_json(json); });
  CHECK(error.kind() == storage::ErrorKind::invalid);
  return error.what();
}

/// small_net() after a change to one layer.
std::string refusal_after(const std::string& layer, const std::function<void(Layer&)>& change) {
  NetSpec spec = small_net();
  change(spec.layers[find_layer(spec, layer)]);
  return refusal(spec);
}

}  // namespace

TEST_CASE("shapes follow kernel, stride, padding and dilation on each axis") {
  NetSpec spec = small_net();
  spec.layers.resize(2);
  spec.layers[0].extent = {9, 12};
  Layer& layer = spec.layers[1];
  layer.kernel = {3, 5};
  layer.stride = {2, 3};
  layer.padding = {1, 0};
  layer.dilation = {1, 2};
  // Vertical: (9 + 2 - 3) / 2 + 1; horizontal: a kernel of 5 reaches 9 pixels, (12 - 9) / 3 + 1.
  CHECK(output_shapes(spec) == std::vector<Shape>{{3, 9, 12}, {4, 5, 2}});
}

TEST_CASE("every kind makes the shape worked out by hand") {
  const NetSpec spec = net_of_all_kinds();
  const std::vector<Shape> shapes = output_shapes(spec);
  const auto shape = [&](const char* name) { return shapes[find_layer(spec, name)]; };
  CHECK(shape("one") == Shape{4, 8, 8});
  CHECK(shape("norm") == Shape{4, 8, 8});
  CHECK(shape("sum") == Shape{4, 8, 8});
  CHECK(shape("mean") == Shape{4, 5, 5});  // (8 + 2 - 2) / 2 + 1
  CHECK(shape("max") == Shape{4, 5, 5});   // ceil((8 + 2 - 3) / 2) + 1
  CHECK(shape("join") == Shape{8, 5, 5});
  CHECK(shape("global") == Shape{8, 1, 1});
  CHECK(shape("sigmoid") == Shape{8, 1, 1});
  CHECK(shape("gated") == Shape{8, 5, 5});
  CHECK(shape("leaky") == Shape{8, 5, 5});
  CHECK(shape("hard") == Shape{8 * 5 * 5, 1, 1});
  CHECK(shape("fc") == Shape{3, 1, 1});
  CHECK(output_shapes(small_net())[5] == Shape{4 * 4 * 4, 1, 1});
}

TEST_CASE("channels that are selected, rows and columns of zeros, learnt slopes") {
  NetBuilder builder("selected", {6, 5, 4});
  const int turned = builder.select("turned", builder.prelu("slopes", 0), {5, 0, 2});
  builder.zero_pad("padded", turned, {1, 0}, {2, 3});
  const NetSpec spec = std::move(builder).build();
  CHECK(output_shapes(spec) == std::vector<Shape>{{6, 5, 4}, {6, 5, 4}, {3, 5, 4}, {3, 8, 7}});
  CHECK_FALSE(eval::is_slice(spec.layers[2]));
  CHECK(eval::net_spec_from_json(eval::to_json(spec)) == spec);
  CHECK(eval::cost(spec).params == 6);
  const auto refusal_of = [&](const std::vector<int>& indices) {
    NetSpec changed = spec;
    changed.layers[2].indices = indices;
    return refusal(changed);
  };
  CHECK_THAT(refusal_of({}), Catch::Contains("layer 'turned' (select): indices: selects no channel"));
  CHECK_THAT(refusal_of({0, 6}), Catch::Contains("layer 'turned' (select): indices: 6 is no channel of the input; valid: 0 to 5"));
  CHECK_THAT(refusal_of({3, 1, 3}), Catch::Contains("layer 'turned' (select): indices: channel 3 is selected twice"));
}

TEST_CASE("ceil_mode adds a last window only where it starts inside the input or its left padding") {
  CHECK(pooled({1, 6, 6}, {.kernel = 3, .stride = 2}) == Shape{1, 2, 2});
  CHECK(pooled({1, 6, 6}, {.kernel = 3, .stride = 2, .ceil_mode = true}) == Shape{1, 3, 3});
  CHECK(pooled({1, 7, 7}, {.kernel = 3, .stride = 2, .ceil_mode = true}) == Shape{1, 3, 3});  // divides: nothing to add
  // A third window would start at 4, which is 3 pixels and the left padding: dropped.
  CHECK(pooled({1, 3, 3}, {2, 2, 1, true}) == Shape{1, 2, 2});
  // A third window would start at 6 of 5 pixels: dropped. With 7 pixels it starts inside.
  CHECK(pooled({1, 5, 5}, {.kernel = 1, .stride = 3, .ceil_mode = true}) == Shape{1, 2, 2});
  CHECK(pooled({1, 7, 7}, {.kernel = 1, .stride = 3, .ceil_mode = true}) == Shape{1, 3, 3});
  // A window larger than its input, as PyTorch allows with ceil_mode.
  CHECK(pooled({1, 2, 2}, {.kernel = 3, .stride = 2, .ceil_mode = true}) == Shape{1, 1, 1});
}

TEST_CASE("the graph answers who reads whom, what decides, and where a name is") {
  const NetSpec spec = net_of_all_kinds();
  const auto at = [&](const char* name) { return find_layer(spec, name); };
  CHECK(consumers(spec)[0] == std::vector<int>{at("one"), at("two")});
  CHECK(consumers(spec)[at("bn")] == std::vector<int>{at("relu"), at("max")});
  CHECK(consumers(spec)[at("fc")].empty());
  CHECK(decision_layer(spec) == at("fc"));
  CHECK(at("nowhere") == -1);
  const auto readers = consumers(spec);
  CHECK(own_batch_norm(spec, readers, spec.layers[at("bn")].inputs[0]) == at("bn"));
  CHECK(own_batch_norm(spec, readers, at("bn")) == -1);  // two read it, of other kinds
  CHECK(own_batch_norm(spec, readers, at("fc")) == -1);  // none does

  NetBuilder twice("twice", {1, 2, 2});
  twice.add("sum", {0, 0});
  const NetSpec doubled = std::move(twice).build();
  CHECK(consumers(doubled)[0] == std::vector<int>{1});
  CHECK_THAT(support::error_of([&] { decision_layer(doubled); }).what(), Contains("no layer has filters"));
}

TEST_CASE("the builder refuses a layer at once") {
  NetBuilder net("refused", {1, 4, 4});
  CHECK(net.channels(net.input()) == 1);
  CHECK_THAT(support::error_of([&] { net.convolution("wide", 0, 2, {.kernel = 5}); }).what(),
             Contains("layer 'wide' (convolution)") && Contains("1x4x4"));
  CHECK_THAT(support::error_of([&] { net.linear("fc", 0, 2); }).what(), Contains("flatten it first"));
  CHECK(net.channels(net.flatten("flat", 0)) == 16);
}

TEST_CASE("a spec with a wrong graph is refused by the layer's name") {
  CHECK_THAT(refusal(NetSpec{"empty", {}}), Contains("at least its input"));
  CHECK_THAT(refusal_after("relu", [](Layer& layer) { layer.kind = LayerKind::input; }),
             Contains("'relu' (index 3)") && Contains("layer 0"));
  CHECK_THAT(refusal_after("input", [](Layer& layer) { layer.kind = LayerKind::relu; }), Contains("'input' (index 0)"));
  CHECK_THAT(refusal_after("bn", [](Layer& layer) { layer.name = "conv"; }), Contains("'conv' (index 2)") && Contains("taken"));
  CHECK_THAT(refusal_after("bn", [](Layer& layer) { layer.inputs = {2}; }), Contains("reads layer 2") && Contains("0 to 1"));
  CHECK_THAT(refusal_after("bn", [](Layer& layer) { layer.inputs = {-1}; }), Contains("reads layer -1"));
  CHECK_THAT(refusal_after("bn", [](Layer& layer) { layer.inputs = {}; }), Contains("reads 0 layers where it needs one"));
  CHECK_THAT(refusal_after("bn", [](Layer& layer) { layer.inputs = {0, 1}; }), Contains("reads 2 layers where it needs one"));
  CHECK_THAT(refusal_after("relu", [](Layer& layer) { layer.inputs = {1}; }), Contains("layer 'bn': no layer reads it"));
  CHECK_THAT(refusal_after("bn", [](Layer& layer) { layer.name = ""; }), Contains("1 to 200 letters"));
  CHECK_THAT(refusal_after("bn", [](Layer& layer) { layer.name = "a b"; }), Contains("1 to 200 letters"));
  CHECK_THAT(refusal_after("relu", [](Layer& layer) { layer.kind = LayerKind::add; }),
             Contains("reads 1 layers where it needs two or more"));
}

TEST_CASE("a spec with a wrong field is refused by the layer's name") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THAT(refusal_after("input", [](Layer& layer) { layer.extent = {8, 0}; }), Contains("layer 'input'") && Contains("extent 0"));
  CHECK_THAT(refusal_after("conv", [](Layer& layer) { layer.channels = 0; }), Contains("layer 'conv'") && Contains("channels 0"));
  CHECK_THAT(refusal_after("conv", [](Layer& layer) { layer.channels = -4; }), Contains("channels -4"));
  CHECK_THAT(refusal_after("conv", [](Layer& layer) { layer.kernel = {3, 0}; }), Contains("kernel 0"));
  CHECK_THAT(refusal_after("conv", [](Layer& layer) { layer.stride = {0, 1}; }), Contains("stride 0"));
  CHECK_THAT(refusal_after("conv", [](Layer& layer) { layer.dilation = {1, 0}; }), Contains("dilation 0"));
  CHECK_THAT(refusal_after("conv", [](Layer& layer) { layer.padding = {-1, 0}; }), Contains("padding -1"));
  CHECK_THAT(refusal_after("conv", [](Layer& layer) { layer.groups = 2; }), Contains("groups 2 do not divide the 3 input and 4 output"));
  CHECK_THAT(refusal_after("conv", [](Layer& layer) { layer.groups = 3; }), Contains("groups 3 do not divide"));
  CHECK_THAT(refusal_after("conv",
                           [](Layer& layer) {
                             layer.kernel = {11, 1};
                           }),
             Contains("window of 11 leaves nothing of the input 3x8x8"));
  CHECK_THAT(refusal_after("conv", [](Layer& layer) { layer.ceil_mode = true; }), Contains("does not use"));
  CHECK_THAT(refusal_after("relu", [](Layer& layer) { layer.channels = 4; }), Contains("layer 'relu'") && Contains("does not use"));
  CHECK_THAT(refusal_after("relu", [&](Layer& layer) { layer.rate = nan; }), Contains("does not use"));
  CHECK_THAT(refusal_after("bn", [](Layer& layer) { layer.epsilon = 0; }), Contains("layer 'bn'") && Contains("epsilon 0"));
  CHECK_THAT(refusal_after("bn", [&](Layer& layer) { layer.epsilon = nan; }), Contains("epsilon nan"));
  CHECK_THAT(refusal_after("pool", [](Layer& layer) { layer.padding = {2, 0}; }), Contains("padding 2 is more than half of kernel 2"));
  CHECK_THAT(refusal_after("relu", [](Layer& layer) { layer.kind = LayerKind::dropout, layer.rate = 1; }), Contains("rate 1 is not"));
  CHECK_THAT(refusal_after("relu", [](Layer& layer) { layer.kind = LayerKind::dropout, layer.rate = -0.1; }), Contains("rate -0.1"));
  CHECK_THAT(refusal_after("relu", [](Layer& layer) { layer.kind = LayerKind::local_response_norm, layer.alpha = HUGE_VAL; }),
             Contains("alpha inf"));
  CHECK_THAT(refusal_after("relu", [](Layer& layer) { layer.kind = LayerKind::local_response_norm, layer.k = 0; }), Contains("k 0"));
  CHECK_THAT(refusal_after("flatten", [](Layer& layer) { layer.kind = LayerKind::relu; }),
             Contains("layer 'fc'") && Contains("reads 4x4x4") && Contains("flatten it first"));
}

TEST_CASE("what needs maps does not read a flat vector, nor is one joined with a map") {
  Layer input{.name = "input", .channels = 4};
  Layer flatten{.name = "flatten", .kind = LayerKind::flatten, .inputs = {0}};
  const Layer convolution{.name = "conv", .kind = LayerKind::convolution, .inputs = {1}, .channels = 2};
  const Layer sum{.name = "sum", .kind = LayerKind::add, .inputs = {0, 1}};
  CHECK_THROWS_WITH(output_shapes({"n", {input, flatten, convolution}}),
                    "layer 'conv' (convolution): reads a flat vector where it needs a map");
  CHECK_THROWS_WITH(output_shapes({"n", {input, flatten, sum}}), "layer 'sum' (add): reads a flat vector and a map");
}

TEST_CASE("a gate has its map's size or one number a channel, as a map or a flat vector") {
  NetBuilder wrong("wrong", {4, 6, 6});
  const int three = wrong.linear("three", wrong.flatten("flat", wrong.adaptive_average_pool("pool", 0, 1)), 3);
  CHECK_THAT(support::error_of([&] { wrong.multiply("m", 0, three); }).what(),
             Contains("layer 'm' (multiply): its gate is 3x1x1; a gate of 4x6x6 has its size, or 4x1x1"));
  CHECK_THAT(support::error_of([&] { wrong.multiply("m", 1, 0); }).what(), Contains("its gate is 4x6x6"));
  NetBuilder net("gates", {4, 6, 6});
  const int pooled = net.adaptive_average_pool("pool", 0, 1), four = net.linear("four", net.flatten("flat", pooled), 4);
  const int by_vector = net.multiply("o", 0, four), by_map = net.multiply("n", by_vector, pooled);
  net.linear("fc", net.flatten("all", net.multiply("m", by_map, 0)), 2);
  const NetSpec spec = std::move(net).build();
  const std::vector<bool> flat = flat_vectors(spec);
  CHECK(flat[static_cast<std::size_t>(find_layer(spec, "four"))]);
  CHECK_FALSE(flat[static_cast<std::size_t>(find_layer(spec, "o"))]);
  NetSpec turned = spec;
  std::swap(turned.layers[find_layer(spec, "o")].inputs[0], turned.layers[find_layer(spec, "o")].inputs[1]);
  CHECK_THAT(refusal(turned), Contains("layer 'o' (multiply): reads a flat vector and a map"));
  turned.layers[find_layer(spec, "o")].inputs = {0};
  CHECK_THAT(refusal(turned), Contains("reads 1 layers where it needs two"));
}

TEST_CASE("branches that do not fit together are refused") {
  NetBuilder net("branches", {2, 6, 6});
  const int half = net.max_pool("half", net.input(), {2, 2});
  const int wide = net.convolution("wide", net.input(), 3, {});
  CHECK_THAT(support::error_of([&] {
               net.concat("join", {0, half});
             }).what(),
             Contains("inputs 2x6x6 and 2x3x3 differ in height or width"));
  CHECK_THAT(support::error_of([&] { net.add("sum", {0, wide}); }).what(), Contains("inputs 2x6x6 and 3x6x6 differ"));
  CHECK(net.channels(net.concat("good", {0, wide})) == 5);
}

TEST_CASE("sizes that would overflow are refused") {
  const int huge = 1 << 20;
  CHECK_THAT(refusal_after("conv", [&](Layer& layer) { layer.channels = huge + 1; }), Contains("channels 1048577 is not in [1, 1048576]"));
  CHECK_THAT(refusal_after("conv", [&](Layer& layer) { layer.padding = {huge, huge}; }), Contains("layer 'conv'") && Contains("values"));
  CHECK_THAT(refusal_after("input", [&](Layer& layer) { layer.extent = {huge, huge}; }), Contains("layer 'input'") && Contains("values"));
  CHECK_THAT(refusal_after("conv",
                           [&](Layer& layer) {
                             layer.channels = 1 << 17, layer.kernel = {105, 105}, layer.padding = {52, 52};
                           }),
             Contains("layer 'conv'") && Contains("over 4294967295 weights"));  // 3 * 105^2 * 2^17
  CHECK_THAT(refusal_after("conv",
                           [&](Layer& layer) {
                             layer.channels = layer.kernel[0] = layer.kernel[1] = huge;
                             layer.padding = {huge / 2, huge / 2};
                           }),
             Contains("layer 'conv'"));

  NetSpec doubling{"doubling", small_net().layers};
  doubling.layers.resize(1);
  for (int i = 0; i < 100; ++i) {
    Layer layer;
    layer.name = "join" + std::to_string(i);
    layer.kind = LayerKind::concat;
    layer.inputs = {i, i};
    doubling.layers.push_back(layer);
  }
  CHECK_THAT(refusal(doubling), Contains("layer 'join22'"));  // 192 * (2^24 - 1) activations in sum; to join21 it is 192 * (2^23 - 1)

  NetSpec deep{"deep", std::vector<Layer>(max_layers + 1)};
  CHECK_THAT(refusal(deep), Contains("10001 layers"));
}

TEST_CASE("weights are counted without overflow") {
  Layer layer;
  layer.kind = LayerKind::convolution;
  layer.channels = 6;
  layer.kernel = {3, 5};
  layer.groups = 2;
  CHECK(weight_count(layer, {4, 9, 9}) == 3 * 5 * 2 * 6);
  layer.kernel = {1 << 20, 1 << 20};
  CHECK(weight_count(layer, {4, 9, 9}) == max_weights + 1);
  layer.kind = LayerKind::relu;
  CHECK(weight_count(layer, {4, 9, 9}) == 0);
}

TEST_CASE("JSON holds each kind's fields and no others, and comes back equal") {
  const NetSpec spec = net_of_all_kinds();
  const Json json = to_json(spec);
  CHECK(net_spec_from_json(Json::parse(json.dump())) == spec);
  CHECK(json["layers"][1] == Json::parse(R"({"name": "one", "kind": "convolution", "inputs": [0], "channels": 4, "kernel": [3, 3],
      "stride": [1, 1], "padding": [1, 1], "dilation": [1, 1], "groups": 2, "bias": false})"));
  CHECK(json["layers"][2] == Json::parse(R"({"name": "relu6", "kind": "relu6", "inputs": [1]})"));
  const auto layer = [&](const char* name) { return json["layers"][find_layer(spec, name)]; };
  CHECK(layer("leaky")["slope"] == 0.2);
  CHECK(layer("gated")["kind"] == "multiply");
}

TEST_CASE("JSON that says anything else is refused with the layer and the key") {
  const Json good = to_json(small_net());
  const auto changed = [&](const std::function<void(Json&)>& change) {
    Json json = good;
    change(json);
    return refusal(json);
  };
  CHECK_THAT(refusal(Json(3)), Contains("net spec: 3 is not an object"));
  CHECK_THAT(changed([](Json& json) { json.erase("name"); }), Contains("net spec: key 'name' is missing"));
  CHECK_THAT(changed([](Json& json) { json["layer"] = 1; }), Contains("unknown key 'layer' (did you mean 'layers'?)"));
  CHECK_THAT(changed([](Json& json) { json["layers"] = "none"; }), Contains("layers: is not a list"));
  CHECK_THAT(changed([](Json& json) { json["layers"] = Json::array(); }), Contains("at least its input"));
  CHECK_THAT(changed([](Json& json) { json["layers"][1] = 7; }), Contains("layer 1: 7 is not an object"));
  CHECK_THAT(changed([](Json& json) { json["layers"][1].erase("name"); }), Contains("layer 1: key 'name' is missing"));
  CHECK_THAT(changed([](Json& json) { json["layers"][1].erase("bias"); }), Contains("layer 1 'conv': key 'bias' is missing"));
  CHECK_THAT(changed([](Json& json) { json["layers"][1]["strid"] = 1; }), Contains("unknown key 'strid' (did you mean 'stride'?)"));
  CHECK_THAT(changed([](Json& json) { json["layers"][3]["channels"] = 4; }), Contains("layer 3 'relu': unknown key 'channels'"));
  CHECK_THAT(changed([](Json& json) { json["layers"][3]["kind"] = "rleu"; }), Contains("unknown kind 'rleu' (did you mean 'relu'?)"));
  CHECK_THAT(changed([](Json& json) { json["layers"][3]["kind"] = 3; }), Contains("kind: 3 is not a text"));
  CHECK_THAT(changed([](Json& json) { json["layers"][3]["inputs"] = 2; }), Contains("inputs: 2 is not a list of integers"));
  CHECK_THAT(changed([](Json& json) { json["layers"][3]["inputs"] = {2.0}; }), Contains("inputs: 2.0 is not an integer"));
  CHECK_THAT(changed([](Json& json) { json["layers"][1]["channels"] = 4294967300; }),
             Contains("channels: 4294967300 is not an integer of 32"));
  CHECK_THAT(changed([](Json& json) { json["layers"][1]["channels"] = true; }), Contains("channels: true is not an integer"));
  CHECK_THAT(changed([](Json& json) { json["layers"][1]["kernel"] = {3}; }), Contains("kernel: has 1 values where it needs two"));
  CHECK_THAT(changed([](Json& json) { json["layers"][1][std::string(100, 'k')] = 3; }),
             Contains("unknown key '" + std::string(57, 'k') + "...'"));
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  CHECK_THAT(changed([&](Json& json) { json["layers"][1]["kernel"] = Json::parse(deep); }), Contains("kernel: array is not an integer"));
  CHECK_THAT(changed([](Json& json) { json["layers"][1]["bias"] = 1; }), Contains("bias: 1 is not true or false"));
  CHECK_THAT(changed([](Json& json) { json["layers"][2]["epsilon"] = "1e-5"; }), Contains("epsilon: \"1e-5\" is not a number"));
  CHECK_THAT(changed([](Json& json) { json["layers"][1]["groups"] = 2; }), Contains("net spec: layer 'conv' (convolution): groups 2"));
}
