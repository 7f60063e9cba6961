#include "search/plan/strategies/search_node.h"

#include <fmt/format.h>

#include <utility>

#include "search/experiment/objectives.h"

namespace search {

Verdict judge(const SearchNode& node, double wanted) {
  if (node.failed) return {false, "its retraining failed"};
  if (!node.smaller) return {false, "nothing more can be cut"};
  const double accuracy = *node.result->accuracy_val;
  return {is_within(accuracy, wanted, 0), fmt::format("accuracy_val {:.4f}, wanted {:.4f}", accuracy, wanted)};
}

std::optional<Candidate> candidate_of(const Experiment& experiment, const SearchNode& node) {
  return node.result == nullptr ? std::nullopt : candidate(*node.result, experiment.objectives, experiment.constraints);
}

SearchNode NodePlanner::base() const {
  return known({planner_.trial(net_, seed_)});
}

SearchNode NodePlanner::base(const Criterion& criterion, const std::string& name) const {
  SearchNode node = base();
  planner_.name(node.trial, criterion, name);
  return node;
}

SearchNode NodePlanner::cut(const SearchNode& parent, const Mutation& mutation, const std::string& name) const {
  SearchNode node{parent.trial, rounded_ratio(parent.keep_ratio * mutation.keep_ratio)};
  planner_.name(node.trial, mutation.criterion, name);
  const prune::PruneRequest request{prune::PruneRequest::Kind::keep, node.keep_ratio, of_};
  const std::string label = fmt::format("{} {} {} {:.3g} seed {}", net_.label, mutation.criterion.label, name, node.keep_ratio, seed_);
  const std::string stage = planner_.cut({.net = net_,
                                          .base = parent.trial.steps.front().stage,
                                          .parent = parent.stage(),
                                          .criterion = mutation.criterion,
                                          .request = request,
                                          .seed = seed_,
                                          .label = label,
                                          .parent_ratio = parent.keep_ratio});
  planner_.tries(node.trial, stage);
  node.trial.steps.push_back({static_cast<int>(node.trial.steps.size()), stage, ""});
  node = known(std::move(node));
  if (node.result != nullptr && parent.result != nullptr)
    node.smaller = node.result->macs < parent.result->macs || node.result->params < parent.result->params;
  return node;
}

void NodePlanner::add(SearchNode node, bool measured) const {
  storage::TrialStep& last = node.trial.steps.back();
  if (measured && last.evaluation.empty()) {
    planner_.measure(last, net_, fmt::format("{} {} seed {}", net_.label, node.trial.schedule, seed_), node.keep_ratio, seed_);
    planner_.plan_scratch(node.trial, net_, node.keep_ratio);
  }
  planner_.add(std::move(node.trial));
}

void NodePlanner::add_found(const SearchNode& node) const {
  add(node, planner_.is_reportable(history_, node.trial, node.stage(), net_));
}

SearchNode NodePlanner::known(SearchNode node) const {
  if (!planner_.awaits_latency(history_, node.stage(), net_)) node.result = done_net(history_, node.stage());
  node.failed = planner_.is_lost(history_, node.stage());
  return node;
}

Plan plan_searches(const Experiment& experiment, const History& history, prune::Budget of,
                   const std::function<void(const NodePlanner&)>& search) {
  return plan_tasks(experiment, [&](TaskPlanner& planner) {
    for (const NamedNet& net : planner.bases())
      for (int i = 0; i < experiment.seeds; ++i) search(NodePlanner(planner, history, net, experiment.seed + i, of));
  });
}

}  // namespace search
