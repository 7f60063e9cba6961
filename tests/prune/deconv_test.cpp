#include "prune/deconv.h"

#include <catch2/catch.hpp>

#include "support/tiny_nets.h"

using torch::Tensor;

namespace {

/// A net of one layer between the image and a linear head, in fp32, with random weights.
eval::Net around(const std::function<int(eval::NetBuilder&)>& add, eval::Shape image) {
  eval::NetBuilder builder("one layer", image);
  const int layer = add(builder);
  builder.linear("fc", builder.flatten("flatten", builder.adaptive_average_pool("global", layer, 1)), 2);
  const eval::NetSpec spec = std::move(builder).build();
  eval::Weights weights = eval::initial_weights(spec, 3);
  for (auto& [name, tensor] : weights)
    if (name.find("running_var") != std::string::npos || name.find("weight") != std::string::npos) tensor.uniform_(0.5, 2);
  return {spec, weights};
}

/// <L x, y> against <x, L' y> for the linear part of layer 1 at x: L x is found by the difference to the layer at 0 where it has a bias.
void check_adjoint(const eval::Net& net, eval::Shape image) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(8);
  const Tensor x = torch::randn({2, image.channels, image.height, image.width});
  const Tensor up = net.forward_to(1, x) - net.forward_to(1, torch::zeros_like(x));
  const Tensor y = torch::randn_like(up);
  const Tensor down = prune::trace_layer(net, 1, {x}, y)[0];
  REQUIRE(down.sizes() == x.sizes());
  CHECK((down * x).sum().item<double>() == Approx((up * y).sum().item<double>()).epsilon(1e-4));
}

}  // namespace

TEST_CASE("the deconvnet's convolution is the adjoint for every stride, padding and group") {
  const eval::Shape image{4, 9, 9};
  for (int kernel : {1, 2, 3, 5})
    for (int stride : {1, 2, 3})
      for (int padding : {0, 1, 2})
        for (int groups : {1, 2, 4}) {
          if (padding > kernel / 2) continue;
          INFO("kernel " << kernel << " stride " << stride << " padding " << padding << " groups " << groups);
          check_adjoint(around(
                            [&](eval::NetBuilder& net) {
                              return net.convolution("layer", 0, 8, {kernel, stride, padding}, true, groups);
                            },
                            image),
                        image);
        }
}

TEST_CASE("pooling, batch norm and LRN are traced by their adjoints") {
  for (int size : {7, 8})
    for (int kernel : {2, 3})
      for (int stride : {1, 2, 3})
        for (int padding : {0, 1})
          for (bool ceil_mode : {false, true}) {
            const eval::Shape image{3, size, size};
            INFO("size " << size << " kernel " << kernel << " stride " << stride << " padding " << padding << " ceil " << ceil_mode);
            check_adjoint(around(
                              [&](eval::NetBuilder& net) {
                                return net.max_pool("layer", 0, {kernel, stride, padding, ceil_mode});
                              },
                              image),
                          image);
            check_adjoint(around(
                              [&](eval::NetBuilder& net) {
                                return net.average_pool("layer", 0, {kernel, stride, padding, ceil_mode});
                              },
                              image),
                          image);
            const eval::Net counted = around(
                [&](eval::NetBuilder& net) {
                  return net.average_pool("layer", 0, {kernel, stride, padding, ceil_mode});
                },
                image);
            eval::NetSpec uncounted = counted.spec();
            for (eval::Layer& layer : uncounted.layers) layer.count_padding = layer.kind != eval::LayerKind::average_pool;
            check_adjoint({uncounted, counted.weights()}, image);
          }
  const eval::Shape image{6, 5, 5};
  for (int size : {1, 2, 3})
    check_adjoint(around([&](eval::NetBuilder& net) { return net.adaptive_average_pool("layer", 0, size); }, image), image);
  check_adjoint(around([](eval::NetBuilder& net) { return net.batch_norm("layer", 0); }, image), image);
  for (int size : {1, 2, 3, 5})
    check_adjoint(around([&](eval::NetBuilder& net) { return net.local_response_norm("layer", 0, size, 0.1, 0.75, 2); }, image), image);
  check_adjoint(around([](eval::NetBuilder& net) { return net.zero_pad("layer", 0, {0, 2}, {3, 1}); }, image), image);
  check_adjoint(around([](eval::NetBuilder& net) { return net.select("layer", 0, {1, 2, 3}); }, image), image);
  check_adjoint(around([](eval::NetBuilder& net) { return net.select("layer", 0, {5, 0, 3}); }, image), image);
}

TEST_CASE("a place that is the maximum of several windows gets the last window's signal, or their sum") {
  eval::NetBuilder builder("overlap", {1, 2, 3});
  const int pool = builder.max_pool("pool", 0, {2, 1});
  builder.linear("fc", builder.flatten("flatten", pool), 2);
  const eval::NetSpec spec = std::move(builder).build();
  const eval::Net net(spec, eval::initial_weights(spec, 1));
  const Tensor x = torch::tensor({{1.F, 5.F, 2.F}, {0.F, 0.F, 0.F}}).view({1, 1, 2, 3}),
               signal = torch::tensor({4.F, 3.F}).view({1, 1, 1, 2});
  const auto traced = [&](prune::Unpooling unpooling) { return prune::trace_layer(net, 1, {x}, signal, unpooling)[0][0][0][0]; };
  CHECK(torch::equal(traced(prune::Unpooling::add), torch::tensor({0.F, 7.F, 0.F})));
  CHECK(torch::equal(traced(prune::Unpooling::place), torch::tensor({0.F, 3.F, 0.F})));
}

