#include "prune/allocation.h"

#include <catch2/catch.hpp>
#include <numeric>
#include <random>

#include "prune/width_cost.h"
#include "storage/base/error.h"
#include "tests/support/random_mask.h"
#include "tests/support/tiny_nets.h"

using prune::Allocation;
using prune::AllocationLimits;
using prune::AllocationMethod;
using prune::Budget;
using prune::PruneRequest;
using prune::Scores;

namespace {

/// conv1 (8 units) and conv2 (16) of the plain net, with the scores that a case gives them.
struct Plain {
  eval::NetSpec spec = support::plain_net();
  prune::ChannelGroups groups = prune::channel_groups(spec);
  prune::AllocationBase base{eval::cost(spec), {1, 8, 16, 4}};
  Scores scores{{}, {1, 2, 3, 4, 5, 6, 7, 8}, std::vector<double>(16, 1.0), {}};
  AllocationLimits limits{.floor = 0, .floor_channels = 1, .cap = 1, .alpha = 0};

  Plain() { std::iota(scores[2].begin(), scores[2].end(), 1.0); }
  Allocation allocate(PruneRequest request, AllocationMethod method) const {
    return prune::allocate(spec, groups, scores, request, method, limits, base);
  }
  std::vector<int> widths(PruneRequest request, AllocationMethod method) const {
    return prune::kept_counts(allocate(request, method).mask);
  }
  static PruneRequest eta(double value) { return {PruneRequest::Kind::eta, value}; }
  static PruneRequest keep(double share, Budget of = Budget::macs) { return {PruneRequest::Kind::keep, share, of}; }
};

/// Times that nothing took, of every layer: by outputs alone, or by inputs too.
eval::LatencyTable odd_table(const eval::NetSpec& spec) {
  eval::LatencyTable table{.call_ms = 0.125};
  for (std::size_t i = 1; i < spec.layers.size(); ++i)
    table.layers[spec.layers[i].name] =
        i % 2 == 0 ? eval::LayerLatency{{1}, {1, 7, 90}, {{1, 2, 5}}} : eval::LayerLatency{{2, 50}, {1, 7, 90}, {{1, 2, 5}, {4, 9, 40}}};
  return table;
}

}  // namespace

TEST_CASE("the paper's threshold: eta times the deviation of the non-zero scores") {
  Plain plain;
  // 1..8: deviation sqrt(6) = 2.449; eta 1 cuts 1 and 2. 1..16: deviation 4.761; cuts 1 to 4.
  CHECK(plain.widths(Plain::eta(1), AllocationMethod::eta) == std::vector<int>{1, 6, 12, 4});
  const Allocation cut = plain.allocate(Plain::eta(1), AllocationMethod::eta);
  CHECK(*cut.reports[1].threshold == Approx(2.449489743));
  CHECK_FALSE(cut.mask[1][1]);
  CHECK(cut.mask[1][2]);
  // Zeros do not enter the deviation: of {2, 4, 2, 4, 2, 4} it is sqrt(1.2), so eta 1 takes the zeros only.
  plain.scores[1] = {0, 0, 2, 4, 2, 4, 2, 4};
  CHECK(*plain.allocate(Plain::eta(1), AllocationMethod::eta).reports[1].threshold == Approx(std::sqrt(1.2)));
  CHECK(plain.widths(Plain::eta(1), AllocationMethod::eta)[1] == 6);
}

TEST_CASE("the deviation is that of the utility maps where a criterion has them") {
  Plain plain;
  const std::vector<prune::Spread> spreads{{}, {1.5, 100}, {2, 100}, {}};
  const Allocation cut =
      prune::allocate(plain.spec, plain.groups, plain.scores, Plain::eta(2), AllocationMethod::eta, plain.limits, plain.base, spreads);
  CHECK(prune::kept_counts(cut.mask) == std::vector<int>{1, 6, 13, 4});  // below 3 of 1..8, below 4 of 1..16
  CHECK(*cut.reports[1].threshold == 3);
  const std::vector<double> map{0, -1, 3, 0, 1};  // of {-1, 3, 1} about 1: (4 + 4 + 0) / 2
  CHECK(prune::spread_of(map).deviation == 2);
  CHECK(prune::spread_of(map).nonzero == 3);
}

