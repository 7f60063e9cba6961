#include "prune/starting_lr.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "eval/nets/net_builder.h"

namespace {

/// Four channels, 9 parameters: 4 + 4 weights, whose squares are 1 + 4 + 36 + 4 and 4 + 1 + 36 + 4, 90 in all, and a bias, which is not
/// among these squares.
eval::Net nine_parameters() {
  eval::NetBuilder builder("small", {1, 1, 1});
  builder.linear("fc", builder.flatten("flatten", builder.convolution("conv", builder.input(), 4, {}, /*bias=*/false)), 1);
  return {std::move(builder).build(),
          {{"conv.weight", torch::tensor({1.F, -2.F, 6.F, 2.F}).view({4, 1, 1, 1})},
           {"fc.weight", torch::tensor({{2.F, 1.F, 6.F, -2.F}})},
           {"fc.bias", torch::tensor({100.F})}}};
}

prune::Cut keeping(const eval::Net& net, const std::vector<int>& channels) {
  const prune::ChannelGroups groups = prune::channel_groups(net.spec());
  return prune::cut(net.spec(), groups, net.weights(), prune::kept_from_json(net.spec(), groups, {{"conv", channels}}));
}

}  // namespace

TEST_CASE("a retraining begins with what the cut took of the weights' length over what it took of their number") {
  const eval::Net net = nine_parameters();
  // The first two channels have 10 of the 90 squares, a third of the length, and 4 of the 9 parameters: (1/3) / sqrt(4/9) = 1/2.
  const prune::Cut cut = keeping(net, {2, 3});
  CHECK(prune::starting_share(net, cut, false, 1, 10) == Approx(0.5));
  // But no less than the epochs' share of the base's, which is 1 at most.
  CHECK(prune::starting_share(net, cut, false, 3, 4) == 0.75);
  CHECK(prune::starting_share(net, cut, false, 10, 4) == 1);
  // The others have 80 of the 90 squares: sqrt(8/9) / sqrt(4/9) = sqrt(2) is above 1.
  CHECK(prune::starting_share(net, keeping(net, {0, 1}), false, 1, 10) == 1);
  // The last alone has 8 of the squares, and 2 of the parameters: sqrt(8/90) / sqrt(2/9) = sqrt(0.4).
  CHECK(prune::starting_share(net, keeping(net, {0, 1, 2}), false, 1, 10) == Approx(std::sqrt(0.4)));
  CHECK(prune::starting_share(net, keeping(net, {0, 1, 2, 3}), false, 1, 10) == 1);
}

TEST_CASE("where single weights become 0, it goes by the weights of filters that are not") {
  const eval::Net net = nine_parameters();
  // 1, 2, 2 and 1 become 0: 10 of the 90 squares, 4 of the 8 weights: (1/3) / sqrt(1/2).
  prune::Cut thinned{net.spec(), eval::clone(net.weights())};
  thinned.weights.at("conv.weight").narrow(0, 0, 2).zero_();
  thinned.weights.at("fc.weight").narrow(1, 0, 2).zero_();
  CHECK(prune::starting_share(net, thinned, true, 1, 10) == Approx(std::sqrt(2.0) / 3));
  CHECK(prune::starting_share(net, thinned, false, 1, 10) == 1);  // no parameter went
  // Of a net that had zeros before: 2 and -2, the last channel's, are 8 of the 80 squares and 2 of the 4 weights: sqrt(1/10) / sqrt(1/2).
  const eval::Net thin(net.spec(), eval::clone(thinned.weights));
  thinned.weights.at("conv.weight")[3].zero_();
  thinned.weights.at("fc.weight").narrow(1, 3, 1).zero_();
  CHECK(prune::starting_share(thin, thinned, true, 1, 10) == Approx(std::sqrt(0.2)));
}
