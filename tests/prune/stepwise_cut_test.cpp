#include "prune/stepwise_cut.h"

#include <catch2/catch.hpp>

#include "tests/support/tiny_nets.h"

TEST_CASE("a bound that acted in an earlier step of a cut is told of the cut") {
  const eval::NetSpec spec = support::plain_net();  // conv1 of 8 channels and conv2 of 16
  const eval::Net whole(spec, eval::initial_weights(spec, 1));
  const std::vector<int> channels{1, 8, 16, 4};
  // At one threshold for both, the cap keeps conv1 at 6 in the first step; of the second, which takes no more, nothing is to be told.
  prune::StepwiseCut all{.whole = whole, .criterion = "l1", .options = {{"readers", false}}, .allocation = prune::AllocationMethod::eta};
  all.limits = {.floor = 0, .floor_channels = 1, .cap = 0.25, .alpha = 0};
  all.base = [&](const eval::NetSpec&, const prune::ChannelGroups&) { return prune::AllocationBase{eval::cost(spec), channels}; };
  prune::StepwiseNet net{.cut = {spec, whole.weights()}};
  prune::cut_further(all, {prune::PruneRequest::Kind::eta, 1000}, net);
  REQUIRE(net.allocation.reports.at(1).cap_applied);
  prune::cut_further(all, {prune::PruneRequest::Kind::eta, 0}, net);
  CHECK(net.groups.groups.at(1).size == 6);
  CHECK(net.allocation.reports.at(1).cap_applied);
}
