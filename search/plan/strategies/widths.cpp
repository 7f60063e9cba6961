// A search over widths at one budget, in three rungs (after Li et al. 2020, EagleEye): many width vectors, scored without training; the
// best of them retrained for a short time; the best of these to the last epoch. The criterion says which channels make up a width, and
// where the search begins. The criteria are rivals: each has as many candidates.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <tuple>

#include "eval/statistics.h"
#include "search/plan/pareto.h"
#include "search/plan/task_planner.h"

namespace search {

namespace {

constexpr const char* kName = "widths";

/// One base net and seed, under one criterion.
class WidthsSearch {
 public:
  WidthsSearch(const Experiment& experiment, const History& history, TaskPlanner& planner, const NamedNet& net, const Criterion& criterion,
               int seed)
      : experiment_(experiment),
        options_(experiment.strategy_options),
        history_(history),
        planner_(planner),
        net_(net),
        criterion_(criterion),
        trial_(planner.trial(net, seed)),
        request_{prune::PruneRequest::Kind::keep, options_.at("keep"), prune::budget_from_string(options_.at("of"))} {
    planner.name(trial_, criterion, kName);
  }

  void plan() {
    candidates_ = plan_rounds();
    const int all = experiment_.retrain.epochs, first = short_epochs();
    for (int place = 0; place < options_.at("finalists").get<int>(); ++place) {
      stages_.push_back(planner_.cut(finalist(place, first)));
      planner_.tries(trial_, stages_.back());
    }
    if (const std::optional<std::size_t> best = best_finalist()) {
      std::string found = stages_[*best];
      if (first < all) {
        const CutRequest cut = finalist(static_cast<int>(*best), first);
        found = planner_.extend(cut, planner_.extension(cut, found, all));
      }
      trial_.steps.push_back({1, found, ""});
      if (planner_.is_reportable(history_, trial_, found, net_)) {
        planner_.measure(trial_.steps.back(), net_, label("found"), request_.value, trial_.seed);
        planner_.plan_scratch(trial_, net_, request_.value);
      }
    }
    planner_.add(std::move(trial_));
  }

 private:
  std::string plan_rounds() {
    std::string last;
    for (int round = 0; round < options_.at("rounds").get<int>(); ++round)
      last = planner_.candidates({.net = net_,
                                  .base = base(),
                                  .criterion = criterion_,
                                  .request = request_,
                                  .seed = trial_.seed,
                                  .label = label(fmt::format("round {}", round + 1)),
                                  .candidates = options_.at("candidates"),
                                  .images = options_.at("images"),
                                  .judge = options_.at("judge"),
                                  .earlier = last});
    return last;
  }

  CutRequest finalist(int place, int epochs) const {
    return {.net = net_,
            .base = base(),
            .parent = base(),
            .criterion = criterion_,
            .request = request_,
            .seed = trial_.seed,
            .label = label(fmt::format("finalist {}", place + 1)),
            .widths = candidates_,
            .candidate = place,
            .stop_after = epochs};
  }

  /// The place of the best, once all are decided; none before, and where all failed.
  std::optional<std::size_t> best_finalist() {
    std::vector<double> scores, accuracies;
    std::vector<std::tuple<double, double, std::size_t>> order;  // violation of the constraints, accuracy turned, place
    for (std::size_t place = 0; place < stages_.size(); ++place) {
      if (planner_.is_lost(history_, stages_[place])) continue;
      const storage::StageStatus* result =
          planner_.awaits_latency(history_, stages_[place], net_) ? nullptr : done_net(history_, stages_[place]);
      if (result == nullptr) return std::nullopt;
      std::optional<Candidate> found = candidate(*result, experiment_.objectives, experiment_.constraints);
      if (!found) continue;
      scores.push_back(-static_cast<double>(place));
      accuracies.push_back(*result->accuracy_val);
      order.emplace_back(found->violation, -accuracies.back(), place);
    }
    if (order.empty()) return std::nullopt;
    // The order of the candidates' scores against that after training: whether the first rung is worth its name.
    const std::optional<double> tau = eval::kendall_tau(scores, accuracies);
    const std::size_t chosen = std::get<2>(*std::min_element(order.begin(), order.end()));
    planner_.log_decision(trial_, fmt::format("take finalist {}", chosen + 1),
                          fmt::format("the best of {} after {} epochs; Kendall's tau of the untrained order with theirs: {}", order.size(),
                                      short_epochs(), tau ? fmt::format("{:.2f}", *tau) : "none"));
    return chosen;
  }

  int short_epochs() const { return std::min(options_.at("short_epochs").get<int>(), experiment_.retrain.epochs); }

  const std::string& base() const { return trial_.steps.front().stage; }

  std::string label(const std::string& what) const {
    return fmt::format("{} {} {} {} seed {}", net_.label, criterion_.label, kName, what, trial_.seed);
  }

  const Experiment& experiment_;
  const Json& options_;
  const History& history_;
  TaskPlanner& planner_;
  const NamedNet& net_;
  const Criterion& criterion_;
  storage::TrialRecord trial_;
  prune::PruneRequest request_;
  std::string candidates_;           ///< the last round's stage
  std::vector<std::string> stages_;  ///< of the finalists
};

class Widths : public Strategy {
 public:
  bool learns() const override { return true; }

  Plan next(const Experiment& experiment, const History& history) const override {
    return plan_tasks(experiment, [&](TaskPlanner& planner) {
      for (const NamedNet& net : planner.bases())
        for (int seed = experiment.seed; seed < experiment.seed + experiment.seeds; ++seed)
          for (const Criterion& criterion : experiment.criteria) WidthsSearch(experiment, history, planner, net, criterion, seed).plan();
    });
  }
};

}  // namespace

std::unique_ptr<Strategy> make_widths();  // asked for by the registry

std::unique_ptr<Strategy> make_widths() {
  return std::make_unique<Widths>();
}

}  // namespace search
