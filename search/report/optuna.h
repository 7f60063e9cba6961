// The run as Optuna studies, one a task. Used by `nas-run export --to optuna`.
#pragma once

#include <vector>

#include "storage/optuna_file.h"
#include "storage/repository.h"

namespace search {

/// One Optuna trial for each step of each trial: a net, or one still to be made. Its values are the experiment's objectives, its parameters
/// net, criterion, schedule, seed and step, and width and fold where they differ. A step that is done is complete, one that is still to run
/// waiting or running, one that a failure has made impossible failed. `last_only`: of each trial only the last step.
std::vector<storage::OptunaStudy> optuna_studies(const storage::Repository& repository, bool last_only = false);

}  // namespace search
