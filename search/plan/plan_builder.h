// Collects the stages and trials of a plan: equal stages become one, and what sharing saves is counted. Used by the strategies.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "search/plan/strategy.h"

namespace search {

class PlanBuilder {
 public:
  /// Adds the stage unless an equal one is there, and returns its fingerprint. Inputs must have been added before.
  std::string add(Stage stage);

  /// The stages by which a net came to be, from its own back to the training of its base, and the candidates among which its widths were
  /// found. They live until the next stage is added.
  std::vector<const Stage*> path_to(const std::string& fingerprint) const;

  /// Whether the stage, or one that it is made from, has failed for good.
  bool is_lost(const History& history, const std::string& fingerprint) const;

  void add(storage::Decision decision) { plan_.decisions.push_back(std::move(decision)); }

  void add(TriedCut cut) { plan_.tried.push_back(std::move(cut)); }

  /// A trial whose steps name stages added before. Throws Error(invalid) where another of its name has other steps.
  void add(storage::TrialRecord trial);

  /// The plan, with `stages_without_sharing` counted: for every trial its steps, their evaluations and all that these are made from.
  Plan build() &&;

 private:
  void mark_priority();
  int stages_of(const storage::TrialRecord& trial, int number, std::vector<int>& seen_by) const;

  Plan plan_;
  std::unordered_map<std::string, int> index_;   ///< by fingerprint, into plan_.stages
  std::unordered_map<std::string, int> trials_;  ///< by name, into plan_.trials
};

}  // namespace search
