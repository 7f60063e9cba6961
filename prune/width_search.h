// Width vectors that meet a budget, to be tried without training (as Li et al. 2020, EagleEye, arXiv 2007.02491). Used by the stage
// `candidates`.
#pragma once

#include <random>
#include <vector>

#include "prune/allocation_base.h"
#include "prune/channel_graph.h"
#include "prune/cut_options.h"
#include "prune/width_bounds.h"
#include "prune/width_cost.h"

namespace prune {

class WidthSearch {
 public:
  /// Borrows the groups. `request`: a share of the base to keep, of params, macs or latency. Throws storage::Error(invalid) for another
  /// one.
  WidthSearch(const eval::NetSpec& spec, const ChannelGroups& groups, const PruneRequest& request, const AllocationLimits& limits,
              const AllocationBase& base);

  /// Widths by group in the proportions of `wanted` (by group, above 0) whose cost comes as near to the budget as whole channels allow,
  /// and not above it unless the floors do.
  std::vector<int> fitted(const std::vector<double>& wanted) const;

  /// Every group at one share of its channels.
  std::vector<int> uniform() const;

  /// Every group at a share of its own, drawn evenly by its logarithm.
  std::vector<int> random(std::mt19937_64& draws) const;

  /// Every other group, as drawn, up to half again as wide or as narrow, the whole fitted to the budget.
  std::vector<int> varied(const std::vector<int>& widths, std::mt19937_64& draws) const;

  /// Each group as wide as in one of the two, as drawn, the whole fitted to the budget.
  std::vector<int> mixed(const std::vector<int>& one, const std::vector<int>& other, std::mt19937_64& draws) const;

 private:
  const ChannelGroups& groups_;
  WidthCost model_;
  double target_;
  std::vector<int> least_, steps_;  ///< by group
};

}  // namespace prune
