// Tries what an executor needs on other machines, and says what was found: the questions of `nas-run doctor --executor`.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "search/experiment/experiment.h"

namespace search {

/// What a machine said of itself, as far as it was reached.
struct Probe {
  std::string host;     ///< or node
  Json devices;         ///< as nas-worker --devices prints it
  double queued_s = 0;  ///< from asking for a job to its worker's first word; 0 with ssh
  double shared_s = 0;  ///< for a word to the worker and its answer through the shared folder
};

/// One job as a run would ask for, which says what it has and ends. Throws storage::Error(environment) in a sentence: where Slurm refuses
/// it, where it still waits after `patience`, where its worker cannot start or does not see the folder.
Probe probe_slurm(const Resources& resources, std::chrono::seconds patience);

/// A host, and whether it sees a file that is written here to `shared` ("": not tried). Throws as above.
Probe probe_host(const Host& host, const std::filesystem::path& shared);

}  // namespace search
