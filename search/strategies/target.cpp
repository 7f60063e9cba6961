// The smallest net within a tolerance: the paper's loop without the hand that steps in. A cut whose validation accuracy holds is followed
// by the next; one that does not is taken back and tried more gently, until even a gentle one fails.
#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "search/strategies/task_planner.h"

namespace search {

namespace {

/// How a search of one base, criterion and seed goes on.
struct Progress {
  std::vector<std::string> accepted;  ///< prune stages, one after another
  std::string open;                   ///< a stage that has no result yet, or ""
  double share = 1;                   ///< of the base that the last accepted net was asked to keep
};

class Target : public Strategy {
 public:
  bool learns() const override { return true; }

  Plan next(const Experiment& experiment, const History& history) const override {
    return plan_tasks(experiment, [&](TaskPlanner& planner) {
      for (const NamedNet& net : planner.bases())
        for (int i = 0; i < experiment.seeds; ++i) {
          const storage::TrialRecord base = planner.trial(net, experiment.seed + i);
          for (const Criterion& criterion : experiment.criteria)
            if (criterion.widths_from.empty()) plan_search(experiment, history, planner, net, base, criterion);
        }
    });
  }

 private:
  static void plan_search(const Experiment& experiment, const History& history, TaskPlanner& planner, const NamedNet& net,
                          const storage::TrialRecord& base, const Criterion& criterion) {
    storage::TrialRecord trial = base;
    planner.name(trial, criterion, "target");
    const Progress progress = follow(experiment, history, planner, net, base, criterion);
    for (const std::string& stage : progress.accepted) trial.steps.push_back({static_cast<int>(trial.steps.size()), stage, ""});
    // Only the net that the search ends with is measured on test data: the others were on the way.
    if (progress.open.empty() && trial.steps.size() > 1)
      trial.steps.back().evaluation =
          planner.evaluated(progress.accepted.back(), net, label(net, criterion, progress.share, base.seed), progress.share);
    planner.add(std::move(trial));
  }

  static Progress follow(const Experiment& experiment, const History& history, TaskPlanner& planner, const NamedNet& net,
                         const storage::TrialRecord& base, const Criterion& criterion) {
    const TargetOptions& options = experiment.target;
    Progress progress;
    const storage::StageStatus* trained = done(history, base.steps[0].stage);
    if (trained == nullptr) {
      progress.open = base.steps[0].stage;
      return progress;
    }
    const double wanted = *trained->accuracy_val - experiment.tolerance;
    double factor = options.step;
    while (factor <= options.gentlest && static_cast<int>(progress.accepted.size()) < options.max_cuts) {
      const double share = rounded(progress.share * factor);
      const std::string parent = progress.accepted.empty() ? base.steps[0].stage : progress.accepted.back();
      const prune::PruneRequest request{prune::PruneRequest::Kind::keep, share, options.of};
      const std::string stage = planner.cut(
          {net, base.steps[0].stage, parent, criterion, request, base.seed, label(net, criterion, share, base.seed), progress.share});
      const auto known = history.find(stage);
      if (known != history.end() && known->second.state == storage::StageState::failed) {
        factor = std::sqrt(factor);  // a cut that diverged in retraining is one too many
        continue;
      }
      const storage::StageStatus* cut = done(history, stage);
      if (cut == nullptr) {
        progress.open = stage;
        return progress;
      }
      if (*cut->accuracy_val >= wanted) {
        progress.accepted.push_back(stage);
        progress.share = share;
      } else {
        factor = std::sqrt(factor);
      }
    }
    return progress;
  }

  /// The stage where it is done with a validation accuracy, or null.
  static const storage::StageStatus* done(const History& history, const std::string& stage) {
    const auto known = history.find(stage);
    const bool is_done = known != history.end() && known->second.state == storage::StageState::done && known->second.accuracy_val;
    return is_done ? &known->second : nullptr;
  }

  /// To four decimals, so that equal requests are equal numbers.
  static double rounded(double share) { return std::round(share * 1e4) / 1e4; }

  static std::string label(const NamedNet& net, const Criterion& criterion, double share, int seed) {
    return fmt::format("{} {} target {:.3g} seed {}", net.label, criterion.label, share, seed);
  }
};

}  // namespace

std::unique_ptr<Strategy> make_target();  // asked for by the registry

std::unique_ptr<Strategy> make_target() {
  return std::make_unique<Target>();
}

}  // namespace search