TEST_CASE("a channel that nothing reaches goes at every eta above 0, also where one utility alone is not 0") {
  Plain plain;
  plain.scores[1] = {0, 0, 0, 7, 0, 0, -1, 0};  // one utility above 0 has no deviation
  CHECK(plain.widths(Plain::eta(1e-6), AllocationMethod::eta)[1] == 1);
  CHECK(plain.widths(Plain::eta(0), AllocationMethod::eta)[1] == 8);
}

TEST_CASE("channels of utility 0 go only as far as a share asks") {
  Plain plain;
  plain.scores[1] = {0, 0, 0, 0, 0, 0, 7, 8};
  plain.scores[2] = std::vector<double>(16, 0.0);
  plain.scores[2][15] = 9;
  const double full = prune::WidthCost(plain.spec, plain.groups, Budget::macs).cost({1, 8, 16, 4});
  const auto left = [&](double keep) {
    return prune::WidthCost(plain.spec, plain.groups, Budget::macs).cost(plain.widths(Plain::keep(keep), AllocationMethod::eta)) / full;
  };
  CHECK(left(0.95) <= 0.95);
  CHECK(left(0.95) > 0.8);
  CHECK(left(0.5) > 0.4);
}

TEST_CASE("eta 0 keeps all, and a larger eta never keeps more") {
  Plain plain;
  plain.scores[1][0] = 0;
  plain.scores[2][0] = -1;
  CHECK(plain.widths(Plain::eta(0), AllocationMethod::eta) == std::vector<int>{1, 8, 16, 4});
  std::vector<int> before{1, 8, 16, 4};
  for (double eta = 0.1; eta < 5; eta += 0.1) {
    const std::vector<int> now = plain.widths(Plain::eta(eta), AllocationMethod::eta);
    for (std::size_t g = 0; g < now.size(); ++g) CHECK(now[g] <= before[g]);
    before = now;
  }
}

TEST_CASE("no layer loses its last channel; floors and caps act and say so") {
  Plain plain;
  CHECK(plain.widths(Plain::eta(100), AllocationMethod::eta) == std::vector<int>{1, 1, 1, 4});
  plain.limits = {.floor = 0.25, .floor_channels = 3, .cap = 0.5, .alpha = 0};
  const Allocation cut = plain.allocate(Plain::eta(100), AllocationMethod::eta);
  CHECK(prune::kept_counts(cut.mask) == std::vector<int>{1, 4, 8, 4});  // floors: 3 and 4; half of 8 and 16
  CHECK(cut.reports[1].floor_applied);
  CHECK(cut.reports[1].cap_applied);
  plain.limits = {.floor = 0.25, .floor_channels = 3, .cap = 1, .alpha = 0};
  CHECK(plain.widths(Plain::eta(100), AllocationMethod::eta) == std::vector<int>{1, 3, 4, 4});
  const Allocation floored = plain.allocate(Plain::keep(0.001), AllocationMethod::greedy);
  CHECK(prune::kept_counts(floored.mask) == std::vector<int>{1, 3, 4, 4});
  CHECK_FALSE(floored.target_reached);
  CHECK(floored.reports[2].floor_applied);
}

