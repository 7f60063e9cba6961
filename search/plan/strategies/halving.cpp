// Asynchronous successive halving over criteria x schedules x allocations, with the epochs of the last retraining as the resource (ASHA, Li
// et al. 2020). A rung goes on from the checkpoint of the one before, with the learning rate's course over all epochs: a net that reaches
// the top has been trained as if nothing had been decided on the way.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "search/plan/pareto.h"
#include "search/plan/task_planner.h"

namespace search {

namespace {

/// One way to cut, and how far its last retraining has come.
struct Configuration {
  storage::TrialRecord trial;
  Criterion criterion;  ///< with the allocation in force
  const Schedule* schedule;
  double parent_ratio = 1;         ///< of the base, before the last cut
  std::vector<std::string> rungs;  ///< stages of the last step, one a rung
};

/// Of a rung.
struct Epochs {
  int from, to;
};

class Halving : public Strategy {
 public:
  bool learns() const override { return true; }

  Plan next(const Experiment& experiment, const History& history) const override {
    return plan_tasks(experiment, [&](TaskPlanner& planner) {
      for (const NamedNet& net : planner.bases())
        for (int i = 0; i < experiment.seeds; ++i) compete(experiment, history, planner, net, experiment.seed + i);
    });
  }

 private:
  /// The epochs at which each rung ends; the last is the whole retraining.
  static std::vector<int> rung_epochs(const Experiment& experiment) {
    const int all = experiment.retrain.epochs, reduction = experiment.strategy_options.at("reduction");
    std::vector<int> epochs;
    for (std::int64_t rung = experiment.strategy_options.at("min_epochs").get<int>(); rung < all; rung *= reduction)
      epochs.push_back(static_cast<int>(rung));
    epochs.push_back(all);
    return epochs;
  }

  static void compete(const Experiment& experiment, const History& history, TaskPlanner& planner, const NamedNet& net, int seed) {
    const std::vector<int> epochs = rung_epochs(experiment);
    const storage::TrialRecord base = planner.trial(net, seed);
    std::vector<Configuration> configurations = enter(experiment, planner, net, base, epochs[0]);
    std::vector<Configuration*> on_rung;
    for (Configuration& configuration : configurations) on_rung.push_back(&configuration);
    bool complete = true;  // all that this rung will see is here
    for (std::size_t rung = 1; rung < epochs.size(); ++rung) {
      complete = complete && std::all_of(on_rung.begin(), on_rung.end(),
                                         [&](const Configuration* each) { return settled(history, planner, net, *each); });
      on_rung = promote(experiment, history, planner, net, on_rung, {epochs[rung - 1], epochs[rung]}, complete);
    }
    for (Configuration& configuration : configurations) {
      configuration.trial.steps.back().stage = configuration.rungs.back();
      if (configuration.rungs.size() == epochs.size() &&
          planner.is_reportable(history, configuration.trial, configuration.rungs.back(), net))
        planner.measure(configuration.trial.steps.back(), net, label(net, configuration, configuration.trial.steps.back().step),
                        last_ratio(configuration), seed);
      planner.add(std::move(configuration.trial));
    }
  }

