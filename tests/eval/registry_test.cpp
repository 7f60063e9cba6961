#include "eval/nets/registry.h"

#include <catch2/catch.hpp>
#include <limits>
#include <set>

#include "eval/cost.h"
#include "tests/support/throws.h"

using namespace eval;
using Catch::Contains;

namespace {

const NetOptions grey32{.classes = 10, .input = {1, 32, 32}};

std::string refusal(const std::string& name, const NetOptions& options) {
  const storage::Error error = support::error_of([&] { make_net(name, options); });
  CHECK(error.kind() == storage::ErrorKind::invalid);
  return error.what();
}

Shape shape_of(const NetSpec& spec, const std::string& layer) {
  INFO(layer);
  const int index = find_layer(spec, layer);
  REQUIRE(index >= 0);
  return output_shapes(spec)[index];
}

}  // namespace

TEST_CASE("published sizes: parameters and multiply-accumulates at 3x224x224 and 1000 classes") {
  struct Published {
    const char* name;
    Cost cost;
  };
  const Published nets[] = {
      {"vgg11", {132863336, 7609090048}},      {"vgg13", {133047848, 11308466176}},     {"vgg16", {138357544, 15470264320}},
      {"vgg16_bn", {138365992, 15470264320}},  {"vgg19", {143667240, 19632062464}},     {"googlenet", {6624904, 1498376192}},
      {"googlenet_v1", {6998552, 1582671872}}, {"squeezenet1_0", {1248424, 818924576}}, {"squeezenet1_1", {1235496, 349151936}},
      {"mobilenet_v1", {4231976, 568740352}},  {"mobilenet_v2", {3504872, 300774272}},  {"resnet18", {11689512, 1814073344}},
      {"resnet34", {21797672, 3663761408}},    {"resnet50", {25557032, 4089184256}},
  };
  for (const Published& net : nets) {
    INFO(net.name);
    CHECK(cost(make_net(net.name, {})) == net.cost);
  }
}

TEST_CASE("batch norm adds two parameters a channel") {
  // Output channels of the convolutions: 64 128 256x2 512x4; 64x2 128x2 256x2 512x4; 64x2 128x2 256x4 512x8.
  CHECK(cost(make_net("vgg11_bn", {})) == Cost{132863336 + 2 * 2752, 7609090048});
  CHECK(cost(make_net("vgg13_bn", {})) == Cost{133047848 + 2 * 2944, 11308466176});
  CHECK(cost(make_net("vgg19_bn", {})) == Cost{143667240 + 2 * 5504, 19632062464});
}

TEST_CASE("two 3x3 for each 5x5, the first as wide as the reduction") {
  // With r and n, the channels of the reduction and of the branch, a module changes by 9 r^2 - 16 r n weights and r biases.
  constexpr std::int64_t at28 = -5888 - 39936, at14 = -9984 - 2 * 19392 - 23552 - 56320, at7 = -56320 - 77568;
  constexpr std::int64_t biases = 16 + 32 + 16 + 24 + 24 + 32 + 32 + 32 + 48;
  CHECK(cost(make_net("googlenet_v1_3x3", {})) ==
        Cost{6998552 + at28 + at14 + at7 + biases, 1582671872 + 784 * at28 + 196 * at14 + 49 * at7});
}

TEST_CASE("every net of the table, with several options: classes, round trip through JSON, unique tensors") {
  const NetOptions variants[] = {
      {},
      {.width = 0.25, .classes = 10, .input = {1, 32, 32}},
      {.width = 1.5, .classes = 7, .input = {3, 96, 128}},
      {.width = 0.01, .classes = 1, .input = {2, 64, 48}, .dropout = 0},
      {.width = 4, .classes = 2, .input = {3, 64, 64}, .layout = Layout::imagenet},
      {.classes = 100, .input = {3, 224, 224}, .layout = Layout::small},
  };
  std::set<std::string> names;
  for (const NetEntry& entry : net_registry()) {
    CHECK(names.insert(entry.name).second);
    for (const NetOptions& options : variants) {
      INFO(entry.name << " at width " << options.width << ", height " << options.input.height);
      const NetSpec spec = make_net(entry.name, options);
      CHECK(spec.name == entry.name);
      const std::vector<Shape> shapes = output_shapes(spec);
      CHECK(shapes.front() == options.input);
      CHECK(shapes.back() == Shape{options.classes, 1, 1});
      CHECK(spec.layers[decision_layer(spec)].channels == options.classes);
      CHECK(net_spec_from_json(storage::Json::parse(to_json(spec).dump())) == spec);
      for (const Layer& layer : spec.layers) {
        if (layer.kind == LayerKind::dropout) CHECK(layer.rate == options.dropout);
      }
    }
  }
  CHECK(net_names().size() == names.size());
}

