// What an experiment may say of the strategies: their names and the keys of `search:` that are their own. Read by the reader of experiments
// and by the reference; the strategies themselves are plan/strategies/.
#pragma once

#include <string>
#include <vector>

#include "storage/base/option.h"

namespace search {

struct StrategyInfo {
  std::string name;
  storage::Options options;  ///< keys of `search:` that are its own
  bool takes_schedules;      ///< needs `prune.schedules`; else it finds its own steps and takes none
  int usual_cuts;            ///< cuts on the way to one of its nets, where it takes no schedules: baselines train as long as these retrain
};

/// Names of the known strategies.
std::vector<std::string> strategy_names();

/// Throws storage::Error(invalid) for an unknown name, with the nearest.
const StrategyInfo& strategy_info(const std::string& name);

}  // namespace search
