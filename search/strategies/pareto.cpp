// An evolutionary search: individuals are nets, a mutation is one more cut of any of them, selection is by non-dominated sorting on the
// experiment's objectives under its constraints (NSGA-II, Deb et al. 2002). Child i is decided once children up to i - in_flight are done,
// from these alone: slots stay busy, and timing decides nothing.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "eval/data/seed.h"
#include "search/strategies/search_node.h"

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
    std::vector<SearchNode> nets{planner.base()};  // child i is nets[i]
    bool open = nets[0].result == nullptr;
    for (std::size_t child = 1; child <= children && !open; ++child) {
      const std::size_t settled = child > in_flight ? child - in_flight : 0;  // the last child that has to be
      open = !std::all_of(nets.begin(), nets.begin() + static_cast<std::ptrdiff_t>(settled) + 1,
                          [](const SearchNode& net) { return net.settled(); });
      if (!open) nets.push_back(mutate(experiment, planner, nets, settled + 1, child));
    }
    open = open || !std::all_of(nets.begin(), nets.end(), [](const SearchNode& net) { return net.settled(); });
    std::vector<bool> reported(nets.size());
    if (!open) reported = front(experiment, planner, nets);
    for (std::size_t i = 0; i < nets.size(); ++i) planner.add(nets[i], reported[i]);
  }

  /// A child of the better of two nets, drawn among the first `known`.
  static SearchNode mutate(const Experiment& experiment, const NodePlanner& planner, const std::vector<SearchNode>& nets, std::size_t known,
                           std::size_t child) {
    const auto factors = experiment.strategy_options.at("factors").get<std::vector<double>>();
    const double smallest = experiment.strategy_options.at("smallest");
    const std::vector<const Criterion*> criteria = own_criteria(experiment);
    Draws draws(eval::mix_seed(static_cast<std::uint64_t>(nets[0].trial.seed), child));

    std::vector<std::size_t> able;  // nets that can be cut once more
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < known; ++i) {
      if (nets[i].result == nullptr || nets[i].share * *std::max_element(factors.begin(), factors.end()) < smallest) continue;
      std::optional<Candidate> found = candidate(*nets[i].result, experiment.objectives, experiment.constraints);
      if (!found) continue;
      able.push_back(i);
      candidates.push_back(std::move(*found));
    }
    if (able.empty()) {  // nothing can be compared: the base is what there is
      able.push_back(0);
      candidates.emplace_back();
    }
    const std::vector<int> order = ranking(candidates);
    const std::size_t rank = std::min(draws.below(order.size()), draws.below(order.size()));
    const SearchNode& parent = nets[able[static_cast<std::size_t>(order[rank])]];
    const Criterion& criterion = *criteria[draws.below(criteria.size())];
    std::vector<double> fitting;
    for (const double factor : factors)
      if (parent.share * factor >= smallest) fitting.push_back(factor);
    const double factor = fitting.empty() ? factors.back() : fitting[draws.below(fitting.size())];
    SearchNode made = planner.cut(parent, {criterion, factor}, fmt::format("pareto-{}", child));
    planner.decide(made, fmt::format("cut {} to {}", parent.trial.name, made.share),
                   fmt::format("its net ranks {} of {}, the better of two drawn", rank + 1, order.size()));
    return made;
  }

  /// Which nets nothing dominates, of those that are feasible.
  static std::vector<bool> front(const Experiment& experiment, const NodePlanner& planner, const std::vector<SearchNode>& nets) {
    std::vector<std::size_t> members;
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < nets.size(); ++i) {
      if (nets[i].result == nullptr) continue;
      std::optional<Candidate> found = candidate(*nets[i].result, experiment.objectives, experiment.constraints);
      if (!found) continue;
      const bool feasible = found->violation == 0;
      if (!feasible) planner.decide(nets[i], "leave", "beyond a constraint");
      if (!feasible) continue;
      members.push_back(i);
      candidates.push_back(std::move(*found));
    }
    const std::vector<int> fronts = front_numbers(candidates);
    std::vector<bool> reported(nets.size());
    for (std::size_t i = 0; i < members.size(); ++i) {
      reported[members[i]] = fronts[i] == 0;
      if (fronts[i] == 0) planner.decide(nets[members[i]], "report", "no other net is better in one objective and as good in the rest");
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