TEST_CASE("a layer that a bound leaves whole says so where the cut ends before its target") {
  Plain plain;
  plain.limits = {.floor = 0, .floor_channels = 8, .cap = 1, .alpha = 0};  // conv1 has 8: nothing of it can go
  const Allocation floored = plain.allocate(Plain::keep(0.001), AllocationMethod::greedy);
  CHECK(prune::kept_counts(floored.mask) == std::vector<int>{1, 8, 8, 4});
  CHECK_FALSE(floored.target_reached);
  for (const std::size_t g : {1, 2}) {
    CHECK(floored.reports[g].floor_applied);
    CHECK_FALSE(floored.reports[g].cap_applied);
  }
  CHECK_FALSE(floored.reports[0].floor_applied);  // the image's and the classes are fixed
  CHECK_FALSE(floored.reports[3].floor_applied);
  plain.limits.floor_channels = 3;
  plain.limits.round_to = 8;  // below the last 8 of a layer there is nothing, with or without a floor
  const Allocation rounded = plain.allocate(Plain::keep(0.001), AllocationMethod::greedy);
  CHECK(prune::kept_counts(rounded.mask) == std::vector<int>{1, 8, 8, 4});
  CHECK_FALSE(rounded.target_reached);
  for (const std::size_t g : {1, 2}) CHECK_FALSE(rounded.reports[g].floor_applied);
  plain.limits.round_to = 1;
  const Allocation reached = plain.allocate(Plain::keep(0.9), AllocationMethod::greedy);
  CHECK(reached.target_reached);
  CHECK_FALSE(reached.reports[1].floor_applied);
  plain.limits = {.floor = 0, .floor_channels = 1, .cap = 0, .alpha = 0};
  const Allocation capped = plain.allocate(Plain::keep(0.9), AllocationMethod::greedy);
  CHECK(prune::kept_counts(capped.mask) == std::vector<int>{1, 8, 16, 4});
  for (const std::size_t g : {1, 2}) {
    CHECK(capped.reports[g].cap_applied);
    CHECK_FALSE(capped.reports[g].floor_applied);
  }
}

TEST_CASE("keep requests reach their share by each method") {
  Plain plain;
  const auto share = [&](const std::vector<int>& widths, Budget of) {
    const double full = prune::WidthCost(plain.spec, plain.groups, of).cost({1, 8, 16, 4});
    return prune::WidthCost(plain.spec, plain.groups, of).cost(widths) / full;
  };
  for (AllocationMethod method : {AllocationMethod::eta, AllocationMethod::uniform, AllocationMethod::greedy}) {
    for (Budget of : {Budget::params, Budget::macs}) {
      for (double r : {0.9, 0.5, 0.25}) {
        const std::vector<int> widths = plain.widths(Plain::keep(r, of), method);
        CHECK(share(widths, of) <= r);
        CHECK(share(widths, of) > 0.6 * r);  // and not far below
      }
    }
  }
  CHECK(plain.widths(Plain::keep(1), AllocationMethod::uniform) == std::vector<int>{1, 8, 16, 4});
  // Half of the units in both layers: 4 and 8.
  const double half = share({1, 4, 8, 4}, Budget::macs);
  CHECK(plain.widths(Plain::keep(half), AllocationMethod::uniform) == std::vector<int>{1, 4, 8, 4});
}

TEST_CASE("greedy takes the least score for the cost saved") {
  Plain plain;
  plain.scores[1] = std::vector<double>(8, 1.0);
  plain.scores[2] = std::vector<double>(16, 1.1);
  // MACs at full width: conv1 64*9*8 = 4608, conv2 16*9*8*16 = 18432, fc 64. One unit of conv1 saves 576 + 2304 = 2880, one of conv2 1152 +
  // 4 = 1156.
  const PruneRequest one_unit = Plain::keep(1 - 1.0 / 23104);
  CHECK(plain.widths(one_unit, AllocationMethod::greedy) == std::vector<int>{1, 7, 16, 4});  // alpha 0: the lower score
  plain.scores[1] = std::vector<double>(8, 1.2);
  CHECK(plain.widths(one_unit, AllocationMethod::greedy) == std::vector<int>{1, 8, 15, 4});
  plain.limits.alpha = 1;  // 1.2 / 2880 < 1.1 / 1156
  CHECK(plain.widths(one_unit, AllocationMethod::greedy) == std::vector<int>{1, 7, 16, 4});
}

