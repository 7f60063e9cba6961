// An evolutionary search: individuals are nets, a mutation is one more cut of any of them, selection is by non-dominated sorting on the
// experiment's objectives under its constraints (NSGA-II, Deb et al. 2002). Of some mutations that are drawn the one is made that is
// expected to add most to the dominated volume, by what the cuts so far have cost in accuracy. Child i is decided once children up to
// i - in_flight are done, from these alone: slots stay busy, and timing decides nothing.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "eval/data/seed.h"
#include "search/plan/strategies/search_node.h"
#include "search/plan/strategies/surrogate.h"

namespace search {

namespace {

/// A stream of small numbers from one seed.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : seed_(seed) {}
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(eval::mix_seed(seed_, ++drawn_) % count); }

 private:
  std::uint64_t seed_, drawn_ = 0;
};

struct Individual {
  SearchNode node;
  Cut cut;  ///< of the base: none
};

class Pareto : public Strategy {
 public:
  bool learns() const override { return true; }

  Plan next(const Experiment& experiment, const History& history) const override {
    const prune::Budget of = prune::budget_from_string(experiment.strategy_options.at("of"));
    return plan_searches(experiment, history, of, [&](const NodePlanner& planner) { search(experiment, planner); });
  }

 private:
  static void search(const Experiment& experiment, const NodePlanner& planner) {
    const std::size_t children = experiment.strategy_options.at("children").get<std::size_t>();
    const std::size_t in_flight = experiment.strategy_options.at("in_flight").get<std::size_t>();
    std::vector<Individual> nets{{planner.base(), {}}};  // child i is nets[i]
    const auto settled = [](const Individual& net) { return net.node.settled(); };
    bool open = !settled(nets[0]) || nets[0].node.failed;
    for (std::size_t child = 1; child <= children && !open; ++child) {
      const std::size_t known = child > in_flight ? child - in_flight + 1 : 1;
      open = !std::all_of(nets.begin(), nets.begin() + static_cast<std::ptrdiff_t>(known), settled);
      if (!open) nets.push_back(mutate(experiment, planner, nets, known));
    }
    open = open || !std::all_of(nets.begin(), nets.end(), settled);
    std::vector<bool> reported(nets.size());
    if (!open) reported = front(experiment, planner, nets);
    for (std::size_t i = 0; i < nets.size(); ++i) planner.add(nets[i].node, reported[i]);
  }

  using Outcomes = std::vector<std::optional<Candidate>>;