  /// All configurations with the stages of their first rung.
  static std::vector<Configuration> enter(const Experiment& experiment, TaskPlanner& planner, const NamedNet& net,
                                          const storage::TrialRecord& base, int epochs) {
    std::vector<Configuration> configurations;
    for (const Criterion& criterion : experiment.criteria) {
      auto allocations = experiment.strategy_options.at("allocations").get<std::vector<std::string>>();
      const bool named = !allocations.empty();
      if (!named) allocations.push_back(criterion.allocation);
      for (const std::string& allocation : allocations) {
        for (const Schedule& schedule : experiment.schedules) {
          Configuration configuration{base, criterion, &schedule};
          configuration.criterion.allocation = allocation;
          planner.name(configuration.trial, criterion, named ? schedule.name + "-" + allocation : schedule.name);
          for (const prune::PruneRequest& request : schedule.steps) {
            const storage::TrialStep& parent = configuration.trial.steps.back();
            if (parent.step > 0)
              configuration.parent_ratio =
                  kept_ratio(schedule.steps[static_cast<std::size_t>(parent.step) - 1], configuration.parent_ratio);
            const bool is_last = parent.step + 1 == std::ssize(schedule.steps);
            const std::string stage = planner.cut({.net = net,
                                                   .base = base.steps[0].stage,
                                                   .parent = parent.stage,
                                                   .criterion = configuration.criterion,
                                                   .request = request,
                                                   .seed = base.seed,
                                                   .label = label(net, configuration, parent.step + 1),
                                                   .parent_ratio = configuration.parent_ratio,
                                                   .is_between = !is_last,
                                                   .is_last = is_last,
                                                   .stop_after = is_last ? epochs : 0});
            configuration.trial.steps.push_back({parent.step + 1, stage, ""});
          }
          configuration.rungs.push_back(configuration.trial.steps.back().stage);
          configurations.push_back(std::move(configuration));
        }
      }
    }
    return configurations;
  }

  /// Those of a rung that go on to the next: the best of what is done so far, and whoever was let on before.
  static std::vector<Configuration*> promote(const Experiment& experiment, const History& history, TaskPlanner& planner,
                                             const NamedNet& net, const std::vector<Configuration*>& rung, Epochs epochs, bool complete) {
    std::vector<Configuration*> done;
    std::vector<Candidate> candidates;
    for (Configuration* each : rung) {
      if (planner.awaits_latency(history, each->rungs.back(), net)) continue;
      const storage::StageStatus* result = done_net(history, each->rungs.back());
      std::optional<Candidate> found = result == nullptr ? std::nullopt : candidate(*result, experiment.objectives, experiment.constraints);
      if (!found) continue;
      done.push_back(each);
      candidates.push_back(std::move(*found));
    }
    const std::size_t reduction = experiment.strategy_options.at("reduction").get<std::size_t>();
    const std::size_t places = complete && !done.empty() ? std::max<std::size_t>(done.size() / reduction, 1) : done.size() / reduction;
    const std::vector<int> order = ranking(candidates);
    std::vector<Configuration*> promoted;
    for (std::size_t place = 0; place < order.size(); ++place) {
      Configuration& each = *done[static_cast<std::size_t>(order[place])];
      const CutRequest cut{.net = net,
                           .base = each.trial.steps[0].stage,
                           .criterion = each.criterion,
                           .request = each.schedule->steps.back(),
                           .seed = each.trial.seed,
                           .label = label(net, each, each.trial.steps.back().step),
                           .parent_ratio = each.parent_ratio,
                           .stop_after = epochs.from};
      Stage stage = planner.extension(cut, each.rungs.back(), epochs.to);
      if (place >= places && !history.contains(stage.fingerprint)) continue;
      planner.log_decision(each.trial, fmt::format("train on to epoch {}", epochs.to),
                           fmt::format("among the best {} of {} that were done", std::max<std::size_t>(places, 1), done.size()));
      each.rungs.push_back(planner.extend(cut, std::move(stage)));
      promoted.push_back(&each);
    }
    return promoted;
  }

  static bool settled(const History& history, const TaskPlanner& planner, const NamedNet& net, const Configuration& configuration) {
    const std::string& last = configuration.rungs.back();
    return done_net(history, last) != nullptr ? !planner.awaits_latency(history, last, net) : planner.is_lost(history, last);
  }

  static double last_ratio(const Configuration& configuration) {
    return kept_ratio(configuration.schedule->steps.back(), configuration.parent_ratio);
  }

  static std::string label(const NamedNet& net, const Configuration& configuration, int step) {
    return fmt::format("{} {} {} {}/{} seed {}", net.label, configuration.criterion.label, configuration.trial.schedule, step,
                       configuration.schedule->steps.size(), configuration.trial.seed);
  }
};

}  // namespace

std::unique_ptr<Strategy> make_halving();  // asked for by the registry

std::unique_ptr<Strategy> make_halving() {
  return std::make_unique<Halving>();
}

}  // namespace search
