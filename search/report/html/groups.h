// What is compared over seeds: the nets of one task, base net, criterion and schedule, step by step. Used by the parts of the document.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "search/report/html/stored_run.h"
#include "search/report/measured_nets.h"

namespace search::html {

struct Group {
  std::string task, net, role, criterion, schedule;
  double width = 1;
  std::vector<std::map<Unit, int>> steps;  ///< the nets of each step, by unit
};

/// In the order of the trials. A base stands as step 0 in each group that was cut from it.
std::vector<Group> groups_of(const StoredRun& run);

/// {"n", "mean", "sd", "low", "high"} of a quantity over seeds: the 95 % interval of the mean; null without values.
Json summary_of(const std::vector<double>& values);

/// [{"task", "net", "role", "criterion", "schedule", "width", "steps": [{"nets", "val", "test", "params", "macs", "params_ratio",
/// "macs_ratio"}]}]: `val` and `test` are summaries, the sizes means.
Json to_json(const std::vector<Group>& groups, const StoredRun& run);

}  // namespace search::html
