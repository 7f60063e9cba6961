#include "search/report/groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "search/experiment/source_nets.h"
#include "search/experiment/strategy_catalog.h"

namespace search {

namespace {

Replicate replicate_of(const StoredTrial& trial) {
  return {trial.seed, trial.fold.value_or(-1)};
}

/// The schedule under which the trial's nets are compared with those of other seeds. That of a net from scratch ends with the step whose
/// shape it has.
std::string shared_schedule(const StoredTrial& trial, bool has_rivals) {
  const std::string search = trial.schedule.substr(0, trial.schedule.find(' '));
  if (search == target_schedule) return search;
  if (!has_rivals || !is_of_one_search(search)) return trial.schedule;
  return fmt::format("{} of seed {}", trial.schedule, trial.seed) + (trial.fold ? fmt::format(", fold {}", *trial.fold) : "");
}

}  // namespace

std::vector<Group> groups_of(const Snapshot& run) {
  std::set<Replicate> replicates;
  for (const StoredTrial& trial : run.trials) replicates.insert(replicate_of(trial));
  std::vector<Group> groups;
  std::map<std::tuple<std::string, std::string, std::string, std::string, std::string, double>, std::size_t> index;
  for (std::size_t number = 0; number < run.trials.size(); ++number) {
    const StoredTrial& trial = run.trials[number];
    if (trial.nets.empty() || trial.outdated) continue;
    const std::string schedule = shared_schedule(trial, replicates.size() > 1);
    const auto [found, added] =
        index.emplace(std::tuple(trial.task, trial.net, trial.role, trial.criterion, schedule, trial.width), groups.size());
    if (added) groups.push_back({trial.task, trial.net, trial.role, trial.criterion, schedule, trial.width, {}, {}, {}, {}});
    Group& group = groups[found->second];
    group.trials.push_back(number);
    group.steps.resize(std::max(group.steps.size(), trial.nets.size()));
    group.tested.resize(group.steps.size());
    const Replicate unit = replicate_of(trial);
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

std::vector<Way> ways_of(const std::vector<Group>& groups) {
  std::vector<Way> ways;
  for (const Group& group : groups) {
    const bool ends_apart = group.role == "pruned" && group.schedule == target_schedule;
    Way found{&group, std::nullopt, {}};
    for (std::size_t step = 0; step < group.tested.size(); ++step) {
      Way way{&group, step, group.tested[step]};
      if (way.nets.empty()) continue;
      const auto known = std::find_if(ways.begin(), ways.end(), [&](const Way& other) {
        return way.is_base() && other.is_base() && other.group->task == group.task && other.group->net == group.net;
      });
      if (known != ways.end())
        known->nets.merge(way.nets);
      else if (ends_apart && way.is_cut())
        for (const auto& [unit, net] : way.nets) found.nets.insert_or_assign(unit, net);
      else
        ways.push_back(std::move(way));
    }
    if (!found.nets.empty()) ways.push_back(std::move(found));
  }
  return ways;
}

std::string base_net(const Group& group) {
  return group.role == "pruned" ? group.net : parse_control(group.net).base;
}

std::vector<std::string> tasks_of(const Snapshot& run) {
  std::vector<std::string> tasks;
  for (const StoredTrial& trial : run.trials)
    if (std::find(tasks.begin(), tasks.end(), trial.task) == tasks.end()) tasks.push_back(trial.task);
  return tasks;
}

std::optional<Lead> lead_of(const std::map<Replicate, const StoredNet*>& one, const std::map<Replicate, const StoredNet*>& other) {
  std::vector<double> ones, others;
  for (const auto& [replicate, net] : one) {
    const auto same = other.find(replicate);
    if (same == other.end()) continue;
    ones.push_back(*net->test);
    others.push_back(*same->second->test);
  }
  if (ones.empty()) return std::nullopt;
  return Lead{eval::paired_difference(ones, others), eval::summarise(others).mean};
}

}  // namespace search
