// The smallest net within a tolerance of its base. The paper cuts step by step until a person stops; here `tolerance` decides. With `step`
// 0.5, a cut to a half that holds is followed by one to a quarter; where that loses too much, by one to 0.5 * sqrt(0.5) = 0.354, and so on,
// until a cut that leaves more than `gentlest` loses too much as well.
#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "search/plan/strategies/search_node.h"

namespace search {

namespace {

class Target : public Strategy {
 public:
  bool learns() const override { return true; }
  bool makes_trials_apart() const override { return true; }

  Plan next(const Experiment& experiment, const History& history) const override {
    const prune::Budget of = prune::budget_from_string(experiment.strategy_options.at("of"));
    return plan_searches(experiment, history, of, [&](const NodePlanner& planner) {
      for (const Criterion& criterion : experiment.criteria) search(experiment, planner, criterion);
    });
  }

 private:
  static void search(const Experiment& experiment, const NodePlanner& planner, const Criterion& criterion) {
    const double step = experiment.strategy_options.at("step"), gentlest = experiment.strategy_options.at("gentlest");
    const auto max_cuts = experiment.strategy_options.at("max_cuts").get<std::size_t>();
    SearchNode accepted = planner.base(criterion, target_schedule);
    if (accepted.result == nullptr) return planner.add(accepted, false);
    const double wanted = *accepted.result->accuracy_val - experiment.tolerance;
    double factor = step;
    while (factor <= gentlest && accepted.trial.steps.size() <= max_cuts) {
      if (const double keep = rounded_ratio(accepted.keep_ratio * factor); keep <= 0 || keep >= accepted.keep_ratio) break;
      SearchNode cut = planner.cut(accepted, {criterion, factor}, target_schedule);
      if (!cut.settled()) return planner.add(accepted, false);
      const std::string name = fmt::format("cut {} to {}", cut.trial.steps.size() - 1, cut.keep_ratio);
      const auto [holds, found] = judge(cut, wanted);  // a cut that diverged in retraining is one too many
      if (holds) {
        planner.log_decision(cut, "keep " + name, found);
        accepted = std::move(cut);
        continue;
      }
      if (!cut.smaller) {
        planner.log_decision(cut, "take back " + name, found);
        break;
      }
      factor = std::sqrt(factor);
      planner.log_decision(cut, "take back " + name,
                           factor <= gentlest ? fmt::format("{}; a gentler cut leaves {:.4f}", found, factor)
                                              : fmt::format("{}; a cut that leaves more than {} ends the search", found, gentlest));
    }
    planner.add_found(accepted);  // the others were on the way: only this one is measured on test data
  }
};

}  // namespace

std::unique_ptr<Strategy> make_target();  // asked for by the registry

std::unique_ptr<Strategy> make_target() {
  return std::make_unique<Target>();
}

}  // namespace search
