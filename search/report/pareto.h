// The Pareto fronts of a run: what `nas-run pareto` lists, `gc` keeps and the page draws.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "search/report/snapshot.h"

namespace search {

/// What nets cost, by the index of the net, under the name of the measure: "macs".
using Costs = std::map<std::string, std::map<int, double>>;

/// "params" and "macs" of all nets of trials.
Costs sizes_of(const Snapshot& run);

/// {task: {measure: [nets]}}: the nets within the constraints that no other of the task beats, as good in validation accuracy and cost and
/// better in one; by growing cost.
using Fronts = std::map<std::string, std::map<std::string, std::vector<int>>>;
Fronts fronts_of(const Snapshot& run, const Costs& costs);

}  // namespace search