TEST_CASE("a budget of latency: greedy takes the least score for the time saved, until the estimate is within it") {
  Plain plain;
  eval::LatencyTable table{.call_ms = 0.5, .whole_ms = 10.5};  // a channel of conv1 takes 1 ms, one of conv2 1/8 ms
  table.layers["conv1"] = {{1}, {1, 8}, {{1, 8}}};
  table.layers["conv2"] = {{8}, {1, 16}, {{0.125, 2}}};
  plain.base.latency = &table;
  plain.scores[1] = std::vector<double>(8, 2.0);
  plain.scores[2] = std::vector<double>(16, 1.0);
  const PruneRequest half = Plain::keep(0.5, Budget::latency);
  plain.limits.alpha = 1;  // at most 5.25 ms. 2 / 1 < 1 / 0.125: six of conv1 leave 0.5 + 2 + 2 ms, and five 5.5 ms
  CHECK(plain.widths(half, AllocationMethod::greedy) == std::vector<int>{1, 2, 16, 4});
  plain.limits.alpha = 0;  // by score alone: all of conv2 but one, which leaves 0.5 + 8 + 0.125 ms, then four of conv1
  CHECK(plain.widths(half, AllocationMethod::greedy) == std::vector<int>{1, 4, 1, 4});
  // One rate for all: four of conv1 come with seven of conv2, 0.5 + 4 + 0.875 ms, so it is below 7/16: three and seven.
  CHECK(plain.widths(half, AllocationMethod::uniform) == std::vector<int>{1, 3, 7, 4});
  CHECK(prune::share_left(plain.spec, plain.groups, Budget::latency, plain.base) == 1);
  plain.base.latency = nullptr;
  CHECK_THROWS_AS(plain.allocate(half, AllocationMethod::greedy), storage::Error);
}

TEST_CASE("widths are rounded down to a multiple, within the floors") {
  Plain plain;
  plain.limits.round_to = 4;
  // eta 1 leaves 6 and 12 (see above): 4 and 12. A group that is not cut is not rounded.
  CHECK(plain.widths(Plain::eta(1), AllocationMethod::eta) == std::vector<int>{1, 4, 12, 4});
  plain.limits.round_to = 5;
  CHECK(plain.widths(Plain::eta(0), AllocationMethod::eta) == std::vector<int>{1, 8, 16, 4});
  plain.limits.floor_channels = 6;  // the least multiple of 5 from 6 on is 10, more than the 8 that there are
  CHECK(plain.widths(Plain::eta(1), AllocationMethod::eta) == std::vector<int>{1, 8, 10, 4});
  plain.limits.floor_channels = 1;
  for (const AllocationMethod method : {AllocationMethod::greedy, AllocationMethod::uniform, AllocationMethod::eta}) {
    const Allocation cut = plain.allocate(Plain::keep(0.5), method);
    CHECK(cut.target_reached);
    for (const std::size_t g : {1, 2}) {
      const int width = prune::kept_counts(cut.mask)[g];
      CHECK((width % 5 == 0 || width == plain.groups.groups[g].size));
    }
  }
}