TEST_CASE("the slim VGG of the small experiments") {
  // Filters 16x2 32x2 64x3 128x6. Weights 919,440; biases 1,056; batch norm 2,112; classifier 1,290.
  NetOptions options = grey32;
  options.width = 0.25;
  const NetSpec spec = make_net("vgg16_bn", options);
  CHECK(cost(spec) == Cost{923898, 19612928});
  CHECK(shape_of(spec, "features.43") == Shape{128, 1, 1});
  CHECK(shape_of(spec, "classifier") == Shape{10, 1, 1});
  CHECK(spec.layers[find_layer(spec, "features.0")].bias);
}

TEST_CASE("layers have torchvision's names") {
  const auto kinds = [](const char* net, const std::vector<std::pair<std::string, LayerKind>>& layers) {
    const NetSpec spec = make_net(net, {});
    for (const auto& [name, kind] : layers) {
      INFO(net << " " << name);
      const int index = find_layer(spec, name);
      REQUIRE(index >= 0);
      CHECK(spec.layers[index].kind == kind);
    }
  };
  using enum LayerKind;
  kinds("vgg11", {{"features.0", convolution},
                  {"features.1", relu},
                  {"features.2", max_pool},
                  {"features.18", convolution},
                  {"classifier.0", linear},
                  {"classifier.2", dropout},
                  {"classifier.6", linear}});
  kinds("vgg16_bn", {{"features.0", convolution}, {"features.1", batch_norm}, {"features.2", relu}, {"features.40", convolution}});
  kinds("squeezenet1_0", {{"features.0", convolution},
                          {"features.3.squeeze", convolution},
                          {"features.5.expand1x1", convolution},
                          {"features.6", max_pool},
                          {"features.12.expand3x3", convolution},
                          {"classifier.1", convolution}});
  kinds("squeezenet1_1", {{"features.4.squeeze", convolution}, {"features.5", max_pool}, {"features.12.expand3x3_activation", relu}});
  kinds("mobilenet_v1", {{"features.0.0", convolution}, {"features.13.4", batch_norm}, {"classifier", linear}});
  kinds("mobilenet_v2", {{"features.0.0", convolution},
                         {"features.1.conv.0.0", convolution},
                         {"features.1.conv.1", convolution},
                         {"features.1.conv.2", batch_norm},
                         {"features.2.conv.1.0", convolution},
                         {"features.2.conv.3", batch_norm},
                         {"features.3.add", add},
                         {"features.18.1", batch_norm},
                         {"classifier.1", linear}});
  kinds("googlenet", {{"conv1.conv", convolution},
                      {"conv3.bn", batch_norm},
                      {"inception3a.branch1.conv", convolution},
                      {"inception4e.branch2.1.bn", batch_norm},
                      {"inception5b.branch3.1.conv", convolution},
                      {"inception5b.branch4.1.conv", convolution},
                      {"fc", linear}});
  kinds("resnet18", {{"conv1", convolution},
                     {"bn1", batch_norm},
                     {"layer1.0.conv2", convolution},
                     {"layer2.0.downsample.0", convolution},
                     {"layer4.1.bn2", batch_norm},
                     {"fc", linear}});
  kinds("resnet50", {{"layer1.0.downsample.1", batch_norm}, {"layer3.5.conv3", convolution}, {"layer4.2.bn3", batch_norm}});
}

TEST_CASE("the variants of GoogLeNet differ where they should") {
  const NetSpec modern = make_net("googlenet", {}), original = make_net("googlenet_v1", {}), pairs = make_net("googlenet_v1_3x3", {});
  const auto layer = [](const NetSpec& spec, const char* name) { return spec.layers.at(find_layer(spec, name)); };
  CHECK(layer(modern, "inception3a.branch3.1.conv").kernel == std::array{3, 3});
  CHECK_FALSE(layer(modern, "inception3a.branch3.1.conv").bias);
  CHECK(layer(modern, "conv1.bn").epsilon == 0.001);
  CHECK(layer(modern, "maxpool1").ceil_mode);
  CHECK(layer(original, "inception3a.branch3.1.conv").kernel == std::array{5, 5});
  CHECK(layer(original, "inception3a.branch3.1.conv").bias);
  CHECK(layer(original, "norm1").size == 5);
  CHECK(find_layer(original, "conv1.bn") == -1);
  CHECK(layer(pairs, "inception5b.branch3.1.conv").channels == 48);
  CHECK(layer(pairs, "inception5b.branch3.2.conv").channels == 128);
  // Where the pools' rounding matters: 112 -> 56 -> 28 -> 14 -> 7.
  CHECK(shape_of(modern, "inception5b.concat") == Shape{1024, 7, 7});
  CHECK(shape_of(original, "inception5b.concat") == Shape{1024, 7, 7});
}

