// How far a search has come: what it has spent, and how good its nets are together. Used by the run loop.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "search/plan/strategy.h"

namespace search {

/// Epochs of training that a stage runs; 0 for one that trains nothing.
double epochs_of(const Stage& stage);

class SearchProgress {
 public:
  /// Borrows the experiment.
  explicit SearchProgress(const Experiment& experiment) : experiment_(experiment) {}

  /// Counts anew what is done of the plan.
  void adopt(const Plan& plan, const History& history);

  using Lookup = std::function<storage::StageStatus(const std::string& fingerprint)>;

  /// A stage of the plan that is done now; `status` gives what is stored of a stage. Returns the hypervolumes that grew by it, one a task:
  /// over the front of the feasible nets that the task's trials came to, baselines not counted. Objectives that are maximised count from 0,
  /// the others from the largest base's value.
  std::vector<storage::HypervolumeRecord> finished(const Stage& stage, double wall_s, const Lookup& status);

  int stages() const { return stages_; }
  double epochs() const { return epochs_; }
  double device_s() const { return device_s_; }

 private:
  struct Task {
    std::vector<std::vector<double>> front;  ///< values as Candidate has them
    std::vector<double> reference;           ///< of the bases: the largest of each objective
    double hypervolume = 0;
  };

  bool add_net(const std::string& stage, const storage::StageStatus& net);
  double hypervolume_of(const Task& task) const;

  const Experiment& experiment_;
  std::map<std::string, std::set<std::string>> tasks_of_;  ///< by the fingerprint of a stage that makes a net
  std::set<std::string> bases_;
  std::map<std::string, Task> tasks_;
  int stages_ = 0;
  double epochs_ = 0, device_s_ = 0;
};

}  // namespace search
