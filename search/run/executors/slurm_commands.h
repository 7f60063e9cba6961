// What is said to Slurm's commands, and what they answer. Used by the executor `slurm`.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "search/experiment/experiment.h"
#include "search/run/executors/executor.h"
#include "search/run/executors/folder_channel.h"
#include "search/run/executors/spawn.h"

namespace search {

/// Of each of these commands, after which it has failed.
constexpr std::chrono::seconds kSlurmCommandLimit{60};

/// One array of `count` pilots; pilot I is heard through the folder WORKERS/NAME.I, which must be there. A job is never requeued: it would
/// come back under its old id, so that a pilot lives once. `excluded`: nodes.
Command sbatch(const SlurmRequest& request, const Slot& seat, const std::filesystem::path& workers, const std::string& name, int count,
               const std::set<std::string>& excluded);

/// All jobs of this user, also those that ended lately.
Command squeue();

/// Jobs by their ids, as in "1234_5".
Command scancel(const std::vector<std::string>& jobs);

/// What squeue printed of jobs whose names begin with `prefix`, by NAME.I; other lines are passed over.
std::map<std::string, Allocation> allocations_from(const std::string& printed, const std::string& prefix);

/// The id that sbatch printed. "" where it printed none.
std::string job_id_from(const std::string& printed);

}  // namespace search
