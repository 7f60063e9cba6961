// A net that a search has come to, and its cuts. Used by the strategies that find their own steps.
#pragma once

#include <optional>
#include <string>

#include "search/plan/pareto.h"
#include "search/plan/task_planner.h"

namespace search {

struct SearchNode {
  storage::TrialRecord trial;                    ///< from the base to this net; only the base is measured on test data
  double keep_ratio = 1;                         ///< the share of the base that this net was asked to keep
  const storage::StageStatus* result = nullptr;  ///< once it is done
  bool failed = false;
  bool smaller = true;  ///< than its parent, once it is done: at the floors of all layers a cut takes nothing

  bool settled() const { return result != nullptr || failed; }
  const std::string& stage() const { return trial.steps.back().stage; }
};

/// Whether the net, which is settled, is smaller than its parent and has at least the validation accuracy `wanted`; `why` says it.
struct Verdict {
  bool holds;
  std::string why;
};
Verdict judge(const SearchNode& node, double wanted);

/// What the objectives and constraints see of the net; nothing where it failed or lacks a metric that they name.
std::optional<Candidate> candidate_of(const Experiment& experiment, const SearchNode& node);

/// What a search may do to a net.
struct Mutation {
  const Criterion& criterion;
  double keep_ratio;  ///< share of the net that is left
};

/// Plans the cuts of one base net and seed.
class NodePlanner {
 public:
  /// Borrows everything. `of`: what shares count.
  NodePlanner(TaskPlanner& planner, const History& history, const NamedNet& net, int seed, prune::Budget of)
      : planner_(planner), history_(history), net_(net), seed_(seed), of_(of) {}

  SearchNode base() const;

  /// The base as the start of a trial that bears a criterion and `name` as its schedule.
  SearchNode base(const Criterion& criterion, const std::string& name) const;

  /// Adds the cut's stage to the plan. The node's trial bears the criterion and `name` as its schedule.
  SearchNode cut(const SearchNode& parent, const Mutation& mutation, const std::string& name) const;

  /// Adds the node's trial to the plan; `measured`: its net is measured on test data.
  void add(SearchNode node, bool measured) const;

  /// Adds the trial of a net that the search ends with: measured, unless it is beyond a constraint, which is a decision.
  void add_found(const SearchNode& node) const;

  void log_decision(const SearchNode& node, std::string choice, std::string reason) const {
    planner_.log_decision(node.trial, std::move(choice), std::move(reason));
  }

 private:
  SearchNode known(SearchNode node) const;

  TaskPlanner& planner_;
  const History& history_;
  const NamedNet& net_;
  int seed_;
  prune::Budget of_;
};

/// Calls `search` for every base net and seed of every task.
Plan plan_searches(const Experiment& experiment, const History& history, prune::Budget of,
                   const std::function<void(const NodePlanner&)>& search);

}  // namespace search
