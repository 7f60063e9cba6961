// What to try: a strategy turns the experiment and what is stored so far into stages and trials.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "search/experiment.h"
#include "search/stage.h"

namespace search {

/// Stages in an order in which inputs come first, each fingerprint once, and the trials that they make up.
struct Plan {
  std::vector<Stage> stages;
  std::vector<storage::TrialRecord> trials;
  int stages_without_sharing = 0;  ///< the sum of the stages over the trials, each trial run by itself
};

class Strategy {
 public:
  virtual ~Strategy() = default;

  /// The whole plan as far as it is known, given which stages are done. Pure: the same history gives the same plan.
  virtual Plan next(const Experiment& experiment, const std::map<std::string, storage::StageStatus>& history) const = 0;
};

/// Names of the known strategies.
std::vector<std::string> strategy_names();

/// Throws storage::Error(invalid) for an unknown name, with the nearest.
std::unique_ptr<Strategy> make_strategy(const std::string& name);

}  // namespace search
