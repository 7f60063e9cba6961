#include "search/run/plan_record.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eval/data/dataset.h"

namespace search {

namespace {

using storage::StageState;

constexpr double kRounding = 1 + 1e-9;  ///< a hypervolume that is larger by less is the same

/// The trials of the plan that an earlier one, which is recorded, lacks or has with other steps.
std::vector<storage::TrialRecord> changed_trials(const Plan& plan, const Plan& before) {
  std::map<std::string_view, const storage::TrialRecord*> known;
  for (const storage::TrialRecord& trial : before.trials) known[trial.name] = &trial;
  std::vector<storage::TrialRecord> changed;
  for (const storage::TrialRecord& trial : plan.trials)
    if (const auto same = known.find(trial.name); same == known.end() || !(*same->second == trial)) changed.push_back(trial);
  return changed;
}

/// Inputs come first in a plan, so one pass from its end finds all.
void reopen_removed(storage::Repository& repository, const Plan& plan, History& statuses) {
  std::set<std::string> needed;
  for (auto stage = plan.stages.rbegin(); stage != plan.stages.rend(); ++stage) {
    storage::StageStatus& status = statuses.at(stage->fingerprint);
    if (status.state == StageState::done && needed.contains(stage->fingerprint) && !repository.has_artifacts(stage->fingerprint)) {
      repository.reopen(stage->fingerprint);
      status.state = StageState::pending;
    }
    if (status.state == StageState::done || status.state == StageState::failed) continue;
    for (const storage::StageInput& input : stage->inputs)
      if (brings_artifacts(input.role)) needed.insert(input.stage);
  }
}

}  // namespace

void record_plan(storage::Repository& repository, const Experiment& experiment, const Plan& plan, const Plan& before, History& statuses) {
  std::vector<storage::TaskRecord> tasks;
  for (const Task& task : experiment.tasks) tasks.push_back({task.name, task.dataset, task.target, info_of(experiment, task).classes});
  std::vector<storage::StageRecord> added;
  std::vector<std::string> planned;
  for (const Stage& stage : plan.stages) {
    planned.push_back(stage.fingerprint);
    if (statuses.try_emplace(stage.fingerprint).second) added.push_back(to_record(stage));
  }
  repository.record_plan({experiment.name, experiment.yaml, to_json(experiment)}, tasks, added, changed_trials(plan, before));
  repository.mark_dropped(planned, plan.is_whole);
  repository.record_decisions(plan.decisions);
  reopen_removed(repository, plan, statuses);
}

void record_missing_hypervolumes(storage::Repository& repository, const Experiment& experiment, const Plan& plan, const Hypervolumes& now) {
  std::map<std::string, double> recorded;  // the largest, by task
  repository.each_row("hypervolumes", {"task", "hypervolume"}, [&](const std::vector<Json>& row) {
    double& largest = recorded[row[0].get<std::string>()];
    if (row[1].is_number()) largest = std::max(largest, row[1].get<double>());
  });
  const auto is_missing = [&](const std::string& task, double value) { return value > recorded[task] * kRounding; };
  if (std::none_of(experiment.tasks.begin(), experiment.tasks.end(),
                   [&](const Task& task) { return is_missing(task.name, now.of(task.name)); }))
    return;
  std::vector<std::pair<std::string, std::string>> done;  // when, and which
  repository.each_row("stages", {"state", "finished_at", "stage"}, [&](const std::vector<Json>& row) {
    if (row[0] == "done") done.emplace_back(row[1].is_string() ? row[1].get<std::string>() : "", row[2].get<std::string>());
  });
  std::stable_sort(done.begin(), done.end(), [](const auto& one, const auto& other) { return one.first < other.first; });
  std::vector<std::string> stages;
  for (auto& [finished_at, stage] : done) stages.push_back(std::move(stage));
  for (const storage::HypervolumeRecord& record : growth(experiment, plan, stored_history(repository, experiment), stages))
    if (is_missing(record.task, record.value)) repository.record_hypervolume(record);
}

}  // namespace search
