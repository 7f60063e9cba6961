#include "search/report/optuna.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "search/experiment/experiment.h"
#include "search/experiment/objectives.h"
#include "search/plan/strategy.h"

namespace search {

namespace {

using storage::OptunaState;
using storage::OptunaStudy;
using storage::OptunaTrial;
using storage::Repository;

/// What the experiment asked for when it was last run.
struct Asked {
  std::vector<Objective> objectives = Experiment().objectives;
  std::vector<Constraint> constraints;
};

Asked asked(const std::optional<storage::ExperimentRecord>& experiment) {
  Asked asked;
  if (!experiment) return asked;
  const Json& settings = experiment->settings;
  if (settings.contains("objectives") && !settings.at("objectives").empty()) {
    asked.objectives.clear();
    for (const Json& each : settings.at("objectives")) asked.objectives.push_back({each.at("metric"), each.at("direction") == "maximize"});
  }
  for (const Json& text : settings.value("constraints", Json::array())) asked.constraints.push_back(constraint_from_string(text));
  return asked;
}

/// The rows of `trials` and `steps` by trial, and `stages` by fingerprint.
struct Stored {
  explicit Stored(const Repository& repository) : trials(repository.rows("trials")) {
    for (const Json& step : repository.rows("steps")) steps[step.at("trial")][step.at("step")] = step;
    for (const Json& stage : repository.rows("stages")) stages[stage.at("stage")] = stage;
  }

  Json trials;
  std::map<int, std::map<int, Json>> steps;
  std::map<std::string, Json> stages;
};

std::string text_or_empty(const Json& value) {
  return value.is_string() ? value.get<std::string>() : "";
}

/// One step as Optuna's trial, with the value of each parameter in place of its index.
struct Entry {
  OptunaTrial trial;
  std::vector<Json> values;
};

const std::vector<std::string>& parameter_names() {
  static const std::vector<std::string> names{"net", "criterion", "schedule", "seed", "step", "width", "fold"};
  return names;
}
constexpr std::size_t always_given = 5;  ///< of them; the others where they differ

std::vector<Json> parameter_values(const Json& trial, int step) {
  std::vector<Json> values;
  for (const std::string& name : parameter_names()) values.push_back(name == "step" ? Json(step) : trial.at(name));
  return values;
}

void describe(OptunaTrial& made, const Json& row, const std::vector<const char*>& keys) {
  for (const char* key : keys)
    if (row.contains(key) && !row.at(key).is_null()) made.attributes[key] = row.at(key);
}

/// A net that is there: complete where every objective has a value.
void take_values(OptunaTrial& made, const Json& step, const Stored& stored, const Asked& asked, const storage::StageStatus& net) {
  describe(made, step,
           {"stage", "architecture", "params", "macs", "accuracy_val", "accuracy_test", "params_ratio", "macs_ratio", "wall_s"});
  const Json& stage = stored.stages.at(step.at("stage"));
  made.started = text_or_empty(stage.at("started_at"));
  made.finished = text_or_empty(stage.at("finished_at"));
  made.state = OptunaState::complete;
  for (const Objective& objective : asked.objectives) {
    const std::optional<double> value = metric_of(net, objective.metric);
    if (value && !std::isnan(*value)) {
      made.values.push_back(*value);
      continue;
    }
    made.state = OptunaState::fail;
    made.attributes["failure"] = fmt::format("the net has no {}", objective.metric);
  }
  for (const Constraint& constraint : asked.constraints) {
    constexpr double largest = std::numeric_limits<double>::max();  // Optuna reads numbers of JSON, which has no infinity
    const std::optional<double> value = metric_of(net, constraint.metric);
    const double beyond = !value ? largest : constraint.at_most ? *value - constraint.bound : constraint.bound - *value;
    made.constraints.push_back(std::isnan(beyond) ? largest : std::clamp(beyond, -largest, largest));
  }
}

/// A net that is not there. `before`: when the step before was done; `latest`: when anything was done last.
void take_state(OptunaTrial& made, const Json& trial, bool is_first, const std::string& before, const std::string& latest) {
  made.started = before.empty() ? latest : before;
  made.finished = latest;
  if (trial.at("state") == "failed") {
    made.state = OptunaState::fail;
    describe(made, trial, {"failure"});
  } else {
    made.state = trial.at("state") == "running" && is_first ? OptunaState::running : OptunaState::waiting;
  }
}

std::vector<Entry> entries_of(const Json& trial, const Stored& stored, const Asked& asked, const History& nets, const std::string& latest) {
  std::vector<Entry> entries;
  const int last = trial.at("steps");
  const auto found = stored.steps.find(trial.at("trial"));
  std::string before;
  bool is_first = true;  // of those that are not there
  for (int number = 0; number <= last; ++number) {
    Entry entry{{}, parameter_values(trial, number)};
    describe(entry.trial, trial, {"trial", "name", "role"});
    if (found != stored.steps.end() && found->second.contains(number)) {
      const Json& step = found->second.at(number);
      take_values(entry.trial, step, stored, asked, nets.at(step.at("stage")));
      before = entry.trial.finished;
    } else {
      take_state(entry.trial, trial, std::exchange(is_first, false), before, latest);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

/// Adds the parameter with the values that the entries have, in the order of their first use, null last.
void add_parameter(OptunaStudy& study, std::vector<Entry>& entries, std::size_t index) {
  std::vector<Json> choices;
  for (const Entry& entry : entries)
    if (std::find(choices.begin(), choices.end(), entry.values[index]) == choices.end()) choices.push_back(entry.values[index]);
  if (index >= always_given && choices.size() < 2) return;
  std::stable_sort(choices.begin(), choices.end(), [](const Json& one, const Json& other) { return !one.is_null() && other.is_null(); });
  for (Entry& entry : entries) {
    const auto choice = std::find(choices.begin(), choices.end(), entry.values[index]);
    entry.trial.choices.push_back(static_cast<std::size_t>(choice - choices.begin()));
  }
  study.parameters.push_back({parameter_names()[index], std::move(choices)});
}

}  // namespace

std::vector<OptunaStudy> optuna_studies(const Repository& repository, bool last_only) {
  const std::optional<storage::ExperimentRecord> experiment = repository.experiment();
  const Asked asked = search::asked(experiment);
  const Stored stored(repository);
  const History nets = repository.stage_statuses(stored_metrics(asked.objectives, asked.constraints));
  std::string latest;
  for (const auto& [fingerprint, stage] : stored.stages) latest = std::max(latest, text_or_empty(stage.at("finished_at")));

  std::vector<OptunaStudy> studies;
  for (const Json& task : repository.rows("tasks")) {
    OptunaStudy study;
    study.name = task.at("task");
    study.attributes = {{"dataset", task.at("dataset")}, {"target", task.at("target")}};
    if (experiment) study.attributes["experiment"] = experiment->name;
    for (const Objective& objective : asked.objectives) study.objectives.push_back({objective.metric, objective.maximize});
    std::vector<Entry> entries;
    for (const Json& trial : stored.trials) {
      if (trial.at("task") != study.name) continue;
      std::vector<Entry> steps = entries_of(trial, stored, asked, nets, latest);
      if (last_only) steps.erase(steps.begin(), steps.end() - 1);
      std::move(steps.begin(), steps.end(), std::back_inserter(entries));
    }
    for (std::size_t i = 0; i < parameter_names().size(); ++i) add_parameter(study, entries, i);
    for (Entry& entry : entries) study.trials.push_back(std::move(entry.trial));
    studies.push_back(std::move(study));
  }
  return studies;
}

}  // namespace search
