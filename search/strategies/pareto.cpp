// An evolutionary search: individuals are nets, a mutation is one more cut of any of them, selection is by non-dominated sorting on the
// experiment's objectives under its constraints (NSGA-II, Deb et al. 2002). Of some mutations that are drawn the one is made that could add
// most to the dominated volume. Child i is decided once children up to i - in_flight are done, from these alone: slots stay busy, and
// timing decides nothing.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <tuple>

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

bool shrinks_with_the_net(const std::string& metric) {
  return metric == "params" || metric == "macs" || metric == "size" || metric == "latency_ms";
}

/// What cuts could add to the volume that nets dominate, counted as the stored hypervolume: costs as shares of the base's.
class Promise {
 public:
  /// `base` and `nets`: as candidate() gives them.
  Promise(const std::vector<Objective>& objectives, const Candidate& base, const std::vector<Candidate>& nets) : objectives_(objectives) {
    for (std::size_t i = 0; i < objectives.size(); ++i) {
      units_.push_back(objectives[i].maximize || base.values[i] <= 0 ? 1 : base.values[i]);
      reference_.push_back(objectives[i].maximize ? 0 : 1);
    }
    const std::vector<int> fronts = front_numbers(nets);
    for (std::size_t i = 0; i < nets.size(); ++i)
      if (fronts[i] == 0 && nets[i].violation == 0) points_.push_back(scaled(nets[i].values));
    volume_ = hypervolume(points_, reference_);
  }

  /// Of a child with its parent's accuracy and a share of its costs: no cut does better than that.
  double of(const Candidate& parent, double factor) const {
    std::vector<double> child = scaled(parent.values);
    for (std::size_t i = 0; i < child.size(); ++i)
      if (shrinks_with_the_net(objectives_[i].metric)) child[i] *= factor;
    std::vector<std::vector<double>> points = points_;
    points.push_back(std::move(child));
    return hypervolume(std::move(points), reference_) - volume_;
  }

 private:
  std::vector<double> scaled(std::vector<double> values) const {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] /= units_[i];
    return values;
  }

  const std::vector<Objective>& objectives_;
  std::vector<double> units_, reference_;
  std::vector<std::vector<double>> points_;
  double volume_ = 0;
};

class Pareto : public Strategy {
 public:
  bool learns() const override { return true; }

  Plan next(const Experiment& experiment, const History& history) const override {
    const prune::Budget of = prune::budget_from_string(experiment.strategy_options.at("of"));
    return plan_searches(experiment, history, of, [&](const NodePlanner& planner) { search(experiment, planner); });
  }

 private:
  /// A cut that a child may come from.
  struct Draw {
    std::size_t parent = 0, criterion = 0;
    double factor = 1;
    std::size_t rank = 0;  ///< of the parent
    double promise = 0;
  };

  /// Cuts that are made already: parent, criterion and factor.
  using Made = std::set<std::tuple<std::size_t, std::size_t, double>>;

  static void search(const Experiment& experiment, const NodePlanner& planner) {
    const std::size_t children = experiment.strategy_options.at("children").get<std::size_t>();
    const std::size_t in_flight = experiment.strategy_options.at("in_flight").get<std::size_t>();
    std::vector<SearchNode> nets{planner.base()};  // child i is nets[i]
    Made made;
    bool open = nets[0].result == nullptr;
    for (std::size_t child = 1; child <= children && !open; ++child) {
      const std::size_t settled = child > in_flight ? child - in_flight : 0;  // the last child that has to be
      open = !std::all_of(nets.begin(), nets.begin() + static_cast<std::ptrdiff_t>(settled) + 1,
                          [](const SearchNode& net) { return net.settled(); });
      if (!open) nets.push_back(mutate(experiment, planner, nets, settled + 1, child, made));
    }
    open = open || !std::all_of(nets.begin(), nets.end(), [](const SearchNode& net) { return net.settled(); });
    std::vector<bool> reported(nets.size());
    if (!open) reported = front(experiment, planner, nets);
    for (std::size_t i = 0; i < nets.size(); ++i) planner.add(nets[i], reported[i]);
  }

  /// Of `draws` mutations, each of the better of two nets drawn among the first `known`, the one that promises most.
  static SearchNode mutate(const Experiment& experiment, const NodePlanner& planner, const std::vector<SearchNode>& nets, std::size_t known,
                           std::size_t child, Made& made) {
    const auto factors = experiment.strategy_options.at("factors").get<std::vector<double>>();
    const double smallest = experiment.strategy_options.at("smallest");
    const std::vector<const Criterion*> criteria = own_criteria(experiment);
    Draws draws(eval::mix_seed(static_cast<std::uint64_t>(nets[0].trial.seed), child));

    std::vector<std::size_t> able;  // nets that can be cut once more
    std::vector<Candidate> candidates, all;
    for (std::size_t i = 0; i < known; ++i) {
      if (nets[i].result == nullptr) continue;
      const std::optional<Candidate> found = candidate(*nets[i].result, experiment.objectives, experiment.constraints);
      if (!found) continue;
      all.push_back(*found);
      if (nets[i].share * *std::max_element(factors.begin(), factors.end()) < smallest) continue;
      able.push_back(i);
      candidates.push_back(*found);
    }
    if (able.empty()) {  // nothing can be compared: the base is what there is
      able.push_back(0);
      candidates.push_back({std::vector<double>(experiment.objectives.size()), 0});
    }
    const std::vector<int> order = ranking(candidates);
    const Promise promise(experiment.objectives, all.empty() ? candidates[0] : all[0], all);
    Draw best;
    for (int i = 0; i < experiment.strategy_options.at("draws").get<int>(); ++i) {
      Draw drawn;
      drawn.rank = std::min(draws.below(order.size()), draws.below(order.size()));
      const auto place = static_cast<std::size_t>(order[drawn.rank]);
      drawn.parent = able[place];
      drawn.criterion = draws.below(criteria.size());
      std::vector<double> fitting;
      for (const double factor : factors)
        if (nets[drawn.parent].share * factor >= smallest) fitting.push_back(factor);
      drawn.factor = fitting.empty() ? factors.back() : fitting[draws.below(fitting.size())];
      const bool is_new = !made.contains({drawn.parent, drawn.criterion, drawn.factor});
      drawn.promise = is_new ? promise.of(candidates[place], drawn.factor) : -1;
      if (i == 0 || drawn.promise > best.promise) best = drawn;
    }
    made.emplace(best.parent, best.criterion, best.factor);
    const SearchNode& parent = nets[best.parent];
    SearchNode node = planner.cut(parent, {*criteria[best.criterion], best.factor}, fmt::format("pareto-{}", child));
    planner.decide(node, fmt::format("cut {} to {}", parent.trial.name, node.share),
                   fmt::format("its net ranks {} of {}; if no accuracy were lost, the volume would grow by {:.4f}, the most of {} draws",
                               best.rank + 1, order.size(), best.promise, experiment.strategy_options.at("draws").get<int>()));
    return node;
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
