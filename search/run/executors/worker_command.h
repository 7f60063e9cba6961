// How the worker of a slot is started, whatever starts it. Used by the executors.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "search/run/executors/executor.h"

namespace search {

using Environment = std::vector<std::pair<std::string, std::string>>;

/// By which the threads of a worker sleep while they wait: where other programs run too, spinning ones cost several times the work.
Environment sleeping_threads();

/// What a slot's worker is started with, by name: threads that wait sleep, and of the GPUs it sees those (CUDA_VISIBLE_DEVICES).
Environment worker_environment(const Slot& slot, const std::string& gpus);

/// Its arguments, whatever starts it: threads and device.
std::vector<std::string> worker_arguments(const Slot& slot);

/// The line by which a shell becomes the slot's worker.
std::string worker_line(const std::string& program, const Slot& slot, const Environment& environment);

/// "cuda:2" -> "2"; "" of "cpu".
std::string gpu_number(const std::string& device);

}  // namespace search
