// The Pareto front, declared in answers.h.
#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "search/experiment/objectives.h"
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
  std::map<std::string, std::vector<std::size_t>> tasks;
  for (std::size_t i = 0; i < candidates.size(); ++i) tasks[candidates[i].at("task").get<std::string>()].push_back(i);
  Json front = Json::array();
  for (const auto& [task, members] : tasks) {
    std::vector<Candidate> nets;
    for (const std::size_t i : members)
      nets.push_back({{candidates[i].at(x).get<double>(), -candidates[i].at("accuracy_val").get<double>()}, 0});
    for (const std::size_t net : pareto_front(nets)) front.push_back(std::move(candidates[members[net]]));
  }
  return front;
}

Json feasible_steps(const storage::Repository& repository) {
  const std::set<std::string> beyond = stages_beyond_constraints(repository);
  Json feasible = Json::array();
  Json steps = repository.rows("steps");
  for (Json& step : steps)
    if (!beyond.contains(step.at("stage").get<std::string>())) feasible.push_back(std::move(step));
  return feasible;
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
