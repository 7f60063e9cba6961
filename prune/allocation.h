// From scores and a request to a keep mask: the paper's threshold, a uniform rate, or greedy utility for the cost saved, within floors and
// caps.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eval/cost.h"
#include "eval/latency_table.h"
#include "prune/cut_options.h"
#include "prune/keep_mask.h"

namespace prune {

/// scores[g][i]: utility of unit i of group g; the paper's may be negative. Rows of fixed groups are empty.
using Scores = std::vector<std::vector<double>>;

/// How the values of a group's utility maps lie: what the paper's threshold is a multiple of.
struct Spread {
  double deviation = 0;      ///< standard deviation of the non-zero values over all channels and places, P - 1 in the denominator
  std::int64_t nonzero = 0;  ///< P
};
/// Of values that lie one after another.
Spread spread_of(std::span<const double> values);

struct AllocationLimits {
  double floor = 0.1;      ///< share of the original channels
  int floor_channels = 3;  ///< or so many, whichever is more
  double cap = 0.9;        ///< share of the present channels that one cut may take at most
  double alpha = 0.25;     ///< greedy: exponent of the cost saved
  int round_to = 1;        ///< layers that are cut have a multiple of so many channels, not below the floor
};

/// From the JSON that check_options made of allocation_options().
AllocationLimits allocation_limits_from_json(const storage::Json& json);

enum class AllocationMethod { eta, uniform, greedy };
/// Throws storage::Error(invalid) for an unknown name.
AllocationMethod allocation_method_from_string(const std::string& text);

/// What happened to a group. Fixed groups report only their reason.
struct GroupReport {
  double score_min = 0, score_mean = 0, score_max = 0;
  std::optional<double> threshold;  ///< eta allocation: units below went
  bool floor_applied = false;       ///< the floor kept units that the request would have taken
  bool cap_applied = false;
};

struct Allocation {
  KeepMask mask;
  std::vector<GroupReport> reports;  ///< by group
  std::optional<double> eta;         ///< given, or found for a `keep` request
  bool target_reached = true;        ///< a `keep` request may end at the floors before its target
};

/// The base that shares and floors refer to.
struct AllocationBase {
  eval::Cost cost;
  std::vector<int> channels;                    ///< by group: units of the net that was first trained
  const eval::LatencyTable* latency = nullptr;  ///< borrowed, of that net; requests of latency need it
};

/// The base of a net that may have been cut before: its cost, and for every group its units, as the `channels` by layer tell them that the
/// base had. A layer that is not named has as many as now. Where a convolution is grouped, a unit is a channel of every group; where a
/// layer's channels are in several groups, `units` are what each of these had, by the groups' name and in their order.
AllocationBase allocation_base(const eval::NetSpec& spec, const ChannelGroups& groups, eval::Cost cost,
                               const std::map<std::string, int>& channels, const std::map<std::string, std::vector<int>>& units = {});

/// The `units` of a net that was not cut.
std::map<std::string, std::vector<int>> units_of_shared_layers(const ChannelGroups& groups);

/// What the base costs, as `of` counts it. Throws storage::Error(internal) for latency without a table.
double base_size(const ChannelGroups& groups, Budget of, const AllocationBase& base);

/// What is left of the base in a net that may have been cut before, as `of` counts it.
double share_left(const eval::NetSpec& spec, const ChannelGroups& groups, Budget of, const AllocationBase& base);

/// By group, the units of which every layer has a multiple of `round_to` channels: where channels are tied in bundles, a unit has some.
std::vector<int> width_steps(const ChannelGroups& groups, int round_to);

/// The least widths that floors, the cap and rounding leave of the groups; a fixed group's is its own.
std::vector<int> least_widths(const ChannelGroups& groups, const AllocationLimits& limits, const AllocationBase& base);

/// Scores are used as they are; nothing is scored again. An `eta` request uses the eta method.
/// eta: t = eta * deviation, and units with u < t go (Tian, Arbel, Clark 2021, equation 13), as do all with u <= 0 where eta is above 0.
/// The deviation is that of `spreads` (by group), or where there are none that of the group's own non-zero scores. A `keep` request takes
/// the least eta that reaches the share; where many units fall at that eta (all with u <= 0 at the first), every group keeps the same share
/// of its own, the better ones, as far as the request allows. uniform: the same rate in every group, least scores first. greedy: the unit
/// with the least u / (cost saved)^alpha of all groups goes, until the share is reached (with round_to: the units down to the next
/// multiple, by their mean u); negative u count as 0. With round_to a `keep` request gives back, multiple by multiple, what fits into it.
Allocation allocate(const eval::NetSpec& spec, const ChannelGroups& groups, const Scores& scores, const PruneRequest& request,
                    AllocationMethod method, const AllocationLimits& limits, const AllocationBase& base,
                    const std::vector<Spread>& spreads = {});

/// The units with the highest scores, `widths[g]` of each group: a criterion at another's widths. It knows no request, and says that its
/// target is reached. Throws storage::Error(invalid) for a width that a group cannot have.
Allocation allocate_widths(const ChannelGroups& groups, const Scores& scores, const std::vector<int>& widths);

}  // namespace prune
