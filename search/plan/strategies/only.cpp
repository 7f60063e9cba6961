// The part of a strategy's plan that makes one trial: behind `nas-run run --only`.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "search/plan/strategy.h"
#include "storage/base/error.h"
#include "storage/base/option.h"

namespace search {

namespace {

class Only : public Strategy {
 public:
  Only(std::unique_ptr<Strategy> strategy, std::string trial) : strategy_(std::move(strategy)), trial_(std::move(trial)) {}

  bool learns() const override { return strategy_->learns(); }
  bool makes_trials_apart() const override { return strategy_->makes_trials_apart(); }

  Plan next(const Experiment& experiment, const History& history) const override {
    Plan plan = strategy_->next(experiment, history);
    const std::set<std::string> needed = needed_stages(plan, find(plan, experiment.strategy));
    Plan part;
    part.is_whole = false;
    for (Stage& stage : plan.stages) {
      // A net that a search decides on may be timed before it is a step of the trial.
      const bool times_one = stage.kind == StageKind::latency && needed.contains(stage.inputs.front().stage);
      if (times_one || needed.contains(stage.fingerprint)) part.stages.push_back(std::move(stage));
    }
    const auto copy = [](auto& from, auto& to, const auto& is_wanted) {
      std::copy_if(from.begin(), from.end(), std::back_inserter(to), is_wanted);
    };
    copy(plan.trials, part.trials, [&](const storage::TrialRecord& each) { return each.name == trial_; });
    copy(plan.decisions, part.decisions, [&](const storage::Decision& each) { return each.subject == trial_; });
    part.stages_without_sharing = static_cast<int>(part.stages.size());
    return part;
  }

 private:
  const storage::TrialRecord& find(const Plan& plan, const std::string& strategy) const {
    const auto found = std::find_if(plan.trials.begin(), plan.trials.end(), [&](const auto& each) { return each.name == trial_; });
    if (!makes_trials_apart() && (found == plan.trials.end() || found->role == "pruned"))
      throw storage::Error(
          storage::ErrorKind::usage,
          fmt::format("--only '{}': {} finds a trial by what the others come to, so it makes all of them or none; valid: a "
                      "baseline, or a trial of sweep or target",
                      trial_, strategy));
    if (found != plan.trials.end()) return *found;
    std::vector<std::string> names;
    for (const storage::TrialRecord& each : plan.trials) names.push_back(each.name);
    throw storage::Error(storage::ErrorKind::usage,
                         fmt::format("--only '{}': the experiment has no such trial{}", trial_, storage::suggestion(trial_, names)));
  }

  /// The fingerprints of the trial's stages, of the cuts that are tried for it, and of all that these are made from.
  std::set<std::string> needed_stages(const Plan& plan, const storage::TrialRecord& trial) const {
    std::set<std::string> needed;
    for (const storage::TrialStep& step : trial.steps) {
      needed.insert({step.stage, step.evaluation});
      needed.insert(step.measurements.begin(), step.measurements.end());
    }
    for (const TriedCut& cut : plan.tried)
      if (cut.trial == trial_) needed.insert(cut.stage);
    for (auto stage = plan.stages.rbegin(); stage != plan.stages.rend(); ++stage) {  // inputs come first in a plan
      if (!needed.contains(stage->fingerprint)) continue;
      for (const storage::StageInput& input : stage->inputs) needed.insert(input.stage);
    }
    return needed;
  }

  std::unique_ptr<Strategy> strategy_;
  std::string trial_;
};

}  // namespace

std::unique_ptr<Strategy> only(std::unique_ptr<Strategy> strategy, const std::string& trial) {
  return std::make_unique<Only>(std::move(strategy), trial);
}

}  // namespace search
