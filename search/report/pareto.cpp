// The Pareto front, declared in answers.h.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "search/objectives.h"
#include "search/report/answers.h"
#include "storage/base/error.h"

namespace search {

using storage::Json;

Json pareto_front(const Json& steps, const std::string& x) {
  std::vector<Json> candidates;
  std::set<std::string> seen;
  for (const Json& step : steps) {
    const bool complete = step.contains(x) && step.at(x).is_number() && step.at("accuracy_val").is_number();
    if (complete && seen.insert(step.at("stage").get<std::string>()).second) candidates.push_back(step);
  }
  if (candidates.empty() && !steps.empty())
    throw storage::Error(storage::ErrorKind::usage,
                         fmt::format("no step has a number '{}' (valid: params, macs, params_ratio, macs_ratio, wall_s)", x));
  const auto order = [&](const Json& step) {
    return std::tuple(step.at("task").get<std::string>(), step.at(x).get<double>(), -step.at("accuracy_val").get<double>());
  };
  std::stable_sort(candidates.begin(), candidates.end(), [&](const Json& one, const Json& other) { return order(one) < order(other); });
  Json front = Json::array();
  for (Json& step : candidates) {  // within a task by growing x: what comes must be better than the last, or its equal in both
    const bool beats = front.empty() || front.back().at("task") != step.at("task") ||
                       step.at("accuracy_val").get<double>() > front.back().at("accuracy_val").get<double>() ||
                       order(step) == order(front.back());
    if (beats) front.push_back(std::move(step));
  }
  return front;
}

std::set<std::string> stages_beyond_constraints(const storage::Repository& repository) {
  std::vector<Constraint> constraints;
  const std::optional<storage::ExperimentRecord> experiment = repository.experiment();
  const Json stored = experiment ? experiment->settings.value("constraints", Json::array()) : Json::array();
  for (const Json& text : stored) constraints.push_back(constraint_from_string(text));
  std::set<std::string> beyond;
  if (constraints.empty()) return beyond;
  for (const auto& [stage, status] : repository.stage_statuses(stored_metrics({}, constraints))) {
    if (!status.params) continue;
    const std::optional<Candidate> net = candidate(status, {}, constraints);
    if (!net || net->violation != 0) beyond.insert(stage);
  }
  return beyond;
}

}  // namespace search
