#include "eval/nets/net.h"

#include <torch/script.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>

#include "eval/cost.h"
#include "eval/formats/torchscript.h"
#include "storage/base/error.h"
#include "support/temporary_directory.h"
#include "support/throws.h"
#include "support/tiny_nets.h"

using torch::Tensor;

TEST_CASE("a net worked by hand: convolution, batch norm, ReLU, pool, linear") {
  eval::NetBuilder builder("hand", {1, 2, 2});
  int x = builder.relu("relu", builder.batch_norm("bn", builder.convolution("conv", 0, 1, {1, 1, 0})));
  builder.linear("fc", builder.flatten("flatten", builder.max_pool("pool", x, {2, 2})), 2);
  const eval::Net net(std::move(builder).build(), {{"conv.weight", torch::full({1, 1, 1, 1}, 2.F)},
                                                   {"conv.bias", torch::tensor({1.F})},
                                                   {"bn.weight", torch::tensor({3.F})},
                                                   {"bn.bias", torch::tensor({-1.F})},
                                                   {"bn.running_mean", torch::tensor({5.F})},
                                                   {"bn.running_var", torch::tensor({4.F - 1e-5F})},
                                                   {"fc.weight", torch::tensor({{1.F}, {-2.F}})},
                                                   {"fc.bias", torch::tensor({0.F, 0.5F})}});
  // 1 2 3 4 -> 3 5 7 9 -> (x - 5) / 2 * 3 - 1 = -4 -1 2 5 -> 0 0 2 5 -> 5 -> 5 and -9.5
  const Tensor scores = net.forward(torch::tensor({1.F, 2.F, 3.F, 4.F}).view({1, 1, 2, 2}), false);
  CHECK(torch::allclose(scores, torch::tensor({{5.F, -9.5F}})));
}

TEST_CASE("activations and gates by hand, as modules and as TorchScript") {
  // 1 and -2, then 4 and -4. sigmoid(1) = 0.731059, sigmoid(-2) = 0.119203, sigmoid(4) = 0.982014, sigmoid(-4) = 0.017986.
  const Tensor images = torch::tensor({1.F, -2.F, 4.F, -4.F}).view({1, 2, 1, 2});
  const auto made_by = [&](const std::function<int(eval::NetBuilder&)>& add) {
    eval::NetBuilder builder("hand", {2, 1, 2});
    builder.flatten("flatten", add(builder));
    const eval::NetSpec spec = std::move(builder).build();
    const eval::Net net(spec, {});
    const Tensor made = net.forward(images, false);
    CHECK(torch::allclose(eval::torchscript_module(spec, {}).forward({images}).toTensor(), made, 1e-6, 1e-7));
    return made;
  };
  const auto activation = [&](eval::LayerKind kind) {
    return made_by([&](eval::NetBuilder& net) { return net.activation(kind, "a", 0); });
  };
  using eval::LayerKind;
  CHECK(torch::allclose(made_by([](eval::NetBuilder& net) { return net.leaky_relu("a", 0, 0.1); }),
                        torch::tensor({{1.F, -0.2F, 4.F, -0.4F}})));
  CHECK(torch::allclose(activation(LayerKind::sigmoid), torch::tensor({{0.731059F, 0.119203F, 0.982014F, 0.017986F}}), 1e-4, 1e-6));
  CHECK(torch::allclose(activation(LayerKind::silu), torch::tensor({{0.731059F, -0.238406F, 3.928055F, -0.071945F}}), 1e-4, 1e-6));
  CHECK(torch::allclose(activation(LayerKind::gelu), torch::tensor({{0.841345F, -0.045500F, 3.999873F, -0.000127F}}), 1e-5,
                        1e-6));  // of math.erf
  CHECK(torch::allclose(activation(LayerKind::hard_sigmoid), torch::tensor({{4 / 6.F, 1 / 6.F, 1.F, 0.F}})));
  CHECK(torch::allclose(activation(LayerKind::hard_swish), torch::tensor({{4 / 6.F, -2 / 6.F, 4.F, 0.F}})));
  CHECK(torch::allclose(made_by([](eval::NetBuilder& net) {
                          return net.select("s", 0, {1, 0});
                        }),
                        torch::tensor({{4.F, -4.F, 1.F, -2.F}})));
  CHECK(torch::allclose(made_by([](eval::NetBuilder& net) { return net.select("s", 0, {1}); }), torch::tensor({{4.F, -4.F}})));
  // A row above, a column to the right: 0 0 0 1 -2 0, and so on.
  CHECK(torch::allclose(made_by([](eval::NetBuilder& net) {
                          return net.zero_pad("z", 0, {1, 0}, {0, 1});
                        }),
                        torch::tensor({{0.F, 0.F, 0.F, 1.F, -2.F, 0.F, 0.F, 0.F, 0.F, 4.F, -4.F, 0.F}})));
  // Means by channel -0.5 and 0; squares.
  const Tensor by_channel = torch::tensor({{-0.5F, 1.F, 0.F, 0.F}});
  CHECK(torch::allclose(made_by([](eval::NetBuilder& net) { return net.multiply("m", 0, net.adaptive_average_pool("p", 0, 1)); }),
                        by_channel));
  CHECK(torch::allclose(
      made_by([](eval::NetBuilder& net) { return net.multiply("m", 0, net.flatten("f", net.adaptive_average_pool("p", 0, 1))); }),
      by_channel));
  CHECK(torch::allclose(made_by([](eval::NetBuilder& net) { return net.multiply("m", 0, 0); }), torch::tensor({{1.F, 4.F, 16.F, 16.F}})));
}

