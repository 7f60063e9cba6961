#include "search/plan/plan_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "storage/base/error.h"

namespace search {

std::string PlanBuilder::add(Stage stage) {
  std::string fingerprint = stage.fingerprint;
  if (index_.emplace(fingerprint, static_cast<int>(plan_.stages.size())).second) plan_.stages.push_back(std::move(stage));
  return fingerprint;
}

void PlanBuilder::add(storage::TrialRecord trial) {
  const auto [known, is_new] = trials_.emplace(trial.name, static_cast<int>(plan_.trials.size()));
  if (!is_new && plan_.trials[static_cast<std::size_t>(known->second)].steps != trial.steps)
    throw storage::Error(
        storage::ErrorKind::invalid,
        fmt::format("two nets go by the name '{}' and are trained in two ways; valid: nets and baselines that differ in name or width",
                    trial.name));
  plan_.trials.push_back(std::move(trial));
}

std::vector<const Stage*> PlanBuilder::path_to(const std::string& fingerprint) const {
  const auto at = [&](const std::string& stage) { return &plan_.stages[static_cast<std::size_t>(index_.at(stage))]; };
  std::vector<const Stage*> path{at(fingerprint)};
  for (std::size_t i = 0; i < path.size(); ++i) {
    const Stage& stage = *path[i];
    for (const storage::StageInput& input : stage.inputs) {
      const Stage* before = at(input.stage);
      const bool is_net = input.role == "net" && stage.kind != StageKind::candidates;  // those vary the net that the path leads to anyway
      if (is_net || before->kind == StageKind::candidates) path.push_back(before);
    }
  }
  return path;
}

bool PlanBuilder::is_lost(const History& history, const std::string& fingerprint) const {
  const auto known = history.find(fingerprint);
  if (known != history.end() && known->second.state == storage::StageState::failed) return true;
  if (known != history.end() && known->second.state == storage::StageState::done) return false;
  const auto planned = index_.find(fingerprint);
  if (planned == index_.end()) return false;
  const std::vector<storage::StageInput>& inputs = plan_.stages[static_cast<std::size_t>(planned->second)].inputs;
  return std::any_of(inputs.begin(), inputs.end(), [&](const storage::StageInput& input) { return is_lost(history, input.stage); });
}

/// Marks what the first trial of each task needs up to its first cut.
void PlanBuilder::mark_priority() {
  std::set<std::string> served;
  for (const storage::TrialRecord& trial : plan_.trials) {
    if (trial.role != "pruned" || !served.insert(trial.task).second) continue;
    std::vector<std::string> open;
    for (std::size_t step = 0; step < std::min<std::size_t>(trial.steps.size(), 2); ++step) {
      open.push_back(trial.steps[step].stage);
      if (!trial.steps[step].evaluation.empty()) open.push_back(trial.steps[step].evaluation);
    }
    while (!open.empty()) {
      Stage& stage = plan_.stages[static_cast<std::size_t>(index_.at(open.back()))];
      open.pop_back();
      if (std::exchange(stage.priority, true)) continue;
      for (const storage::StageInput& input : stage.inputs) open.push_back(input.stage);
    }
  }
}

Plan PlanBuilder::build() && {
  mark_priority();
  std::vector<int> seen_by(plan_.stages.size(), -1);
  for (std::size_t i = 0; i < plan_.trials.size(); ++i)
    plan_.stages_without_sharing += stages_of(plan_.trials[i], static_cast<int>(i), seen_by);
  return std::move(plan_);
}

/// Walks from the trial's stages to their inputs. `seen_by` holds for every stage the last trial that came by, so one vector serves all.
int PlanBuilder::stages_of(const storage::TrialRecord& trial, int number, std::vector<int>& seen_by) const {
  std::vector<int> open;
  int count = 0;
  const auto visit = [&](const std::string& fingerprint) {
    const int stage = index_.at(fingerprint);
    if (std::exchange(seen_by[static_cast<std::size_t>(stage)], number) == number) return;
    ++count;
    open.push_back(stage);
  };
  for (const storage::TrialStep& step : trial.steps) {
    visit(step.stage);
    if (!step.evaluation.empty()) visit(step.evaluation);
    for (const std::string& measurement : step.measurements) visit(measurement);
  }
  while (!open.empty()) {
    const Stage& stage = plan_.stages[static_cast<std::size_t>(open.back())];
    open.pop_back();
    for (const storage::StageInput& input : stage.inputs) visit(input.stage);
  }
  return count;
}

}  // namespace search
