// What a run shows, as Markdown: every way to a net with its accuracy over seeds, what it was before any retraining, what it cost to find,
// and its lead over the controls. Written by `nas-run evidence`, so that no figure in a document is typed by hand.
#pragma once

#include <string>
#include <vector>

#include "search/report/snapshot.h"

namespace search {

/// The section of one run: a heading, the experiment's own opening comment, and a table a task; where four criteria or more made a cut,
/// how far what was known before the retraining has the order of what came of it. `run`: the repository's snapshot. `epochs`: the table has
/// the cut nets' validation accuracies after these epochs of their retraining, and that of the nets taken in the end.
std::string evidence(const storage::Repository& repository, const Snapshot& run, const std::vector<int>& epochs = {});

}  // namespace search
