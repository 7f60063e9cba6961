// Asynchronous successive halving over criteria x schedules x allocations, with the epochs of the last retraining as the resource (ASHA, Li
// et al. 2020). A rung goes on from the checkpoint of the one before, with the learning rate's course over all epochs: a net that reaches
// the top has been trained as if nothing had been decided on the way.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "search/plan/task_planner.h"

namespace search {

namespace {

/// One way to cut, and how far its last retraining has come.
struct Contender {
  storage::TrialRecord trial;
  Criterion criterion;  ///< with the allocation in force
  const Schedule* schedule;
  double share = 1;                ///< of the base, before the last cut
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
    std::vector<Contender> contenders = enter(experiment, planner, net, base, epochs[0]);
    std::vector<Contender*> on_rung;
    for (Contender& contender : contenders) on_rung.push_back(&contender);
    bool complete = true;  // all that this rung will see is here
    for (std::size_t rung = 1; rung < epochs.size(); ++rung) {
      complete = complete &&
                 std::all_of(on_rung.begin(), on_rung.end(), [&](const Contender* each) { return settled(history, planner, net, *each); });
      on_rung = promote(experiment, history, planner, net, on_rung, {epochs[rung - 1], epochs[rung]}, complete);
    }
    for (Contender& contender : contenders) {
      contender.trial.steps.back().stage = contender.rungs.back();
      if (contender.rungs.size() == epochs.size())
        planner.measure(contender.trial.steps.back(), net, label(net, contender, contender.trial.steps.back().step), last_share(contender),
                        seed);
      planner.add(std::move(contender.trial));
    }
  }

  /// All contenders with the stages of their first rung.
  static std::vector<Contender> enter(const Experiment& experiment, TaskPlanner& planner, const NamedNet& net,
                                      const storage::TrialRecord& base, int epochs) {
    std::vector<Contender> contenders;
    for (const Criterion& criterion : experiment.criteria) {
      if (!criterion.widths_from.empty()) continue;
      auto allocations = experiment.strategy_options.at("allocations").get<std::vector<std::string>>();
      const bool named = !allocations.empty();
      if (!named) allocations.push_back(criterion.allocation);
      for (const std::string& allocation : allocations) {
        for (const Schedule& schedule : experiment.schedules) {
          Contender contender{base, criterion, &schedule};
          contender.criterion.allocation = allocation;
          planner.name(contender.trial, criterion, named ? schedule.name + "-" + allocation : schedule.name);
          for (const prune::PruneRequest& request : schedule.steps) {
            const storage::TrialStep& parent = contender.trial.steps.back();
            if (parent.step > 0) contender.share = kept_share(schedule.steps[static_cast<std::size_t>(parent.step) - 1], contender.share);
            const std::string stage = planner.cut({net, base.steps[0].stage, parent.stage, contender.criterion, request, base.seed,
                                                   label(net, contender, parent.step + 1), contender.share, "", epochs});
            contender.trial.steps.push_back({parent.step + 1, stage, ""});
          }
          contender.rungs.push_back(contender.trial.steps.back().stage);
          contenders.push_back(std::move(contender));
        }
      }
    }
    return contenders;
  }

  /// Those of a rung that go on to the next: the best of what is done so far, and whoever was let on before.
  static std::vector<Contender*> promote(const Experiment& experiment, const History& history, TaskPlanner& planner, const NamedNet& net,
                                         const std::vector<Contender*>& rung, Epochs epochs, bool complete) {
    std::vector<Contender*> done;
    std::vector<Candidate> candidates;
    for (Contender* each : rung) {
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
    std::vector<Contender*> promoted;
    for (std::size_t place = 0; place < order.size(); ++place) {
      Contender& each = *done[static_cast<std::size_t>(order[place])];
      const CutRequest cut{net,
                           each.trial.steps[0].stage,
                           "",
                           each.criterion,
                           each.schedule->steps.back(),
                           each.trial.seed,
                           label(net, each, each.trial.steps.back().step),
                           each.share,
                           "",
                           epochs.from};
      Stage stage = planner.extension(cut, each.rungs.back(), epochs.to);
      if (place >= places && !history.contains(stage.fingerprint)) continue;
      planner.decide(each.trial, fmt::format("train on to epoch {}", epochs.to),
                     fmt::format("among the best {} of {} that were done", std::max<std::size_t>(places, 1), done.size()));
      each.rungs.push_back(planner.extend(cut, std::move(stage)));
      promoted.push_back(&each);
    }
    return promoted;
  }

  static bool settled(const History& history, const TaskPlanner& planner, const NamedNet& net, const Contender& contender) {
    const std::string& last = contender.rungs.back();
    if (done_net(history, last) != nullptr) return !planner.awaits_latency(history, last, net);
    return std::any_of(contender.trial.steps.begin(), contender.trial.steps.end(),
                       [&](const storage::TrialStep& step) { return has_failed(history, step.stage); }) ||
           has_failed(history, last);
  }

  static double last_share(const Contender& contender) { return kept_share(contender.schedule->steps.back(), contender.share); }

  static std::string label(const NamedNet& net, const Contender& contender, int step) {
    return fmt::format("{} {} {} {}/{} seed {}", net.label, contender.criterion.label, contender.trial.schedule, step,
                       contender.schedule->steps.size(), contender.trial.seed);
  }
};

}  // namespace

std::unique_ptr<Strategy> make_halving();  // asked for by the registry

std::unique_ptr<Strategy> make_halving() {
  return std::make_unique<Halving>();
}

}  // namespace search
