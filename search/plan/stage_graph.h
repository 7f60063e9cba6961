// The DAG of stages: what follows what, and what cost hangs on each. Used by the schedule and by `nas-run plan --dot`.
#pragma once

#include <string>
#include <vector>

#include "search/plan/stage.h"

namespace search {

/// Stages are named by their index in the vector that the graph was made from.
class StageGraph {
 public:
  /// Throws storage::Error(internal) where a fingerprint comes twice, an input is not among the stages, or there is a cycle.
  explicit StageGraph(const std::vector<Stage>& stages);

  int size() const { return static_cast<int>(successors_.size()); }
  const std::vector<int>& successors(int stage) const { return successors_[static_cast<std::size_t>(stage)]; }
  const std::vector<int>& predecessors(int stage) const { return predecessors_[static_cast<std::size_t>(stage)]; }

  /// The largest sum of `cost` on a path that starts with this stage, itself included.
  double critical_path(int stage) const { return critical_path_[static_cast<std::size_t>(stage)]; }

 private:
  std::vector<std::vector<int>> successors_, predecessors_;
  std::vector<double> critical_path_;
};

/// The stages as a Graphviz digraph: a box a stage ("kind" and label), an edge an input, with its role.
std::string to_dot(const std::vector<Stage>& stages);

}  // namespace search
