// Dominance among nets by objectives and constraints, and the volume that a set of nets dominates. Used by the strategies, by the run loop
// (hypervolumes) and by the fronts of a report.
#pragma once

#include <optional>
#include <vector>

#include "search/experiment/objectives.h"

namespace search {

/// One net as the comparison sees it.
struct Candidate {
  std::vector<double> values;  ///< one an objective, turned so that less is better
  double violation = 0;        ///< of the constraints, each relative to its bound, in sum; 0: feasible
};

/// By how much a value is beyond a constraint, relative to its bound; 0 within it.
double violation(const Constraint& constraint, double value);

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

/// Whether the metric is a cost, which falls with every cut: parameters, multiply-accumulates, bytes, times.
bool shrinks_with_the_net(const std::string& metric);

/// That of nets, by their Candidate::values: what is maximised counts from 0, costs as shares of `base`'s, from 1 down, and what else is
/// minimised, as a loss, from twice the base's.
double dominated_volume(const std::vector<Objective>& objectives, const std::vector<double>& base, std::vector<std::vector<double>> nets);

}  // namespace search
