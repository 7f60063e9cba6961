#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "search/plan/strategy.h"
#include "storage/base/error.h"

namespace search {

std::unique_ptr<Strategy> make_sweep();
std::unique_ptr<Strategy> make_target();
std::unique_ptr<Strategy> make_halving();
std::unique_ptr<Strategy> make_beam();
std::unique_ptr<Strategy> make_pareto();
std::unique_ptr<Strategy> make_widths();

bool has_same_stages(const Plan& one, const Plan& other) {
  return std::equal(one.stages.begin(), one.stages.end(), other.stages.begin(), other.stages.end(),
                    [](const Stage& a, const Stage& b) { return a.fingerprint == b.fingerprint; });
}

bool is_same(const Plan& one, const Plan& other) {
  return has_same_stages(one, other) && one.trials == other.trials;
}

History stored_history(const storage::Repository& repository, const Experiment& experiment) {
  return repository.stage_statuses(stored_metrics(experiment.objectives, experiment.constraints));
}

History settled(History history) {
  for (auto& [fingerprint, status] : history)
    if (status.accuracy_val && status.state != storage::StageState::failed) status.state = storage::StageState::done;
  return history;
}

std::unique_ptr<Strategy> make_strategy(const std::string& name) {
  using Factory = std::unique_ptr<Strategy> (*)();
  static constexpr std::array<std::pair<const char*, Factory>, 6> factories{{{"sweep", make_sweep},
                                                                             {"target", make_target},
                                                                             {"halving", make_halving},
                                                                             {"beam", make_beam},
                                                                             {"pareto", make_pareto},
                                                                             {"widths", make_widths}}};
  const std::string& known = strategy_info(name).name;
  const auto factory = std::find_if(factories.begin(), factories.end(), [&](const auto& each) { return each.first == known; });
  if (factory == factories.end())
    throw storage::Error(storage::ErrorKind::internal, fmt::format("strategy '{}' is in the catalog, but nothing makes it", name));
  return factory->second();
}

}  // namespace search
