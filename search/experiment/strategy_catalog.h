// What an experiment may say of the strategies: their names and the keys of `search:` that are their own. Read by the reader of experiments
// and by the reference; the strategies themselves are plan/strategies/. Also how the schedules of their trials are called.
#pragma once

#include <cstddef>
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

/// The schedule of trials whose search ends after as many cuts as it takes: each seed's has its own.
inline constexpr const char* target_schedule = "target";

/// The schedules of the nets that one search tries, of which another seed's search has its own.
std::string pareto_schedule(std::size_t child);
std::string beam_schedule(int level, std::size_t child);

/// Whether it is one of these two.
bool is_of_one_search(const std::string& schedule);

}  // namespace search
