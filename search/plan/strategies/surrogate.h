// A model of what cuts do, learned from the cuts of a search so far: where criterion l1 lost 2 points a halving, one more halving by l1 is
// expected to lose 2 points. By it the strategy pareto chooses the next cut. Plain numbers, no stages.
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

/// What a surrogate models: the objectives, and the metric of each constraint.
std::vector<Objective> modelled_metrics(const std::vector<Objective>& objectives, const std::vector<Constraint>& constraints);

class Surrogate {
 public:
  /// `cuts`: how each net was made, the base first. `outcomes`: of the first nets, those that are done or failed (nothing), with the values
  /// of modelled_metrics(). A net without
  /// an entry there is still being trained; until then it counts with its expected values, so that no second cut is chosen for the same
  /// gain.
  Surrogate(const std::vector<Objective>& objectives, const std::vector<Constraint>& constraints,
            std::vector<std::optional<Candidate>> outcomes, const std::vector<Cut>& cuts);

  /// The values that a cut of a net with an outcome is expected to have. Costs shrink as asked. Each other metric changes by its mean
  /// change a halving in the cuts of the same criterion, the mean of all cuts counted as one more of them; before the first cut not at all.
  Candidate expected(const Cut& cut) const;

  /// By how much the volume that the nets dominate, counted as the stored hypervolume, is expected to grow: not at all by a net that is
  /// expected beyond a constraint.
  double expected_improvement(const Cut& cut) const;

 private:
  /// Of each objective, a halving, in sum over cuts.
  struct Changes {
    std::vector<double> sums;
    double count = 0;
  };

  void learn(const Cut& cut, const Candidate& parent, const Candidate& child);
  std::vector<double> objectives_of(const Candidate& net) const;
  double volume(std::vector<std::vector<double>> points) const;

  const std::vector<Objective>& objectives_;
  std::vector<Constraint> constraints_;
  std::vector<Objective> metrics_;
  std::vector<std::optional<Candidate>> outcomes_;
  std::map<std::size_t, Changes> of_criterion_;
  Changes of_all_;
  std::vector<std::vector<double>> points_;
  double volume_ = 0;
};

}  // namespace search
