// Runs stages in jobs of Slurm. Made by `nas-run run`.
#pragma once

#include <memory>

#include "search/experiment/experiment.h"
#include "search/run/executors/process.h"

namespace search {

/// A worker pool of pilots: jobs that Slurm starts when it has room, each of which takes stages from its folder, SHARED/NAME/workers/JOB.I,
/// until there are none or its time is over. Jobs are asked for as stages need them, up to as many as there are slots, and again for those
/// that are gone. Pilots outlive nas-run: the next one finds them, their stages and their results. A node that fails three different stages
/// fast, or on which a job runs without a word, gets no more. Workers keep artifacts as with ssh (shared_results). `options.worker` is not
/// used. Throws storage::Error(environment) where squeue does not answer, and later where Slurm refuses every job, no worker can start, or
/// the shared folder cannot be written for a minute.
std::unique_ptr<Executor> make_slurm_executor(const Resources& resources, ProcessOptions options);

}  // namespace search
