// What a search optimises: objectives, constraints, dominance among nets, and the volume that a set of nets dominates.
// Used by the strategies, by the run loop (hypervolume) and by `nas-run pareto`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/repository.h"

namespace search {

/// A metric of a net: accuracy_val, loss_val, params, macs, size (bytes of its weights), latency_ms (the median at the first batch of
/// `evaluate: latency`), or one that the stage that made the net stores outside the test split, as "val/loss". Selection never sees test
/// data.
struct Objective {
  std::string metric;
  bool maximize = false;
};

/// "macs <= 2.0e8"
struct Constraint {
  std::string metric;
  bool at_most = true;  ///< else at least
  double bound = 0;
};

/// Throws storage::Error(invalid) for a metric that no net can have, with the nearest that one can.
void check_metric(const std::string& metric);

/// "METRIC <= NUMBER" or "METRIC >= NUMBER". Throws storage::Error(invalid).
Constraint parse_constraint(const std::string& text);

/// The same of a stored constraint: its metric is not checked.
Constraint constraint_from_string(const std::string& text);
std::string to_string(const Constraint& constraint);

/// Higher is better for accuracies, lower for everything else.
Objective default_objective(const std::string& metric);

/// The metrics that Repository::stage_statuses has to be asked for.
std::vector<std::string> stored_metrics(const std::vector<Objective>& objectives, const std::vector<Constraint>& constraints);

/// Whether an objective or a constraint is about the metric.
bool names_metric(const std::vector<Objective>& objectives, const std::vector<Constraint>& constraints, const std::string& metric);

/// Nothing where the net has no such value.
std::optional<double> metric_of(const storage::StageStatus& net, const std::string& metric);

/// One net as the comparison sees it.
struct Candidate {
  std::vector<double> values;  ///< one an objective, turned so that less is better
  double violation = 0;        ///< of the constraints, each relative to its bound, in sum; 0: feasible
};

/// Nothing where an objective or a constrained metric is missing, or no number.
std::optional<Candidate> candidate(const storage::StageStatus& net, const std::vector<Objective>& objectives,
                                   const std::vector<Constraint>& constraints);

/// The lesser violation wins; without any, no value worse and one better (Deb et al. 2002, constrained domination).
bool dominates(const Candidate& one, const Candidate& other);

/// Indices of those that nothing dominates, by their values in order; equal ones are all there.
std::vector<std::size_t> pareto_front(const std::vector<Candidate>& candidates);

/// The number of each candidate's front: 0 for those that nothing dominates, 1 for those that only these do, ...
std::vector<int> front_numbers(const std::vector<Candidate>& candidates);

/// Crowding distance of each candidate within its front; infinite at the ends (Deb et al. 2002).
std::vector<double> crowding_distances(const std::vector<Candidate>& candidates, const std::vector<int>& fronts);

/// Indices, best first: by front, then the less crowded, then the earlier.
std::vector<int> ranking(const std::vector<Candidate>& candidates);

/// The volume between `reference` and the points that are better than it in everything; less is better.
double hypervolume(std::vector<std::vector<double>> points, const std::vector<double>& reference);

/// That of nets, by their Candidate::values: accuracies count from 0, costs as shares of `base`'s, from 1 down.
double dominated_volume(const std::vector<Objective>& objectives, const std::vector<double>& base, std::vector<std::vector<double>> nets);

}  // namespace search
