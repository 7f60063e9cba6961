#include "search/experiment/objectives.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>

#include "storage/base/error.h"
#include "storage/base/option.h"

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;

const std::vector<std::string>& plain_metrics() {
  static const std::vector<std::string> names{"accuracy_val", "loss_val", "params", "macs", "size", "latency_ms"};
  return names;
}

/// What the stages that make a net store of it once (stages/training.cpp, prune.cpp, extend.cpp), test data left out.
const std::vector<std::string>& storable_metrics() {
  static const std::vector<std::string> names{"val/accuracy",
                                              "val/loss",
                                              "val/accuracy_before_retraining",
                                              "val/accuracy_as_cut",
                                              "val/accuracy_batch_norm",
                                              "train/images_per_s",
                                              "train/data_wait_share",
                                              "train/batch_parts",
                                              "data/images_left_out"};
  return names;
}

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(' '), end = text.find_last_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

/// The name under which the metric is stored, where it has no column of its own.
std::string stored_name(const std::string& metric) {
  return metric == "loss_val" ? "val/loss" : metric;
}

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

void check_metric(const std::string& metric) {
  const auto& plain = plain_metrics();
  const auto& storable = storable_metrics();
  const bool has_slash = metric.find('/') != std::string::npos;
  const auto is_among = [&](const auto& names) { return std::find(names.begin(), names.end(), metric) != names.end(); };
  if (metric.starts_with("test/") || metric == "accuracy_test")
    throw Error(ErrorKind::invalid,
                fmt::format("'{}' would choose by test data; valid: metrics of the training or validation split, or sizes", metric));
  if (is_among(plain) || is_among(storable)) return;
  if (has_slash)
    throw Error(ErrorKind::invalid, fmt::format("'{}' is not a metric that a net has{}", metric, storage::suggestion(metric, storable)));
  throw Error(ErrorKind::invalid,
              fmt::format("'{}' is not a metric{}; a stored one is named as in 'val/loss'", metric, storage::suggestion(metric, plain)));
}

Constraint parse_constraint(const std::string& text) {
  Constraint constraint = constraint_from_string(text);
  check_metric(constraint.metric);
  return constraint;
}

Constraint constraint_from_string(const std::string& text) {
  const std::size_t at = text.find_first_of("<>");
  const bool has_relation = at != std::string::npos && at + 1 < text.size() && text[at + 1] == '=';
  Constraint constraint;
  const std::string number = has_relation ? trimmed(text.substr(at + 2)) : "";
  const auto [rest, error] = std::from_chars(number.data(), number.data() + number.size(), constraint.bound);
  if (!has_relation || number.empty() || error != std::errc() || rest != number.data() + number.size() || !std::isfinite(constraint.bound))
    throw Error(ErrorKind::invalid, fmt::format("'{}' is not a constraint; valid: as in 'macs <= 2.0e8' or 'accuracy_val >= 0.9'", text));
  constraint.metric = trimmed(text.substr(0, at));
  constraint.at_most = text[at] == '<';
  return constraint;
}

std::string to_string(const Constraint& constraint) {
  return fmt::format("{} {} {}", constraint.metric, constraint.at_most ? "<=" : ">=", constraint.bound);
}

Objective default_objective(const std::string& metric) {
  return {metric, metric.find("accuracy") != std::string::npos};
}

std::vector<std::string> stored_metrics(const std::vector<Objective>& objectives, const std::vector<Constraint>& constraints) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& metric) {
    if (metric != "accuracy_val" && metric != "params" && metric != "macs") names.push_back(stored_name(metric));
  };
  for (const Objective& objective : objectives) add(objective.metric);
  for (const Constraint& constraint : constraints) add(constraint.metric);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool names_metric(const std::vector<Objective>& objectives, const std::vector<Constraint>& constraints, const std::string& metric) {
  const auto is_named = [&](const auto& each) { return each.metric == metric; };
  return std::any_of(objectives.begin(), objectives.end(), is_named) || std::any_of(constraints.begin(), constraints.end(), is_named);
}

std::optional<double> metric_of(const storage::StageStatus& net, const std::string& metric) {
  if (metric == "accuracy_val") return net.accuracy_val;
  if (metric == "params") return net.params;
  if (metric == "macs") return net.macs;
  const auto found = net.metrics.find(stored_name(metric));
  return found == net.metrics.end() ? std::nullopt : std::optional(found->second);
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
    const double beyond = constraint.at_most ? *value - constraint.bound : constraint.bound - *value;
    if (beyond > 0) result.violation += beyond / std::max(std::abs(constraint.bound), 1e-12);
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

std::vector<std::size_t> pareto_front(const std::vector<Candidate>& candidates) {
  std::vector<std::size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    return std::tie(candidates[i].violation, candidates[i].values) < std::tie(candidates[j].violation, candidates[j].values);
  });
  std::vector<std::size_t> front;  // none is dominated by one behind it; the last are the likeliest to dominate the next
  for (const std::size_t i : order)
    if (std::none_of(front.rbegin(), front.rend(), [&](std::size_t j) { return dominates(candidates[j], candidates[i]); }))
      front.push_back(i);
  return front;
}

std::vector<int> front_numbers(const std::vector<Candidate>& candidates) {
  const std::size_t size = candidates.size();
  std::vector<int> fronts(size), dominated_by(size);
  std::vector<std::vector<std::size_t>> beaten(size);
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j < size; ++j)
      if (dominates(candidates[i], candidates[j])) {
        beaten[i].push_back(j);
        ++dominated_by[j];
      }
  std::vector<std::size_t> front;
  for (std::size_t i = 0; i < size; ++i)
    if (dominated_by[i] == 0) front.push_back(i);
  for (int number = 0; !front.empty(); ++number) {
    std::vector<std::size_t> next;
    for (const std::size_t i : front) {
      fronts[i] = number;
      for (const std::size_t j : beaten[i])
        if (--dominated_by[j] == 0) next.push_back(j);
    }
    front = std::move(next);
  }
  return fronts;
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

double dominated_volume(const std::vector<Objective>& objectives, const std::vector<double>& base, std::vector<std::vector<double>> nets) {
  std::vector<double> reference;
  for (std::size_t i = 0; i < objectives.size(); ++i) {
    const bool maximize = objectives[i].maximize;
    const double unit = maximize || base[i] <= 0 ? 1 : base[i];
    for (auto& net : nets) net[i] /= unit;
    reference.push_back(maximize ? 0 : 1);
  }
  return hypervolume(std::move(nets), reference);
}

}  // namespace search
