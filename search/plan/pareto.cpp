#include "search/plan/pareto.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>

namespace search {

namespace {

/// Volume of the points (each better than the reference) in the first `dimensions` coordinates, slice by slice along the last.
double volume(std::vector<std::vector<double>> points, const std::vector<double>& reference, std::size_t dimensions) {
  const std::size_t last = dimensions - 1;
  std::sort(points.begin(), points.end(), [&](const auto& one, const auto& other) { return one[last] < other[last]; });
  double sum = 0;
  if (dimensions == 1) return points.empty() ? 0 : reference[0] - points[0][0];
  if (dimensions == 2) {  // a staircase
    double best = reference[0];
    for (const auto& point : points) {
      if (point[0] >= best) continue;
      sum += (best - point[0]) * (reference[1] - point[1]);
      best = point[0];
    }
    return sum;
  }
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double depth = (i + 1 < points.size() ? points[i + 1][last] : reference[last]) - points[i][last];
    if (depth > 0) sum += depth * volume({points.begin(), points.begin() + static_cast<std::ptrdiff_t>(i) + 1}, reference, last);
  }
  return sum;
}

}  // namespace

double violation(const Constraint& constraint, double value) {
  const double beyond = constraint.at_most ? value - constraint.bound : constraint.bound - value;
  return beyond > 0 ? beyond / std::max(std::abs(constraint.bound), 1e-12) : 0;
}

std::optional<Candidate> candidate(const storage::StageStatus& net, const std::vector<Objective>& objectives,
                                   const std::vector<Constraint>& constraints) {
  Candidate result;
  for (const Objective& objective : objectives) {
    const std::optional<double> value = metric_of(net, objective.metric);
    if (!value || std::isnan(*value)) return std::nullopt;
    result.values.push_back(objective.maximize ? -*value : *value);
  }
  for (const Constraint& constraint : constraints) {
    const std::optional<double> value = metric_of(net, constraint.metric);
    if (!value || std::isnan(*value)) return std::nullopt;
    result.violation += violation(constraint, *value);
  }
  return result;
}

bool dominates(const Candidate& one, const Candidate& other) {
  if (one.violation != other.violation) return one.violation < other.violation;
  bool better = false;
  for (std::size_t i = 0; i < one.values.size(); ++i) {
    if (one.values[i] > other.values[i]) return false;
    better = better || one.values[i] < other.values[i];
  }
  return better;
}

namespace {

/// So that none is dominated by one behind it.
std::vector<std::size_t> in_order(const std::vector<Candidate>& candidates) {
  std::vector<std::size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    return std::tie(candidates[i].violation, candidates[i].values) < std::tie(candidates[j].violation, candidates[j].values);
  });
  return order;
}

/// By a member of the front, of which the last are the likeliest.
bool is_beaten(const std::vector<Candidate>& candidates, const std::vector<std::size_t>& front, std::size_t i) {
  return std::any_of(front.rbegin(), front.rend(), [&](std::size_t j) { return dominates(candidates[j], candidates[i]); });
}

}  // namespace

std::vector<std::size_t> pareto_front(const std::vector<Candidate>& candidates) {
  std::vector<std::size_t> front;
  for (const std::size_t i : in_order(candidates))
    if (!is_beaten(candidates, front, i)) front.push_back(i);
  return front;
}

std::vector<int> front_numbers(const std::vector<Candidate>& candidates) {  // efficient non-dominated sort (Zhang et al. 2015)
  std::vector<int> numbers(candidates.size());
  std::vector<std::vector<std::size_t>> fronts;
  for (const std::size_t i : in_order(candidates)) {
    std::size_t number = 0;
    while (number < fronts.size() && is_beaten(candidates, fronts[number], i)) ++number;
    if (number == fronts.size()) fronts.emplace_back();
    fronts[number].push_back(i);
    numbers[i] = static_cast<int>(number);
  }
  return numbers;
}

std::vector<double> crowding_distances(const std::vector<Candidate>& candidates, const std::vector<int>& fronts) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  std::vector<double> distances(candidates.size());
  const int count = fronts.empty() ? 0 : *std::max_element(fronts.begin(), fronts.end()) + 1;
  for (int front = 0; front < count; ++front) {
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < candidates.size(); ++i)
      if (fronts[i] == front) members.push_back(i);
    for (std::size_t objective = 0; objective < candidates[members[0]].values.size(); ++objective) {
      const auto value = [&](std::size_t member) { return candidates[members[member]].values[objective]; };
      std::stable_sort(members.begin(), members.end(), [&](std::size_t one, std::size_t other) {
        return candidates[one].values[objective] < candidates[other].values[objective];
      });
      const double range = value(members.size() - 1) - value(0);
      distances[members.front()] = distances[members.back()] = infinite;
      for (std::size_t i = 1; i + 1 < members.size(); ++i)
        if (range > 0) distances[members[i]] += (value(i + 1) - value(i - 1)) / range;
    }
  }
  return distances;
}

std::vector<int> ranking(const std::vector<Candidate>& candidates) {
  const std::vector<int> fronts = front_numbers(candidates);
  const std::vector<double> distances = crowding_distances(candidates, fronts);
  std::vector<int> order(candidates.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int one, int other) {
    const auto i = static_cast<std::size_t>(one), j = static_cast<std::size_t>(other);
    return fronts[i] != fronts[j] ? fronts[i] < fronts[j] : distances[i] > distances[j];
  });
  return order;
}

double hypervolume(std::vector<std::vector<double>> points, const std::vector<double>& reference) {
  std::erase_if(points, [&](const std::vector<double>& point) {
    for (std::size_t i = 0; i < reference.size(); ++i)
      if (point[i] >= reference[i]) return true;
    return false;
  });
  return points.empty() ? 0 : volume(std::move(points), reference, reference.size());
}

bool shrinks_with_the_net(const std::string& metric) {
  return metric == "params" || metric == "macs" || metric == "size" || is_latency(metric);
}

double dominated_volume(const std::vector<Objective>& objectives, const std::vector<double>& base, std::vector<std::vector<double>> nets) {
  std::vector<double> reference;
  for (std::size_t i = 0; i < objectives.size(); ++i) {
    const bool maximize = objectives[i].maximize;
    const double unit = maximize || base[i] <= 0 ? 1 : base[i];
    for (auto& net : nets) net[i] /= unit;
    reference.push_back(maximize ? 0 : shrinks_with_the_net(objectives[i].metric) ? 1 : 2);
  }
  return hypervolume(std::move(nets), reference);
}

}  // namespace search
