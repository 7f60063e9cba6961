// A snapshot from rows as the views `steps` and `baselines` have them.
#pragma once

#include <map>
#include <string>

#include "search/report/snapshot.h"

namespace support {

inline search::Snapshot snapshot_of(const storage::Json& steps, const storage::Json& baselines) {
  search::Snapshot run;
  std::map<std::string, std::size_t> trials;  // by all that tells them apart
  const auto number = [](const storage::Json& row, const char* column) {
    return row.contains(column) && row.at(column).is_number() ? std::optional(row.at(column).get<double>()) : std::nullopt;
  };
  const auto add = [&](const storage::Json& row, const std::string& role) {
    const auto text = [&](const char* column) { return row.contains(column) ? row.at(column).get<std::string>() : ""; };
    search::StoredTrial trial{
        .role = role, .task = text("task"), .net = text("net"), .criterion = text("criterion"), .schedule = text("schedule")};
    trial.width = number(row, "width").value_or(1);
    trial.seed = row.at("seed").get<int>();
    if (const auto fold = number(row, "fold")) trial.fold = static_cast<int>(*fold);
    std::string key = role;
    for (const char* column : {"task", "net", "criterion", "schedule", "width", "seed", "fold"})
      key += "/" + row.value(column, storage::Json()).dump();
    const auto [found, is_new] = trials.emplace(key, run.trials.size());
    if (is_new) run.trials.push_back(trial);
    search::StoredTrial& made = run.trials[found->second];
    const auto step = static_cast<std::size_t>(row.value("step", 0));
    made.nets.resize(std::max(made.nets.size(), step + 1), -1);
    made.tested.resize(made.nets.size(), false);
    search::StoredNet net{.trial = static_cast<int>(found->second), .step = static_cast<int>(step)};
    net.params = number(row, "params").value_or(0);
    net.macs = number(row, "macs").value_or(0);
    net.val = number(row, "accuracy_val");
    net.test = number(row, "accuracy_test");
    made.nets[step] = static_cast<int>(run.nets.size());
    made.tested[step] = net.test.has_value();
    run.nets.push_back(net);
  };
  for (const storage::Json& row : steps) add(row, "pruned");
  for (const storage::Json& row : baselines) add(row, "baseline");
  return run;
}

}  // namespace support
