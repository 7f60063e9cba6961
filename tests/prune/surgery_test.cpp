#include "prune/surgery.h"

#include <catch2/catch.hpp>
#include <random>

#include "eval/cost.h"
#include "tests/support/random_mask.h"
#include "tests/support/tiny_nets.h"

namespace {

/// Weights as after some training: batch norm with statistics of its own.
eval::Weights lively_weights(const eval::NetSpec& spec) {
  torch::manual_seed(5);
  eval::Weights weights = eval::initial_weights(spec, 5);
  for (auto& [name, tensor] : weights) {
    if (name.find(".running_var") != std::string::npos) tensor.uniform_(0.5, 1.5);
    if (tensor.dim() == 2) tensor.normal_(0, 0.3);
    if (name.find(".running_mean") != std::string::npos || name.find(".bias") != std::string::npos) tensor.normal_(0, 0.2);
  }
  return weights;
}

/// Largest difference of the class scores of the cut and the masked net, over the largest score.
double difference(const eval::NetSpec& spec, const prune::KeepMask& mask, const eval::Weights& weights) {
  torch::NoGradGuard no_grad;
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  const eval::Shape shape = eval::output_shapes(spec)[0];
  const torch::Tensor images = torch::randn({3, shape.channels, shape.height, shape.width});
  const eval::Net net(spec, eval::clone(weights));
  prune::Cut cut = prune::cut(spec, groups, weights, mask);
  const torch::Tensor masked = net.forward(images, false, prune::masking_tap(groups, mask));
  const torch::Tensor scores = eval::Net(cut.spec, std::move(cut.weights)).forward(images, false);
  REQUIRE(scores.sizes() == masked.sizes());
  return (scores - masked).abs().max().item<double>() / masked.abs().max().item<double>();
}

}  // namespace

TEST_CASE("the cut net equals the masked net, for every net and random masks") {
  std::mt19937_64 random(11);
  std::vector<eval::NetSpec> specs{support::plain_net(), support::coupled_net(), support::gated_net(), support::shuffled_net()};
  for (const eval::NetEntry& entry : eval::net_registry()) specs.push_back(support::small_instance(entry.name));
  for (const eval::NetSpec& spec : specs) {
    INFO(spec.name);
    const eval::Weights weights = lively_weights(spec);
    const prune::ChannelGroups groups = prune::channel_groups(spec);
    CHECK(difference(spec, prune::keep_all(groups), weights) < 1e-6);
    for (int i = 0; i < 2; ++i) CHECK(difference(spec, support::random_mask(groups, random), weights) < 1e-5);
  }
}

TEST_CASE("a depthwise convolution with several filters a channel is cut with the channels that it reads") {
  eval::NetBuilder builder("multiplied", {2, 6, 6});
  const int first = builder.relu("relu", builder.convolution("first", builder.input(), 4, {3, 1, 1}));
  const int depthwise = builder.convolution("depthwise", first, 8, {3, 1, 1}, true, 4);
  builder.linear("fc", builder.flatten("flatten", builder.adaptive_average_pool("global", depthwise, 1)), 3);
  const eval::NetSpec spec = std::move(builder).build();
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  const prune::KeepMask mask = prune::kept_from_json(spec, groups, storage::Json{{"first", {0, 3}}});
  CHECK(prune::kept_channels(groups, mask, eval::find_layer(spec, "depthwise")) == std::vector<std::int64_t>{0, 1, 6, 7});
  CHECK(prune::cut_spec(spec, groups, mask).layers[eval::find_layer(spec, "depthwise")].groups == 2);
  CHECK(difference(spec, mask, lively_weights(spec)) < 1e-5);
}

TEST_CASE("masking changes what the net computes, so that the comparison means something") {
  const eval::NetSpec spec = support::plain_net();
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  prune::KeepMask mask = prune::keep_all(groups);
  for (int unit = 0; unit < 8; ++unit) mask[2][unit] = false;
  const eval::Net net(spec, lively_weights(spec));
  torch::NoGradGuard no_grad;
  const torch::Tensor images = torch::randn({2, 1, 8, 8});
  CHECK((net.forward(images, false) - net.forward(images, false, prune::masking_tap(groups, mask))).abs().max().item<double>() > 1e-4);
}

TEST_CASE("surgery removes the filter, its norm entries and its depth in the reader") {
  const eval::NetSpec spec = support::plain_net();
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  const eval::Weights weights = lively_weights(spec);
  const prune::KeepMask mask = prune::kept_from_json(spec, groups, storage::Json{{"conv1", {0, 6}}});
  const prune::Cut cut = prune::cut(spec, groups, weights, mask);
  const auto kept = torch::tensor({0, 6});
  CHECK(torch::equal(cut.weights.at("conv1.weight"), weights.at("conv1.weight").index_select(0, kept)));
  CHECK(torch::equal(cut.weights.at("bn1.running_var"), weights.at("bn1.running_var").index_select(0, kept)));
  CHECK(torch::equal(cut.weights.at("conv2.weight"), weights.at("conv2.weight").index_select(1, kept)));
  // conv1 2*9, bn1 2*2, conv2 16*2*9, bn2 2*16, fc 16*4 + 4
  CHECK(eval::cost(cut.spec).params == 18 + 4 + 288 + 32 + 68);
}
