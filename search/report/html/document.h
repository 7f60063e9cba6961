// The one JSON document that the report's page shows, part by part. Called by html_report.
#pragma once

#include <string>
#include <vector>

#include "search/report/html/groups.h"
#include "search/report/html/html_report.h"
#include "search/report/pareto.h"

namespace search::html {

/// All of it. Nets are named by their index among `nets`, trials by that among `trials`.
Json document(const storage::Repository& repository, const HtmlOptions& options);

/// Counts by state, failures by kind with messages, and what sharing stages saved: stages and seconds of all that is done, against what
/// the trials would take one by one.
Json overview_part(const storage::Repository& repository, const Snapshot& run);

/// Columns, a value a net.
Json nets_part(const Snapshot& run);
Json trials_part(const Snapshot& run);

/// Median milliseconds of nets, by measure: "latency, batch 1, torchscript, cpu, 1 thread".
Costs latencies_of(const storage::Repository& repository, const Snapshot& run, Json& rows);

/// The kept channels of every net: {"sets": [{"layers", "channels", "fixed"}], "set": [of each net, or -1], "kept": [[channels] of each]}.
Json widths_part(const storage::Repository& repository, const Snapshot& run);

/// {"perturbations": [{"kind", "name", "source", "unchanged": the level that changes nothing, or null}], "curves": [{"group", "step",
/// "perturbation", "clean", "levels": [{"level", "accuracy"}]}], "nets": columns}: accuracies are summaries over seeds.
Json robustness_part(const storage::Repository& repository, const Snapshot& run, const std::vector<Group>& groups);

/// The trees of the lineage: [{"nets", "parents": of each net, -1 for the base, "widths": [[from, to]], "left_out"}]; parents and widths
/// are places within the tree.
Json lineage_part(const Snapshot& run, const std::vector<int>& wanted);

/// {"volumes": columns, a value each time the nets of a task grew better; "decisions": columns, with "left_out": how many before the
/// first}.
Json search_part(const storage::Repository& repository, const Snapshot& run);

/// Columns, a value for each attempt at a stage; a lane is a slot of a device.
Json timeline_part(const storage::Repository& repository, const Snapshot& run);

/// What only a net's own page shows, of as many of `wanted` as fit into `bytes`: {"nets": {index: {"curve", "scores", "confusion",
/// "metrics"}}, "class_names": [[...]], "left_out": count}.
Json detail_part(const storage::Repository& repository, const Snapshot& run, const std::vector<int>& wanted, std::size_t bytes);

}  // namespace search::html
