// Batch norm put into nets that have none.
#include "prune/batch_norm.h"

#include <catch2/catch.hpp>
#include <random>

#include "prune/own_net.h"
#include "storage/base/error.h"
#include "support/tiny_data.h"
#include "support/tiny_nets.h"

using torch::Tensor;

namespace {

support::TinyData noise(const eval::Shape& shape, int count) {
  support::TinyData data(shape, 2);
  std::mt19937_64 random(4);
  for (int i = 0; i < count; ++i) {
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(shape.channels) * shape.height * shape.width);
    for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(random() % 256);
    data.add(eval::Split::train, i % 2, std::move(pixels));
  }
  return data;
}

std::vector<std::int64_t> all_images(const eval::Dataset& data) {
  return {data.split(eval::Split::train).begin(), data.split(eval::Split::train).end()};
}

std::vector<std::string> read_by(const eval::NetSpec& spec, const char* layer) {
  std::vector<std::string> names;
  const std::vector<std::vector<int>> readers = eval::consumers(spec);
  for (const int reader : readers.at(eval::find_layer(spec, layer))) names.push_back(spec.layers[reader].name);
  return names;
}

}  // namespace

TEST_CASE("a batch norm comes behind each convolution without one, but not behind the class scores") {
  const eval::NetSpec spec = prune::with_batch_norm(support::coupled_net());
  CHECK(read_by(spec, "stem") == std::vector<std::string>{"stem_bn"});
  CHECK(read_by(spec, "stem_bn") == std::vector<std::string>{"stem_relu"});
  CHECK(read_by(spec, "body") == std::vector<std::string>{"body_bn"});
  CHECK(read_by(spec, "body_bn") == std::vector<std::string>{"sum"});
  CHECK(read_by(spec, "branch") == std::vector<std::string>{"branch_bn"});
  CHECK(spec.layers.size() == support::coupled_net().layers.size() + 4);  // stem, depthwise, grouped, branch
  CHECK(prune::with_batch_norm(spec) == spec);
  const eval::NetSpec squeezenet = prune::with_batch_norm(support::small_instance("squeezenet1_1"));
  CHECK(eval::find_layer(squeezenet, "features.0_bn") > 0);
  CHECK(eval::find_layer(squeezenet, "classifier.1_bn") < 0);
}

TEST_CASE("a name that is taken gets another") {
  eval::NetBuilder builder("taken", {1, 2, 2});
  const int conv = builder.relu("conv_bn", builder.convolution("conv", 0, 2, {}));
  builder.linear("fc", builder.flatten("flatten", conv), 2);
  CHECK(read_by(prune::with_batch_norm(std::move(builder).build()), "conv") == std::vector<std::string>{"conv_bn_"});
}

TEST_CASE("statistics, scale and shift by hand") {
  // Pixels 0 and 1 through 2x + 1 and -x: 1, 3 and 0, -1. Means 2 and -0.5, variances 1 and 0.25.
  support::TinyData data({1, 1, 1}, 2);
  data.add(eval::Split::train, 0, {0});
  data.add(eval::Split::train, 1, {255});
  eval::NetBuilder builder("hand", {1, 1, 1});
  builder.linear("fc", builder.flatten("flatten", builder.convolution("conv", 0, 2, {})), 2);
  const eval::NetSpec spec = prune::with_batch_norm(std::move(builder).build());
  const eval::Weights weights{{"conv.weight", torch::tensor({2.F, -1.F}).view({2, 1, 1, 1})},
                              {"conv.bias", torch::tensor({1.F, 0.F})},
                              {"fc.weight", torch::eye(2)},
                              {"fc.bias", torch::zeros({2})}};
  const eval::Weights filled = prune::fill_batch_norm(spec, weights, data, {{0}, {1}}, all_images(data), torch::kCPU);
  CHECK(torch::allclose(filled.at("conv_bn.running_mean"), torch::tensor({2.F, -0.5F})));
  CHECK(torch::allclose(filled.at("conv_bn.running_var"), torch::tensor({1.F, 0.25F})));
  CHECK(torch::allclose(filled.at("conv_bn.bias"), torch::tensor({2.F, -0.5F})));
  CHECK(torch::allclose(filled.at("conv_bn.weight"), torch::tensor({1.000005F, 0.50001F}), 1e-6));
  // The shift is learnt and the mean is counted: what moves one leaves the other.
  filled.at("conv_bn.bias").add_(1);
  CHECK(torch::allclose(filled.at("conv_bn.running_mean"), torch::tensor({2.F, -0.5F})));
  CHECK_THROWS_WITH(prune::fill_batch_norm(spec, weights, data, {{0}, {1}}, {}, torch::kCPU), Catch::Contains("no images"));
}

TEST_CASE("a net with batch norms put in computes what it computed, and they can be estimated anew") {
  std::vector<eval::NetSpec> specs{support::coupled_net(), support::gated_net()};
  for (const char* name : {"vgg11", "squeezenet1_1", "googlenet_v1"}) specs.push_back(support::small_instance(name));
  for (const eval::NetSpec& spec : specs) {
    INFO(spec.name);
    torch::manual_seed(2);
    eval::Weights weights = eval::initial_weights(spec, 3);
    for (auto& [name, tensor] : weights) {
      if (tensor.dim() == 2) tensor.normal_(0, 0.3);
      if (name.ends_with(".bias")) tensor.normal_(0, 0.3);
    }
    const support::TinyData data = noise(eval::output_shapes(spec).front(), 20);
    const eval::Normalisation normalisation = eval::measure_normalisation(data);
    const eval::NetSpec with = prune::with_batch_norm(spec);
    REQUIRE(with.layers.size() > spec.layers.size());
    const eval::Weights filled = prune::fill_batch_norm(with, weights, data, normalisation, all_images(data), torch::kCPU);
    for (const auto& [name, tensor] : weights) CHECK(torch::equal(filled.at(name), tensor));

    torch::NoGradGuard no_grad;
    const eval::Shape shape = eval::output_shapes(spec).front();
    const Tensor images = torch::randn({4, shape.channels, shape.height, shape.width});
    const Tensor wanted = eval::Net(spec, weights).forward(images, false);
    eval::Net net(with, eval::clone(filled));
    CHECK((net.forward(images, false) - wanted).abs().max().item<double>() <= 1e-4 * wanted.abs().max().item<double>());
    net.weights().at(with.layers[1].name + ".weight")[0].zero_();  // as a cut changes what follows
    prune::recalibrate_batch_norm(net, data, normalisation, all_images(data));
    CHECK_FALSE(net.weights().at(with.layers[2].name + ".running_mean").equal(filled.at(with.layers[2].name + ".running_mean")));
  }
}