  /// Of `draws` mutations, each of the better of two nets drawn among the first `known`, the one that promises most, of equals the one
  /// whose criterion was tried least.
  static Individual mutate(const Experiment& experiment, const NodePlanner& planner, const std::vector<Individual>& nets,
                           std::size_t known) {
    const std::vector<Criterion>& criteria = experiment.criteria;
    std::vector<Cut> cuts;
    std::vector<int> tried(criteria.size());
    for (const Individual& net : nets) cuts.push_back(net.cut);
    for (std::size_t i = 1; i < cuts.size(); ++i) ++tried[cuts[i].criterion];
    const std::vector<Objective> metrics = modelled_metrics(experiment.objectives, experiment.constraints);
    Outcomes outcomes, modelled;
    for (std::size_t i = 0; i < known; ++i) {
      const storage::StageStatus* result = nets[i].node.result;
      outcomes.push_back(candidate_of(experiment, nets[i].node));
      modelled.push_back(result == nullptr ? std::nullopt : candidate(*result, metrics, experiment.constraints));
    }
    if (!outcomes[0]) outcomes[0] = Candidate{std::vector<double>(experiment.objectives.size()), 0};  // nothing can be compared
    if (!modelled[0]) modelled[0] = Candidate{std::vector<double>(metrics.size()), 0};
    const Surrogate surrogate(experiment.objectives, experiment.constraints, std::move(modelled), cuts);
    const auto all_factors = experiment.strategy_options.at("factors").get<std::vector<double>>();
    const double smallest = experiment.strategy_options.at("smallest");
    const std::vector<std::size_t> parents = ranked_parents(all_factors, smallest, nets, outcomes);

    Draws draws(eval::mix_seed(static_cast<std::uint64_t>(nets[0].node.trial.seed), nets.size()));
    const int drawn = experiment.strategy_options.at("draws").get<int>();
    Cut best;
    std::size_t best_rank = 0;
    double most = 0;
    for (int i = 0; i < drawn; ++i) {
      const std::size_t rank = std::min(draws.below(parents.size()), draws.below(parents.size()));
      const std::size_t criterion = draws.below(criteria.size());
      const std::vector<double> factors = fitting_factors(all_factors, smallest, nets[parents[rank]].node);
      const Cut cut{parents[rank], criterion, factors[draws.below(factors.size())]};
      const bool is_made = std::find(cuts.begin() + 1, cuts.end(), cut) != cuts.end();
      const double improvement = is_made ? -1 : surrogate.expected_improvement(cut);
      const bool is_better = improvement > most || (improvement == most && tried[cut.criterion] < tried[best.criterion]);
      if (i > 0 && !is_better) continue;
      best = cut;
      best_rank = rank;
      most = improvement;
    }
    const SearchNode& parent = nets[best.parent].node;
    SearchNode node = planner.cut(parent, {criteria[best.criterion], best.keep_ratio}, pareto_schedule(nets.size()));
    planner.log_decision(node, fmt::format("cut {} to {}", parent.trial.name, node.keep_ratio),
                         fmt::format("its net ranks {} of {}; the volume is expected to grow by {:.4f}, the most of {} draws",
                                     best_rank + 1, parents.size(), most, drawn));
    return {std::move(node), best};
  }

  /// The nets that can be cut once more, best first; the base always.
  static std::vector<std::size_t> ranked_parents(const std::vector<double>& factors, double smallest, const std::vector<Individual>& nets,
                                                 const Outcomes& outcomes) {
    const double gentlest = *std::max_element(factors.begin(), factors.end());
    std::vector<std::size_t> able, ranked;
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (!outcomes[i] || (i > 0 && nets[i].node.keep_ratio * gentlest < smallest)) continue;
      able.push_back(i);
      candidates.push_back(*outcomes[i]);
    }
    for (const int place : ranking(candidates)) ranked.push_back(able[static_cast<std::size_t>(place)]);
    return ranked;
  }

  /// The factors that leave the net large enough; where none does, the last.
  static std::vector<double> fitting_factors(std::vector<double> factors, double smallest, const SearchNode& net) {
    const double last = factors.back();
    std::erase_if(factors, [&](double factor) { return net.keep_ratio * factor < smallest; });
    if (factors.empty()) factors.push_back(last);
    return factors;
  }

  /// Which nets nothing dominates, of those that are feasible.
  static std::vector<bool> front(const Experiment& experiment, const NodePlanner& planner, const std::vector<Individual>& nets) {
    std::vector<std::size_t> members;
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < nets.size(); ++i) {
      std::optional<Candidate> found = candidate_of(experiment, nets[i].node);
      if (!found) continue;
      const bool feasible = found->violation == 0;
      if (!feasible) planner.log_decision(nets[i].node, "leave", "beyond a constraint");
      if (!feasible) continue;
      members.push_back(i);
      candidates.push_back(std::move(*found));
    }
    std::vector<bool> reported(nets.size());
    std::vector<std::size_t> best = pareto_front(candidates);
    std::sort(best.begin(), best.end());
    for (const std::size_t i : best) {
      reported[members[i]] = true;
      planner.log_decision(nets[members[i]].node, "report", "no other net is better in one objective and as good in the rest");
    }
    return reported;
  }
};

}  // namespace

std::unique_ptr<Strategy> make_pareto();  // asked for by the registry

std::unique_ptr<Strategy> make_pareto() {
  return std::make_unique<Pareto>();
}

}  // namespace search
