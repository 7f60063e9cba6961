// What a stage takes over from those that it builds on. Used by the run loop, before a stage runs and after.
#pragma once

#include <vector>

#include "search/run/executors/executor.h"

namespace search {

/// The stage with what its inputs left behind. Throws storage::Error(internal) where one of them is not stored.
Job make_job(const Stage& stage, int attempt, const storage::Repository& repository);

/// The layers of a net that was trained on, as its cut, the stage's first input, left them; what tells the classes apart is as wide as
/// there are classes now. `outcome`: the stage's own.
std::vector<storage::LayerRecord> kept_layers(const Stage& stage, const storage::StageOutcome& outcome,
                                              const storage::Repository& repository);

}  // namespace search