TEST_CASE("in large maps the last window's signal stays too, and by any number of threads") {
  eval::NetBuilder builder("overlap", {3, 40, 40});
  const int pool = builder.max_pool("pool", 0, {3, 2, 1});
  builder.linear("fc", builder.flatten("flatten", pool), 2);
  const eval::NetSpec spec = std::move(builder).build();
  const eval::Net net(spec, eval::initial_weights(spec, 1));
  torch::manual_seed(2);
  const Tensor x = torch::randint(0, 5, {4, 3, 40, 40}).to(torch::kFloat), signal = torch::randn({4, 3, 20, 20});
  const Tensor switches = std::get<1>(at::max_pool2d_with_indices(x, {3, 3}, {2, 2}, {1, 1}));
  Tensor expected = torch::zeros({4, 3, 1600});
  for (int n = 0; n < 4; ++n)
    for (int c = 0; c < 3; ++c)
      for (int window = 0; window < 400; ++window)
        expected[n][c][switches[n][c][window / 20][window % 20].item<std::int64_t>()] = signal[n][c][window / 20][window % 20];
  CHECK(torch::equal(prune::trace_layer(net, 1, {x}, signal, prune::Unpooling::place)[0].flatten(2), expected));
}

TEST_CASE("a trace worked by hand: two filters, a ReLU and a selection") {
  eval::NetBuilder builder("hand", {1, 1, 2});
  const int conv = builder.relu("relu", builder.convolution("conv", 0, 2, {1, 1, 0}));
  builder.linear("fc", builder.flatten("flatten", builder.adaptive_average_pool("global", conv, 1)), 2);
  const eval::Net net(std::move(builder).build(), {{"conv.weight", torch::tensor({3.F, -2.F}).view({2, 1, 1, 1})},
                                                   {"conv.bias", torch::tensor({0.F, 1.F})},
                                                   {"fc.weight", torch::ones({2, 2})},
                                                   {"fc.bias", torch::zeros({2})}});
  // Image (1, -1): convolution 3, -3 and -1, 3; ReLU 3, 0 and 0, 3; means 1.5 and 1.5. Neuron 0 selected: 1.5 spread over 2 places is 0.75
  // each.
  std::map<std::string, Tensor> seen;
  prune::trace_down(
      net, torch::tensor({1.F, -1.F}).view({1, 1, 1, 2}), eval::find_layer(net.spec(), "flatten"), prune::Unpooling::add,
      [](const Tensor& firing) {
        return firing * torch::tensor({1.F, 0.F});
      },
      [&](int layer, const Tensor& signal) { seen[net.spec().layers[layer].name] = signal.clone(); });
  CHECK(torch::allclose(seen.at("flatten"), torch::tensor({{1.5F, 0.F}})));
  CHECK(torch::allclose(seen.at("relu").flatten(), torch::tensor({0.75F, 0.75F, 0.F, 0.F})));
  CHECK(torch::allclose(seen.at("conv").flatten(), torch::tensor({0.75F, 0.75F, 0.F, 0.F})));
}

TEST_CASE("a gate gives each of its inputs the other one's values; activations cut negative signal off") {
  eval::NetBuilder builder("gate", {2, 1, 2});
  const int gate = builder.flatten("gate", builder.adaptive_average_pool("pool", 0, 1));
  const int product = builder.multiply("product", 0, gate);
  builder.linear("fc", builder.flatten("flatten", builder.leaky_relu("leaky", product)), 2);
  const eval::NetSpec spec = std::move(builder).build();
  const eval::Net net(spec, eval::initial_weights(spec, 1));
  const Tensor x = torch::tensor({1.F, 2.F, 3.F, 4.F}).view({1, 2, 1, 2}), by = torch::tensor({{10.F, 20.F}}),
               signal = torch::tensor({1.F, -1.F, 2.F, 0.5F}).view({1, 2, 1, 2});
  const std::vector<Tensor> down = prune::trace_layer(net, product, {x, by}, signal);
  CHECK(torch::equal(down[0].flatten(), torch::tensor({10.F, -10.F, 40.F, 10.F})));
  CHECK(torch::equal(down[1], torch::tensor({{1.F - 2.F, 6.F + 2.F}})));
  CHECK(torch::equal(prune::trace_layer(net, product + 1, {x}, signal)[0].flatten(), torch::tensor({1.F, 0.F, 2.F, 0.5F})));
}

TEST_CASE("signals of branches add at their common input and a concatenation is split by channels") {
  const eval::NetSpec spec = support::coupled_net();
  const eval::Net net(spec, eval::initial_weights(spec, 4));
  torch::manual_seed(1);
  std::map<std::string, Tensor> seen;
  prune::trace_down(
      net, torch::rand({2, 3, 8, 8}), eval::find_layer(spec, "hidden_relu"), prune::Unpooling::add,
      [](const Tensor& firing) { return torch::ones_like(firing); },
      [&](int layer, const Tensor& signal) { seen[spec.layers[layer].name] = signal.clone(); });
  CHECK(torch::allclose(at::cat({seen.at("grouped_relu"), seen.at("branch_relu")}, 1), seen.at("joined")));
  CHECK(torch::allclose(seen.at("body_bn"), seen.at("sum")));  // the add gives its signal to all branches
  REQUIRE(seen.count("stem_relu"));
}