TEST_CASE("round_to counts channels, also where a unit has several, and gives back what the request has room for") {
  // Three convolutions of 3x3 on 16 x 16 maps: 3 -> 32, 32 -> 64 in 4 groups, 64 -> 16, and a linear layer to 10 classes. Grouped filters
  // are tied in fours, so that a unit of a and of g has 4 channels. MACs over 256 pixels by widths (a, g, c): 27a + 9ag/4 + 9gc, and 10c
  // for the linear layer: 864 + 4608 + 9216 = 14688 a pixel at full width.
  eval::NetSpec spec = support::grouped_net();
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  const prune::AllocationBase base = prune::allocation_base(spec, groups, eval::cost(spec), {});
  Scores scores;
  for (const prune::ChannelGroup& group : groups.groups) {
    scores.emplace_back(group.fixed.empty() ? group.size : 0, 1.0);
    std::iota(scores.back().begin(), scores.back().end(), 1.0);
  }
  CHECK(base.cost.macs == 14688 * 256 + 160);
  const auto channels = [&](int round_to, AllocationMethod method) {
    AllocationLimits limits{.floor = 0, .floor_channels = 1, .cap = 1, .alpha = 0, .round_to = round_to};
    const Allocation cut = prune::allocate(spec, groups, scores, Plain::keep(0.95), method, limits, base);
    CHECK(cut.target_reached);
    std::vector<int> left;
    const eval::NetSpec smaller = prune::cut_spec(spec, groups, cut.mask);
    for (const char* name : {"a", "g", "c"})
      for (const eval::Layer& layer : smaller.layers)
        if (layer.name == name) left.push_back(layer.channels);
    return left;
  };
  // At most 0.95, which is 13954 a pixel. Of multiples of 8: c at 8 leaves 864 + 4608 + 4608, g at 56 leaves 864 + 4032 + 8064 = 12960, and
  // then neither fits in whole.
  CHECK(channels(8, AllocationMethod::uniform) == std::vector<int>{32, 56, 16});
  // g at 60 leaves 864 + 4320 + 8640 = 13824.
  CHECK(channels(4, AllocationMethod::uniform) == std::vector<int>{32, 60, 16});
  for (const AllocationMethod method : {AllocationMethod::greedy, AllocationMethod::uniform, AllocationMethod::eta})
    for (const int round_to : {4, 8})
      for (const int width : channels(round_to, method)) CHECK(width % round_to == 0);
}

TEST_CASE("half the channels of every group of ResNet18 is the net that Torch-Pruning publishes") {
  const eval::NetSpec spec = eval::make_net("resnet18", {});
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  const prune::AllocationBase base = prune::allocation_base(spec, groups, eval::cost(spec), {});
  Scores scores;
  for (const prune::ChannelGroup& group : groups.groups) {
    scores.emplace_back(group.fixed.empty() ? group.size : 0, 1.0);
  }
  const AllocationLimits limits{.round_to = 8};
  const Allocation cut = prune::allocate(spec, groups, scores, Plain::keep(0.5, Budget::channels), AllocationMethod::uniform, limits, base);
  CHECK(cut.target_reached);
  CHECK(eval::cost(prune::cut_spec(spec, groups, cut.mask)).params == 3'055'880);  // its README, uniform local pruning at 0.5
}

TEST_CASE("another criterion's widths keep the best of each group") {
  Plain plain;
  const Allocation cut = prune::allocate_widths(plain.groups, plain.scores, {1, 2, 3, 4});
  CHECK(cut.mask[1] == std::vector<bool>{false, false, false, false, false, false, true, true});
  CHECK_THROWS_WITH(prune::allocate_widths(plain.groups, plain.scores, {1, 0, 3, 4}), Catch::Contains("conv1"));
  CHECK_THROWS_WITH(prune::allocate_widths(plain.groups, plain.scores, {1, 2, 3, 3}), Catch::Contains("fc"));
}

TEST_CASE("substeps share the way to a keep in equal ratios, and end at what was asked for") {
  const PruneRequest sixteenth{PruneRequest::Kind::keep, 0.0625, Budget::params}, half{PruneRequest::Kind::keep, 0.5, Budget::macs};
  const auto steps = prune::substeps(sixteenth, 1, 4);
  REQUIRE(steps.size() == 4);
  for (int i = 0; i < 4; ++i) {
    CHECK(steps[i].value == Approx(1.0 / (2 << i)));
    CHECK(steps[i].of == Budget::params);
  }
  CHECK(steps[3].value == 0.0625);
  CHECK(prune::substeps(sixteenth, 0.25, 2)[0].value == Approx(0.125));
  CHECK(prune::substeps(half, 0.5, 4).size() == 1);
  CHECK(prune::substeps({PruneRequest::Kind::eta, 0.5}, 1, 4).size() == 1);
  CHECK(prune::default_substeps(sixteenth, 1, false) == prune::deep_cut_substeps);
  CHECK(prune::default_substeps({.value = 0.4}, 1, false) == 1);
  CHECK(prune::default_substeps({.value = 0.4 * 0.4}, 0.4, false) == 1);
  CHECK(prune::default_substeps({.value = 0.16}, 0.4, false) == 1);  // 0.4 * 0.4 is a little more
  CHECK(prune::default_substeps({PruneRequest::Kind::eta, 0.5}, 1, false) == 1);
  CHECK(prune::default_substeps(sixteenth, 1, true) == 1);
}

