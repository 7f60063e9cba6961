// How good the nets of a search are together: the hypervolume of each task's front, as it grows. Used by the run loop.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "search/plan/strategy.h"

namespace search {

/// Of each task: over the front of the feasible nets that its trials came to, baselines not counted. Objectives that are maximised count
/// from 0, the others from the largest base's value.
class Hypervolumes {
 public:
  /// Borrows the experiment.
  explicit Hypervolumes(const Experiment& experiment) : experiment_(experiment) {}

  /// Takes in anew what is done of the plan.
  void adopt(const Plan& plan, const History& history);

  using Lookup = std::function<storage::StageStatus(const std::string& fingerprint)>;

  /// A stage of the plan that is done now, after `epochs` of the search; `status` gives what is stored of a stage. Returns those that grew.
  std::vector<storage::HypervolumeRecord> finished(const Stage& stage, double epochs, const Lookup& status);

  /// That of a task now; 0 where it has none.
  double of(const std::string& task) const;

 private:
  struct Task {
    std::vector<std::vector<double>> front;  ///< values as Candidate has them
    std::vector<double> reference;           ///< of the bases: the largest of each objective
    double hypervolume = 0;
  };

  bool add_net(const std::string& stage, const storage::StageStatus& net);
  double volume_of(const Task& task) const;

  const Experiment& experiment_;
  std::map<std::string, std::set<std::string>> tasks_of_;  ///< by the fingerprint of a stage that makes a net
  std::set<std::string> bases_;
  std::map<std::string, Task> tasks_;
};

/// What finished() would have given in a run that recorded nothing yet, had the stages ended in the order of `done`: their fingerprints.
std::vector<storage::HypervolumeRecord> growth(const Experiment& experiment, const Plan& plan, const History& history,
                                               const std::vector<std::string>& done);

}  // namespace search
