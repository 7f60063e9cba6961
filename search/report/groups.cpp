#include "search/report/groups.h"

#include <algorithm>
#include <tuple>

namespace search {

std::vector<Group> groups_of(const Snapshot& run) {
  std::vector<Group> groups;
  std::map<std::tuple<std::string, std::string, std::string, std::string, std::string, double>, std::size_t> index;
  for (const StoredTrial& trial : run.trials) {
    if (trial.nets.empty()) continue;
    const auto [found, added] =
        index.emplace(std::tuple(trial.task, trial.net, trial.role, trial.criterion, trial.schedule, trial.width), groups.size());
    if (added) groups.push_back({trial.task, trial.net, trial.role, trial.criterion, trial.schedule, trial.width, {}, {}, {}});
    Group& group = groups[found->second];
    group.steps.resize(std::max(group.steps.size(), trial.nets.size()));
    group.tested.resize(group.steps.size());
    const Replicate unit{trial.seed, trial.fold.value_or(-1)};
    for (std::size_t step = 0; step < trial.nets.size(); ++step) {
      if (trial.nets[step] < 0) continue;
      group.steps[step].emplace(unit, trial.nets[step]);
      if (trial.tested[step]) group.tested[step].emplace(unit, trial.nets[step]);
    }
    const auto last = static_cast<std::size_t>(trial.last_step);
    if (trial.tested.size() <= last || !trial.tested[last]) group.unfinished.insert(unit);
  }
  return groups;
}

}  // namespace search
