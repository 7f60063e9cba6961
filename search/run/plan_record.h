// Records a plan, and what an older nas-run left unrecorded. Used by the run loop.
#pragma once

#include "search/run/hypervolumes.h"

namespace search {

/// Stores the plan over `before`, which is stored and may be empty: its stages that `statuses` lacks, its trials that are new or have other
/// steps, its decisions; stages that it no longer has are marked as dropped.
///
/// `statuses`: of the stages that are stored. New stages are added to them as pending. Stages that are done but whose artifacts `nas-run
/// gc` has removed become pending there and in the database where a stage that is to run needs them: the results are the same to the bit.
void record_plan(storage::Repository& repository, const Experiment& experiment, const Plan& plan, const Plan& before, History& statuses);

/// Once, at the start: the hypervolumes of a run by an older nas-run, which did not record them all, or by other objectives. `now`: what
/// those of the stored plan come to.
void record_missing_hypervolumes(storage::Repository& repository, const Experiment& experiment, const Plan& plan, const Hypervolumes& now);

}  // namespace search
