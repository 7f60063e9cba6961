// A beam search over the tree of cuts: on each level every net of the beam is cut by every criterion and factor, and the smallest nets that
// stay within the tolerance are the next beam. A level is decided when all of it is done, so that timing decides nothing.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "search/plan/strategies/search_node.h"

namespace search {

namespace {

class Beam : public Strategy {
 public:
  bool learns() const override { return true; }

  Plan next(const Experiment& experiment, const History& history) const override {
    const prune::Budget of = prune::budget_from_string(experiment.strategy_options.at("of"));
    return plan_searches(experiment, history, of, [&](const NodePlanner& planner) { search(experiment, planner); });
  }

 private:
  static void search(const Experiment& experiment, const NodePlanner& planner) {
    const std::size_t width = experiment.strategy_options.at("width").get<std::size_t>();
    const int max_cuts = experiment.strategy_options.at("max_cuts");
    std::vector<SearchNode> beam{planner.base()};
    if (beam[0].result == nullptr) return planner.add(beam[0], false);
    const double wanted = *beam[0].result->accuracy_val - experiment.tolerance;
    std::vector<SearchNode> tried = beam;
    bool open = false;
    for (int level = 1; level <= max_cuts; ++level) {
      const std::vector<SearchNode> children = cut_all(experiment, planner, beam, level);
      tried.insert(tried.end(), children.begin(), children.end());
      open = !std::all_of(children.begin(), children.end(), [](const SearchNode& child) { return child.settled(); });
      if (open) break;
      std::vector<SearchNode> next = chosen(experiment, planner, children, wanted, width);
      if (next.empty()) break;
      beam = std::move(next);
    }
    for (const SearchNode& node : tried) {  // those that the search ends with are measured on test data
      const auto same = [&](const SearchNode& each) { return each.trial.name == node.trial.name; };
      if (!open && std::any_of(beam.begin(), beam.end(), same))
        planner.add_found(node);
      else
        planner.add(node, false);
    }
  }

  static std::vector<SearchNode> cut_all(const Experiment& experiment, const NodePlanner& planner, const std::vector<SearchNode>& beam,
                                         int level) {
    std::vector<SearchNode> children;
    for (const SearchNode& parent : beam)
      for (const Criterion& criterion : experiment.criteria)
        for (const double factor : experiment.strategy_options.at("factors").get<std::vector<double>>())
          children.push_back(planner.cut(parent, {criterion, factor}, beam_schedule(level, children.size() + 1)));
    return children;
  }

  /// The smallest `width` of the children that hold, each stage once.
  static std::vector<SearchNode> chosen(const Experiment& experiment, const NodePlanner& planner, const std::vector<SearchNode>& children,
                                        double wanted, std::size_t width) {
    const std::string of = experiment.strategy_options.at("of");
    std::vector<const SearchNode*> holding;
    for (const SearchNode& child : children) {
      const auto [holds, found] = judge(child, wanted);
      if (holds)
        holding.push_back(&child);
      else
        planner.log_decision(child, "drop", found);
    }
    const auto size = [&](const SearchNode* child) { return metric_of(*child->result, of).value_or(0); };
    std::stable_sort(holding.begin(), holding.end(), [&](const SearchNode* one, const SearchNode* other) {
      return size(one) != size(other) ? size(one) < size(other) : *one->result->accuracy_val > *other->result->accuracy_val;
    });
    std::vector<SearchNode> next;
    for (const SearchNode* child : holding) {
      const std::string found = fmt::format("{}; {} {:.0f}", judge(*child, wanted).why, of, size(child));
      const bool taken = std::any_of(next.begin(), next.end(), [&](const SearchNode& each) { return each.stage() == child->stage(); });
      const bool fits = next.size() < width && !taken;
      planner.log_decision(*child, fits ? "cut further" : "leave", fits ? found : found + fmt::format("; {} are smaller", next.size()));
      if (fits) next.push_back(*child);
    }
    return next;
  }
};

}  // namespace

std::unique_ptr<Strategy> make_beam();  // asked for by the registry

std::unique_ptr<Strategy> make_beam() {
  return std::make_unique<Beam>();
}

}  // namespace search
