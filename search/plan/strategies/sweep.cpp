// The full grid: tasks x nets x criteria x schedules x seeds, and the baselines, all known from the start.
#include <fmt/format.h>

#include <memory>

#include "search/plan/task_planner.h"
#include "storage/base/error.h"

namespace search {

namespace {

std::string step_label(const NamedNet& net, const Criterion& criterion, const Schedule& schedule, std::size_t step) {
  return fmt::format("{} {} {} {}/{}", net.label, criterion.label, schedule.name, step, schedule.steps.size());
}

std::string step_label(const NamedNet& net, const Criterion& criterion, const Schedule& schedule, std::size_t step, int seed) {
  return fmt::format("{} seed {}", step_label(net, criterion, schedule, step), seed);
}

/// The prune stages of a schedule, one a step. A criterion with widths of another has that one's stages of the same steps as inputs.
std::vector<std::string> chain(const Experiment& experiment, TaskPlanner& planner, const NamedNet& net, const std::string& base,
                               const Criterion& criterion, const Schedule& schedule, int seed, std::size_t depth = 0) {
  if (depth > experiment.criteria.size())
    throw storage::Error(storage::ErrorKind::invalid, fmt::format("criterion {}: its widths come from itself", criterion.label));
  std::vector<std::string> widths;
  if (!criterion.widths_from.empty())
    widths = chain(experiment, planner, net, base, criterion_by_label(experiment, criterion.widths_from), schedule, seed, depth + 1);
  std::vector<std::string> stages;
  double ratio = 1;
  for (std::size_t step = 1; step <= schedule.steps.size(); ++step) {
    const prune::PruneRequest& request = schedule.steps[step - 1];
    const CutRequest cut{.net = net,
                         .base = base,
                         .parent = stages.empty() ? base : stages.back(),
                         .criterion = criterion,
                         .request = request,
                         .seed = seed,
                         .label = schedule.at_pretraining ? step_label(net, criterion, schedule, step) + " pretraining"
                                                          : step_label(net, criterion, schedule, step, seed),
                         .parent_ratio = ratio,
                         .widths = widths.empty() ? "" : widths[step - 1],
                         .is_between = step < schedule.steps.size(),
                         .is_last = step == schedule.steps.size()};
    stages.push_back(schedule.at_pretraining ? planner.cut_at_pretraining(cut) : planner.cut(cut));
    ratio = kept_ratio(request, ratio);
  }
  return stages;
}

class Sweep : public Strategy {
 public:
  Plan next(const Experiment& experiment, const History&) const override {
    return plan_tasks(experiment, [&](TaskPlanner& planner) {
      for (const NamedNet& net : planner.bases())
        for (int i = 0; i < experiment.seeds; ++i) plan_net(experiment, planner, net, experiment.seed + i);
    });
  }

 private:
  static void plan_net(const Experiment& experiment, TaskPlanner& planner, const NamedNet& net, int seed) {
    const storage::TrialRecord base = planner.trial(net, seed);
    if (experiment.criteria.empty() || experiment.schedules.empty()) planner.add(base);
    for (const Criterion& criterion : experiment.criteria) {
      for (const Schedule& schedule : experiment.schedules) {
        storage::TrialRecord trial = base;
        planner.name(trial, criterion, schedule.name);
        const std::string trained = base.steps[0].stage;
        const std::vector<std::string> cuts =
            schedule.at_pretraining  // one for all seeds, as the pretraining is
                ? chain(experiment, planner, net, planner.pretraining(net), criterion, schedule, experiment.seed)
                : chain(experiment, planner, net, trained, criterion, schedule, seed);
        double ratio = 1;
        for (const std::string& cut : cuts) {
          const auto step = trial.steps.size();
          const std::string label = step_label(net, criterion, schedule, step, seed);
          ratio = kept_ratio(schedule.steps[step - 1], ratio);
          const std::string stage = schedule.at_pretraining ? planner.transfer({cut, net, label, ratio}, trained, seed) : cut;
          trial.steps.push_back({static_cast<int>(step), stage, ""});
          planner.measure(trial.steps.back(), net, label, ratio, seed);
          planner.plan_scratch(trial, net, ratio, step == schedule.steps.size());
        }
        planner.add(std::move(trial));
      }
    }
  }
};

}  // namespace

std::unique_ptr<Strategy> make_sweep();  // asked for by the registry

std::unique_ptr<Strategy> make_sweep() {
  return std::make_unique<Sweep>();
}

}  // namespace search
