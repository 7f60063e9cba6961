// From scores and a request to a keep mask: the paper's threshold, a uniform rate, or greedy utility for the cost saved, within floors and
// caps.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "prune/allocation_base.h"
#include "prune/cut_options.h"
#include "prune/keep_mask.h"
#include "prune/width_bounds.h"

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

enum class AllocationMethod { eta, uniform, greedy };
/// Throws storage::Error(invalid) for an unknown name.
AllocationMethod allocation_method_from_string(const std::string& text);

/// What happened to a group. Fixed groups report only their reason.
struct GroupReport {
  double score_min = 0, score_mean = 0, score_max = 0;
  /// eta allocation: eta * deviation, by which the rule (see allocate) tells the units that are to go. Floor and cap keep some of them all
  /// the same, and a `keep` request as many as it has room for; round_to takes more.
  std::optional<double> threshold;
  bool floor_applied = false;  ///< the floor kept units that the request would have taken
  bool cap_applied = false;
};

struct Allocation {
  KeepMask mask;
  std::vector<GroupReport> reports;  ///< by group
  std::optional<double> eta;         ///< given, or found for a `keep` request
  bool target_reached = true;        ///< a `keep` request may end at the floors before its target
};

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
