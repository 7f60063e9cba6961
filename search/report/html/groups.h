// Groups over seeds as the page shows them. Used by the parts of the document.
#pragma once

#include <vector>

#include "search/report/groups.h"

namespace search::html {

/// {"n", "mean", "sd", "low", "high"} of a quantity over seeds: the 95 % interval of the mean; null without values.
Json summary_of(const std::vector<double>& values);

/// [{"task", "net", "role", "criterion", "schedule", "width", "steps": [{"nets", "val", "test", "params", "macs", "params_ratio",
/// "macs_ratio"}]}]: `val` and `test` are summaries, the sizes means.
Json to_json(const std::vector<Group>& groups, const Snapshot& run);

}  // namespace search::html
