// Which widths a cut may leave of each group, by floors, the cap and rounding. Used by allocation and by the search for widths.
#pragma once

#include <algorithm>
#include <vector>

#include "prune/allocation_base.h"
#include "prune/channel_graph.h"
#include "storage/base/json.h"

namespace prune {

struct AllocationLimits {
  double floor = 0.1;      ///< share of the original channels
  int floor_channels = 3;  ///< or so many, whichever is more
  double cap = 0.9;        ///< share of the present channels that one cut may take at most
  double alpha = 0.25;     ///< greedy: exponent of the cost saved
  int round_to = 1;        ///< layers that are cut have a multiple of so many channels, not below the floor
};

/// From the JSON that check_options made of allocation_options().
AllocationLimits allocation_limits_from_json(const storage::Json& json);

/// By group, the units of which every layer has a multiple of `round_to` channels: where channels are tied in bundles, a unit has some.
std::vector<int> width_steps(const ChannelGroups& groups, int round_to);

/// The least widths that floors and the cap allow, by group, and the steps between widths; in units.
struct WidthBounds {
  std::vector<int> floor;      ///< least width by the floors
  std::vector<int> after_cap;  ///< least width that the cap leaves
  std::vector<int> size;
  std::vector<int> step;  ///< of a group that is cut what is left is a multiple of this
  bool rounds = false;    ///< some step is above 1

  /// The least multiple of the step within the bounds, or the whole group.
  int least(std::size_t group) const {
    const int bound = std::max(floor[group], after_cap[group]);
    return std::min(size[group], (bound + step[group] - 1) / step[group] * step[group]);
  }
  /// The next lower and the next higher width that may be left of a group.
  int below(std::size_t group, int width) const { return (width - 1) / step[group] * step[group]; }
  int above(std::size_t group, int width) const { return std::min(size[group], (width / step[group] + 1) * step[group]); }
};

/// Of a fixed group every bound is its own width.
WidthBounds width_bounds(const ChannelGroups& groups, const AllocationLimits& limits, const AllocationBase& base);

/// The least widths that floors, the cap and rounding leave of the groups; a fixed group's is its own.
std::vector<int> least_widths(const ChannelGroups& groups, const AllocationLimits& limits, const AllocationBase& base);

}  // namespace prune
