// What a search has seen of its cuts, and what one more is expected to add. Used by the strategy pareto; plain numbers, no stages.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "search/plan/pareto.h"

namespace search {

/// Where a net comes from.
struct Cut {
  std::size_t parent = 0, criterion = 0;
  double keep_ratio = 1;  ///< of the parent's size, below 1

  bool operator==(const Cut&) const = default;
};

class Surrogate {
 public:
  /// `cuts`: of every net, the base first, which comes from none. `outcomes`: of the first of them, the base among these; nothing where a
  /// net failed. The others are still being made, of nets with outcomes, and are taken to become what is expected of them.
  Surrogate(const std::vector<Objective>& objectives, std::vector<std::optional<Candidate>> outcomes, const std::vector<Cut>& cuts);

  /// What a cut of a net that has an outcome makes. Costs shrink as asked. The other objectives change, a halving, as they did in the cuts
  /// of the same criterion and, counted as one cut more, in the mean of all cuts; before the first cut not at all.
  Candidate expected(const Cut& cut) const;

  /// By how much the volume that the nets dominate, counted as the stored hypervolume, is expected to grow.
  double expected_improvement(const Cut& cut) const;

 private:
  /// Of each objective, a halving, in sum over cuts.
  struct Changes {
    std::vector<double> sums;
    double count = 0;
  };

  void learn(const Cut& cut, const Candidate& parent, const Candidate& child);

  const std::vector<Objective>& objectives_;
  std::vector<std::optional<Candidate>> outcomes_;
  std::map<std::size_t, Changes> of_criterion_;
  Changes of_all_;
  std::vector<std::vector<double>> points_;
  double volume_ = 0;
};

}  // namespace search
