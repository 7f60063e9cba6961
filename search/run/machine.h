// Where stages can run on this machine: devices, cores and the worker program. Asked by `nas-run` before it makes an executor.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "search/experiment/experiment.h"
#include "search/run/executors/executor.h"

namespace search {

/// $NAS_WORKER, or else `nas-worker` beside the running program.
std::filesystem::path find_worker();

/// Cores that this process may run on, by its affinity mask.
int allowed_cores();

/// Bytes that programs can still take, as the kernel estimates it; within the limit of this control group where that has one.
std::int64_t available_memory();

/// What a worker answers to --devices, or nothing where that is no such answer.
std::optional<Json> devices_from(const std::string& answer);

/// What `nas-worker --devices` reports: {"cuda": N, "libtorch": version}; where it is to look for `runtimes`, which takes it as long again,
/// also {"onnxruntime": version, "" for none}. Throws storage::Error(environment) where it cannot be asked.
Json worker_devices(const std::filesystem::path& worker, bool runtimes = false);

/// CUDA devices that workers can use: 0 without asking where there is no device file or CUDA_VISIBLE_DEVICES hides them all, else what
/// worker_devices says, or as many slices of GPUs (MIG) as CUDA_VISIBLE_DEVICES names.
int usable_gpus(const std::filesystem::path& worker);

/// What the machine has to share out.
struct Machine {
  int cores = 1;
  int gpus = 0;
  std::int64_t memory = 0;      ///< bytes; 0: not known
  std::int64_t gpu_memory = 0;  ///< bytes that are free on the fullest GPU; 0: not known
};

/// The slots that `resources` asks for. `slots: 0` gives one slot a GPU, or cores / threads on a CPU; with `memory_per_trial` as many a GPU
/// as fit into its memory, and on a CPU no more than fit into that; more slots than GPUs share them in
/// turn. `threads_per_slot: 0` is one thread on a CPU and the cores dealt out evenly beside GPUs.
/// Throws storage::Error(environment) for a GPU that is not there and Error(invalid) for a device that cannot be read.
std::vector<Slot> plan_slots(const Resources& resources, const Machine& machine);

/// The same on this machine.
std::vector<Slot> plan_slots(const Resources& resources, const std::filesystem::path& worker);

/// The slots of machines that are reached by ssh, host by host; those of a host take its GPUs in turn.
std::vector<Slot> host_slots(const std::vector<Host>& hosts);

/// The slots that jobs of Slurm are: each has its device to itself, on a host that is not known before it starts.
std::vector<Slot> seats(const Resources& resources);

}  // namespace search
