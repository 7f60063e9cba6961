// Which stage runs next: a ready queue over the stage graph, those with priority and the longest critical path first. Used by the run loop;
// it starts nothing itself.
#pragma once

#include <optional>
#include <queue>
#include <vector>

#include "search/plan/stage_graph.h"

namespace search {

/// Every change costs O(log V) a stage that it touches. A call that does not fit the stage's state throws storage::Error(internal).
class StageSchedule {
 public:
  enum class State {
    pending,  ///< waits for an input
    ready,
    running,
    done,
    failed,
    blocked  ///< an input failed or is itself blocked: never runs
  };

  explicit StageSchedule(const std::vector<Stage>& stages);

  /// Takes the ready stage with the longest critical path, one with priority before others, the first planned among equals; it is running
  /// then.
  std::optional<int> next();

  /// A stage whose result is known, from this run or an earlier one; what waited for it alone becomes ready.
  void mark_done(int stage);

  /// A stage that was started under the plan before this one and still runs.
  void mark_running(int stage);

  /// A stage that will not run again; all that follows it is blocked.
  void mark_failed(int stage);

  /// A running stage that did not get its result is ready again.
  void release(int stage);

  State state(int stage) const { return states_[static_cast<std::size_t>(stage)]; }
  int count(State state) const { return counts_[static_cast<std::size_t>(state)]; }

 private:
  struct Entry {
    bool priority;
    double critical_path;
    int stage;
    bool operator<(const Entry& other) const {
      if (priority != other.priority) return other.priority;
      return critical_path != other.critical_path ? critical_path < other.critical_path : stage > other.stage;
    }
  };

  void set(int stage, State state);
  void block_successors(int stage);

  StageGraph graph_;
  std::vector<bool> priority_;
  std::vector<State> states_;
  std::vector<int> counts_, missing_inputs_;
  std::priority_queue<Entry> ready_;  ///< entries of stages that are no longer ready are skipped when they come up
};

}  // namespace search