TEST_CASE("weights that do not fit are refused by name") {
  const eval::NetSpec spec = support::plain_net();
  eval::Weights weights = eval::initial_weights(spec, 1);
  weights.erase("bn1.bias");
  CHECK_THROWS_WITH(eval::Net(spec, weights), Catch::Contains("bn1.bias is missing"));
  weights = eval::initial_weights(spec, 1);
  weights["bn3.bias"] = torch::zeros({1});
  CHECK_THROWS_WITH(eval::Net(spec, weights), Catch::Contains("no tensor bn3.bias"));
  weights = eval::initial_weights(spec, 1);
  weights["conv1.weight"] = torch::zeros({8, 1, 3, 5});
  CHECK_THROWS_WITH(eval::Net(spec, weights), Catch::Contains("conv1.weight has size [8, 1, 3, 5], the net needs [8, 1, 3, 3]"));
}

TEST_CASE("class scores that a ReLU follows start above 0, others at 0") {
  const eval::NetSpec squeezenet = eval::make_net("squeezenet1_1", {.width = 0.25, .classes = 2, .input = {3, 64, 64}});
  CHECK(eval::initial_weights(squeezenet, 1).at("classifier.1.bias").equal(torch::ones({2})));
  CHECK(eval::initial_weights(squeezenet, 1)
            .at("features.0.bias")
            .equal(torch::zeros_like(eval::initial_weights(squeezenet, 1).at("features.0.bias"))));
  CHECK(eval::initial_weights(support::plain_net(), 1).at("fc.bias").equal(torch::zeros({4})));
}

TEST_CASE("for every net the tensors count the parameters, the seed repeats the bits and TorchScript computes the same") {
  const support::TemporaryDirectory directory;
  for (const eval::NetEntry& entry : eval::net_registry()) {
    INFO(entry.name);
    const eval::NetSpec spec = support::small_instance(entry.name);
    const eval::Net net(spec, eval::initial_weights(spec, 7));
    std::int64_t elements = 0;
    for (const Tensor& parameter : net.parameters()) elements += parameter.numel();
    CHECK(elements == eval::cost(spec).params);
    const eval::Weights again = eval::initial_weights(spec, 7);
    for (const auto& [name, tensor] : net.weights()) CHECK(torch::equal(tensor, again.at(name)));

    eval::write_torchscript(directory.path() / "net.pt", spec, net.weights());
    torch::jit::Module module = torch::jit::load((directory.path() / "net.pt").string());
    torch::NoGradGuard no_grad;
    const Tensor images = torch::randn({2, 3, 32, 32});
    const Tensor scores = net.forward(images, false);
    CHECK(scores.sizes() == torch::IntArrayRef({2, 7}));
    CHECK(torch::allclose(module.forward({images}).toTensor(), scores, 1e-4, 1e-5));
  }
}

TEST_CASE("TorchScript takes every name of a net, and refuses two that become one") {
  const auto named = [](const char* net, const char* first, const char* second) {
    eval::NetBuilder builder(net, {1, 4, 4});
    const int x = builder.convolution(second, builder.convolution(first, builder.input(), 2, {1, 1, 0}), 2, {1, 1, 0});
    builder.linear("fc", builder.flatten("flatten", x), 2);
    const eval::NetSpec spec = std::move(builder).build();
    return eval::torchscript_module(spec, eval::initial_weights(spec, 1)).forward({torch::ones({1, 1, 4, 4})}).toTensor().numel();
  };
  CHECK(named("torch-jit export", "a", "b") == 2);
  CHECK(named("", "1", "2") == 2);
  CHECK_THROWS_WITH(named("net", "a.b", "a_b"), Catch::Contains("'a.b.bias' and 'a_b.bias' would both be called a_b_bias"));
}

TEST_CASE("TorchScript takes an epsilon that is a whole number, and tells what cannot be written") {
  eval::NetBuilder builder("hand", {1, 2, 2});
  builder.flatten("flatten", builder.batch_norm("bn", 0, 1));
  const eval::NetSpec spec = std::move(builder).build();
  eval::Weights weights{{"bn.weight", torch::tensor({3.F})},
                        {"bn.bias", torch::tensor({-1.F})},
                        {"bn.running_mean", torch::tensor({5.F})},
                        {"bn.running_var", torch::tensor({3.F})}};
  // (x - 5) / sqrt(3 + 1) * 3 - 1
  const Tensor images = torch::tensor({1.F, 3.F, 5.F, 7.F}).view({1, 1, 2, 2}), made = torch::tensor({{-7.F, -4.F, -1.F, 2.F}});
  CHECK(torch::allclose(eval::torchscript_module(spec, weights).forward({images}).toTensor(), made));
  const support::TemporaryDirectory directory;
  const auto error = [&] { return support::error_of([&] { eval::write_torchscript(directory.path() / "net.pt", spec, weights); }); };
  weights.erase("bn.bias");
  CHECK(error().kind() == storage::ErrorKind::environment);
  CHECK_THAT(error().what(), Catch::StartsWith("the net cannot be written as TorchScript: ") && Catch::Contains("bn_bias"));
  weights = {{"a.b.bias", torch::zeros({1})}, {"a_b.bias", torch::zeros({1})}};
  CHECK(error().kind() == storage::ErrorKind::invalid);
}
