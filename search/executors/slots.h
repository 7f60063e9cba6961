// Where stages can run on this machine: devices, cores and the worker program. Asked by `nas-run` before it makes an executor.
#pragma once

#include <filesystem>
#include <vector>

#include "search/executors/executor.h"
#include "search/experiment.h"

namespace search {

/// $NAS_WORKER, or else `nas-worker` beside the running program.
std::filesystem::path find_worker();

/// Cores that this process may run on, by its affinity mask.
int allowed_cores();

/// CUDA devices that a worker can use: 0 without asking where there is no /dev/nvidia<N> or CUDA_VISIBLE_DEVICES hides them all, else what
/// `nas-worker --devices` reports ({"cuda": N}). Throws storage::Error(environment) where the worker cannot be asked.
int usable_gpus(const std::filesystem::path& worker);

/// The slots that `resources` asks for. `slots: 0` gives one slot a GPU, or cores / threads on a CPU; more slots than GPUs share them in
/// turn. `threads_per_slot: 0` is one thread on a CPU and the cores dealt out evenly beside GPUs.
/// Throws storage::Error(environment) for a GPU that is not there and Error(invalid) for a device that cannot be read.
std::vector<Slot> plan_slots(const Resources& resources, int cores, int gpus);

/// The same on this machine.
std::vector<Slot> plan_slots(const Resources& resources, const std::filesystem::path& worker);

}  // namespace search
