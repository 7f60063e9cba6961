// Runs stages in workers on other machines, which the system's ssh starts. Made by `nas-run run`.
#pragma once

#include "search/experiment/experiment.h"
#include "search/run/executors/process.h"

namespace search {

/// A worker pool whose workers ssh starts, each slot's on its host; a stage ends where the connection does. `options.worker` is not used.
/// Workers keep artifacts and checkpoints in resources.shared/NAME, NAME being that of the results' folder, which then links to them; with
/// no `shared`, in the results themselves, which all hosts must see under the same name. So must they the data. $NAS_SSH is taken for ssh.
/// Throws storage::Error(environment) for a host that does not answer, or whose worker lacks the GPUs; Error(invalid) where the results
/// hold artifacts already and are to be shared.
std::unique_ptr<Executor> make_ssh_executor(const Resources& resources, ProcessOptions options);

}  // namespace search
