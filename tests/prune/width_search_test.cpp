#include "prune/width_search.h"

#include <catch2/catch.hpp>
#include <set>

#include "eval/cost.h"
#include "eval/nets/net_builder.h"
#include "eval/nets/registry.h"
#include "prune/keep_mask.h"
#include "storage/base/error.h"

using prune::Budget;
using prune::PruneRequest;

namespace {

/// VGG16-BN at a quarter of its width on small images, and what an experiment allows.
struct Slim {
  eval::NetSpec spec = eval::make_net("vgg16_bn", {.width = 0.25, .classes = 10, .input = {1, 32, 32}});
  prune::ChannelGroups groups = prune::channel_groups(spec);
  prune::AllocationLimits limits;
  prune::AllocationBase base = prune::allocation_base(spec, groups, eval::cost(spec), {});

  prune::WidthSearch search(double keep, Budget of = Budget::macs) const {
    return {spec, groups, {PruneRequest::Kind::keep, keep, of}, limits, base};
  }

  /// Of the net that is left at these widths.
  eval::Cost cost(const std::vector<int>& widths) const {
    prune::KeepMask mask = prune::keep_all(groups);
    for (std::size_t g = 0; g < mask.size(); ++g) std::fill(mask[g].begin() + widths[g], mask[g].end(), false);
    return eval::cost(prune::cut_spec(spec, groups, mask));
  }
};

}  // namespace

TEST_CASE("every candidate costs what was asked for, within half a percent, and no group is below its floor") {
  const Slim slim;
  for (const Budget of : {Budget::macs, Budget::params}) {
    const prune::WidthSearch search = slim.search(0.12, of);
    std::mt19937_64 draws(7);
    std::vector<std::vector<int>> all{search.uniform(), search.random(draws)};
    for (int i = 0; i < 30; ++i) {
      all.push_back(search.random(draws));
      all.push_back(search.varied(all[0], draws));
      all.push_back(search.mixed(all[0], all.back(), draws));
    }
    for (const std::vector<int>& widths : all) {
      const eval::Cost cost = slim.cost(widths);
      const double share = of == Budget::macs ? static_cast<double>(cost.macs) / static_cast<double>(slim.base.cost.macs)
                                              : static_cast<double>(cost.params) / static_cast<double>(slim.base.cost.params);
      CHECK(share <= 0.12);
      CHECK(share > 0.995 * 0.12);
      for (std::size_t g = 0; g < widths.size(); ++g) {
        if (!slim.groups.groups[g].fixed.empty()) CHECK(widths[g] == slim.groups.groups[g].size);
        CHECK(widths[g] >= std::min(slim.groups.groups[g].size, 3));
        CHECK(widths[g] <= slim.groups.groups[g].size);
      }
    }
    CHECK(std::set<std::vector<int>>(all.begin(), all.end()).size() > 80);  // they differ
  }
}

TEST_CASE("one share for all groups, and the same draws from the same seed") {
  const Slim slim;
  const prune::WidthSearch search = slim.search(0.25);
  const std::vector<int> widths = search.uniform();
  for (std::size_t g = 0; g < widths.size(); ++g)
    if (slim.groups.groups[g].fixed.empty())
      CHECK(widths[g] == Approx(0.5 * slim.groups.groups[g].size).margin(1.5));  // MACs go by its square
  std::mt19937_64 one(3), other(3);
  CHECK(search.random(one) == search.random(other));
  CHECK(slim.search(1).uniform() == slim.base.channels);
}

TEST_CASE("widths are rounded in channels where a grouped convolution ties them") {
  eval::NetBuilder net("grouped", {3, 8, 8});
  int x = net.relu("first_relu", net.convolution("first", net.input(), 32, {3, 1, 1}));
  x = net.relu("grouped_relu", net.convolution("grouped", x, 32, {3, 1, 1}, true, 4));
  net.linear("fc", net.flatten("flatten", net.adaptive_average_pool("pool", x, 1)), 5);
  const eval::NetSpec spec = std::move(net).build();
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  const prune::AllocationBase base = prune::allocation_base(spec, groups, eval::cost(spec), {});
  prune::AllocationLimits limits;
  limits.round_to = 8;
  const prune::WidthSearch search(spec, groups, {PruneRequest::Kind::keep, 0.7, Budget::macs}, limits, base);
  std::mt19937_64 draws(7);
  std::set<int> first;
  for (int i = 0; i < 40; ++i)
    for (std::size_t g = 0; g < groups.groups.size(); ++g)
      if (groups.groups[g].name == "first") first.insert(search.random(draws)[g]);
  for (const int units : first) CHECK(units % 2 == 0);  // of four channels each, so two make eight
  CAPTURE(first);
  CHECK(first.size() > 1);
  CHECK(first.contains(6));  // 24 of 32 channels, no multiple of eight units
}

TEST_CASE("a search over widths needs a share of params or macs") {
  const Slim slim;
  CHECK_THROWS_AS(slim.search(0.5, Budget::channels), storage::Error);
}