TEST_CASE("the small layout keeps maps large enough") {
  const auto shape = [](const char* net, const char* layer) { return shape_of(make_net(net, grey32), layer); };
  CHECK(shape("squeezenet1_0", "features.2") == Shape{96, 16, 16});
  CHECK(shape("squeezenet1_0", "features.11") == Shape{512, 4, 4});
  CHECK(shape("squeezenet1_1", "features.5") == Shape{128, 8, 8});
  CHECK(shape("mobilenet_v1", "features.0.2") == Shape{32, 32, 32});
  CHECK(shape("mobilenet_v1", "features.13.5") == Shape{1024, 2, 2});
  CHECK(shape("mobilenet_v2", "features.2.conv.3") == Shape{24, 32, 32});
  CHECK(shape("mobilenet_v2", "features.18.2") == Shape{1280, 4, 4});
  CHECK(shape("googlenet", "inception3a.concat") == Shape{256, 32, 32});
  CHECK(shape("googlenet_v1", "inception5b.concat") == Shape{1024, 8, 8});
  CHECK(shape("resnet18", "layer1.1.relu") == Shape{64, 32, 32});
  CHECK(shape("resnet50", "layer4.2.relu") == Shape{2048, 4, 4});
  CHECK(shape_of(make_net("squeezenet1_1", {.classes = 10, .input = {1, 28, 28}}), "features.8") == Shape{256, 3, 3});
}

TEST_CASE("an input that shrinks to nothing is refused with net, input and layer") {
  // 28 pixels: 14, 7, 3, 1, and the fifth pool has nothing to read.
  CHECK_THAT(refusal("vgg16_bn", {.classes = 10, .input = {1, 28, 28}}),
             Contains("net vgg16_bn") && Contains("1x28x28") && Contains("layout small") && Contains("'features.43'"));
  CHECK_THAT(refusal("squeezenet1_0", {.input = {3, 5, 5}, .layout = Layout::imagenet}), Contains("'features.0'"));
}

TEST_CASE("widths round to the nearest channel and never to none") {
  CHECK(scaled(64, 0.25) == 16);
  CHECK(scaled(96, 0.3) == 29);  // 28.8
  CHECK(scaled(16, 0.01) == 1);
  CHECK(shape_of(make_net("squeezenet1_1", {.width = 0.5}), "features.3.concat").channels == 64);
  CHECK(shape_of(make_net("resnet50", {.width = 0.5}), "layer4.2.add").channels == 1024);
}

TEST_CASE("MobileNet v2 rounds widths to multiples of 8 as torchvision does") {
  const auto channels = [](double width, const char* layer) {
    return shape_of(make_net("mobilenet_v2", {.width = width}), layer).channels;
  };
  CHECK(channels(0.5, "features.1.conv.1") == 8);
  CHECK(channels(0.5, "features.2.conv.2") == 16);  // 12 rounds up
  CHECK(channels(0.7, "features.1.conv.1") == 16);  // 11.2 would round to 8, more than a tenth off
  CHECK(channels(1.4, "features.2.conv.2") == 32);  // 33.6
  CHECK(channels(0.25, "features.18.0") == 1280);
  CHECK(channels(1.4, "features.18.0") == 1792);
  CHECK(cost(make_net("mobilenet_v2", {.width = 0.5})).params == 1968680);  // torchvision's mobilenet_v2(width_mult=0.5)
}

TEST_CASE("the automatic layout goes by the shorter side") {
  CHECK(resolved_layout({.input = {3, 95, 224}}) == Layout::small);
  CHECK(resolved_layout({.input = {3, 224, 95}}) == Layout::small);
  CHECK(resolved_layout({.input = {3, 96, 96}}) == Layout::imagenet);
  CHECK(resolved_layout({.input = {3, 32, 32}, .layout = Layout::imagenet}) == Layout::imagenet);
  for (const Layout layout : {Layout::automatic, Layout::imagenet, Layout::small}) CHECK(layout_from_string(to_string(layout)) == layout);
  CHECK_THAT(support::error_of([] { layout_from_string("smal"); }).what(), Contains("layout 'smal' is not known (did you mean 'small'?)"));
}

TEST_CASE("what no net can be made of is refused") {
  CHECK_THAT(refusal("vgg16bn", {}), Contains("net 'vgg16bn' is not known (did you mean 'vgg16_bn'?)"));
  CHECK_THAT(refusal("vgg11", {.width = 0}), Contains("width 0 is not in (0, 4]"));
  CHECK_THAT(refusal("vgg11", {.width = 4.5}), Contains("width 4.5"));
  CHECK_THAT(refusal("vgg11", {.width = std::numeric_limits<double>::quiet_NaN()}), Contains("width nan"));
  CHECK_THAT(refusal("vgg11", {.classes = 0}), Contains("classes 0 is not in [1, 100000]"));
  CHECK_THAT(refusal("vgg11", {.classes = 100001}), Contains("classes 100001"));
  CHECK_THAT(refusal("vgg11", {.dropout = 1}), Contains("dropout 1 is not in [0, 1)"));
  CHECK_THAT(refusal("vgg11", {.input = {0, 32, 32}}), Contains("layer 'input'") && Contains("channels 0"));
  CHECK_THAT(refusal("vgg11", {.input = {3, 1 << 20, 1 << 20}}), Contains("layer 'input'"));
}