TEST_CASE("a base counts the units of grouped convolutions, not their channels") {
  // 24 channels in 4 groups of 6: a unit is one of each group, so there are 6; of the base's 32 channels in 4 groups there were 8.
  eval::NetBuilder builder("grouped", {4, 4, 4});
  const int grouped = builder.convolution("grouped", builder.convolution("wide", 0, 16, {}), 24, {}, true, 4);
  builder.linear("fc", builder.flatten("flatten", builder.adaptive_average_pool("global", grouped, 1)), 3);
  const eval::NetSpec spec = std::move(builder).build();
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  const prune::AllocationBase base = prune::allocation_base(spec, groups, {1000, 2000}, {{"wide", 16}, {"grouped", 32}});
  std::map<std::string, int> units;
  for (std::size_t g = 0; g < groups.groups.size(); ++g) units[groups.groups[g].name] = base.channels[g];
  CHECK(units == std::map<std::string, int>{{"input", 4}, {"wide", 4}, {"grouped", 8}, {"fc", 3}});
  CHECK(base.cost.macs == 2000);
  // A floor of a quarter leaves 2 of the 8 units: 8 channels. Counted by channels it would be 8 units, more than there are.
  const prune::Scores scores{{}, {1, 2, 3, 4}, {1, 2, 3, 4, 5, 6}, {}};
  const Allocation cut = prune::allocate(spec, groups, scores, Plain::keep(1e-3), AllocationMethod::uniform,
                                         {.floor = 0.25, .floor_channels = 1, .cap = 1}, base);
  CHECK(prune::kept_counts(cut.mask) == std::vector<int>{4, 2, 2, 3});  // of what is tied two units stay
}

TEST_CASE("a base counts the units of each group where two share a layer") {
  const eval::NetSpec spec = support::shuffled_net();
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  const auto units = prune::units_of_shared_layers(groups);
  REQUIRE(units == std::map<std::string, std::vector<int>>{{"stem", {4, 4}}});  // the half that passes, and the half that is convolved
  prune::KeepMask mask = prune::keep_all(groups);
  std::vector<std::size_t> halves;
  for (std::size_t g = 0; g < groups.groups.size(); ++g)
    if (groups.groups[g].name == "stem") halves.push_back(g);
  mask[halves[0]] = {true, false, false, false};
  const eval::NetSpec now = prune::cut_spec(spec, groups, mask);
  const prune::ChannelGroups of_now = prune::channel_groups(now);
  const prune::AllocationBase base = prune::allocation_base(now, of_now, eval::cost(spec), {{"stem", 8}}, units);
  CHECK(of_now.groups[halves[0]].size == 1);
  CHECK(base.channels[halves[0]] == 4);
  CHECK(base.channels[halves[1]] == 4);
}

TEST_CASE("a base counts a head of more outputs than the square root of the largest int") {
  eval::NetBuilder builder("wide_head", {1, 1, 1});
  builder.linear("fc", builder.flatten("flatten", 0), 50'000);
  const eval::NetSpec spec = std::move(builder).build();
  const prune::AllocationBase base = prune::allocation_base(spec, prune::channel_groups(spec), {}, {{"fc", 50'000}});
  CHECK(base.channels == std::vector<int>{1, 50'000});
}

TEST_CASE("what is left of a base is counted as requests count it") {
  Plain plain;
  plain.base.cost = {4 * plain.base.cost.params, 2 * plain.base.cost.macs};
  plain.base.channels = {1, 16, 32, 4};
  CHECK(prune::share_left(plain.spec, plain.groups, Budget::params, plain.base) == Approx(0.25));
  CHECK(prune::share_left(plain.spec, plain.groups, Budget::macs, plain.base) == Approx(0.5));
  CHECK(prune::share_left(plain.spec, plain.groups, Budget::channels, plain.base) == Approx(0.5));
}

TEST_CASE("the cost by widths equals the cost of the cut spec, for every net") {
  std::mt19937_64 random(3);
  std::vector<eval::NetSpec> specs{support::plain_net(), support::coupled_net()};
  for (const eval::NetEntry& entry : eval::net_registry()) specs.push_back(support::small_instance(entry.name));
  for (const eval::NetSpec& spec : specs) {
    INFO(spec.name);
    const prune::ChannelGroups groups = prune::channel_groups(spec);
    const prune::KeepMask mask = support::random_mask(groups, random);
    const eval::Cost cost = eval::cost(prune::cut_spec(spec, groups, mask));
    const std::vector<int> widths = prune::kept_counts(mask);
    const eval::LatencyTable table = odd_table(spec);
    const prune::WidthCost params(spec, groups, Budget::params), macs(spec, groups, Budget::macs),
        latency(spec, groups, Budget::latency, &table);
    CHECK(latency.cost(widths) == Approx(table.estimate(prune::cut_spec(spec, groups, mask))).epsilon(1e-12));
    CHECK(params.cost(widths) == Approx(static_cast<double>(cost.params)).epsilon(1e-12));
    CHECK(macs.cost(widths) == Approx(static_cast<double>(cost.macs)).epsilon(1e-12));
    for (std::size_t g = 0; g < widths.size(); ++g) {
      std::vector<int> less = widths;
      --less[g];
      CHECK(macs.saving(widths, static_cast<int>(g)) == Approx(macs.cost(widths) - macs.cost(less)).margin(0.5));
      CHECK(latency.saving(widths, static_cast<int>(g)) == Approx(latency.cost(widths) - latency.cost(less)).margin(1e-9));
    }
  }
}

TEST_CASE("what a grouped convolution ties stays two units, so that masks of cuts in a row compose") {
  const eval::NetSpec spec = support::coupled_net();
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  AllocationLimits limits;
  limits.floor = 0;
  limits.floor_channels = 1;
  eval::NetSpec now = spec;
  storage::Json kept;
  for (const double keep : {0.3, 0.05}) {
    const prune::ChannelGroups of_now = prune::channel_groups(now);
    prune::Scores scores;
    for (const prune::ChannelGroup& group : of_now.groups) scores.emplace_back(group.size, 1.0);
    const prune::Allocation cut =
        prune::allocate(now, of_now, scores, {prune::PruneRequest::Kind::keep, keep, Budget::params}, AllocationMethod::greedy, limits,
                        prune::allocation_base(now, of_now, eval::cost(spec), {}));
    kept = prune::compose_kept(kept, prune::kept_to_json(now, of_now, cut.mask));
    now = prune::cut_spec(now, of_now, cut.mask);
    CHECK(prune::cut_spec(spec, groups, prune::kept_from_json(spec, groups, kept)) == now);
  }
}

TEST_CASE("a floor is a share of what the base had, not of what a cut before left") {
  Plain plain;
  plain.base.channels = {1, 16, 32, 4};  // the net has 8 and 16 of them
  plain.limits = {.floor = 0.25, .floor_channels = 1, .cap = 1, .alpha = 0};
  CHECK(plain.widths(Plain::eta(100), AllocationMethod::eta) == std::vector<int>{1, 4, 8, 4});
}
