// Runs stages in warm worker processes, one a slot, each started with its slot's first stage. Made by `nas-run run`.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <vector>

#include "search/run/executors/executor.h"

namespace search {

struct ProcessOptions {
  std::filesystem::path directory;  ///< of the results: workers keep artifacts and checkpoints there; their logs go to its log/
  std::filesystem::path worker;     ///< the program `nas-worker`
  std::vector<Slot> slots;
  std::chrono::seconds heartbeat_timeout{60};  ///< after which a silent worker is ended, and its stage lost; 0: never
};

/// A worker that dies costs its stage only: the stage fails as `crash`, or as `lost` where it was killed by SIGKILL (memory pressure, an
/// operator), with the signal or exit code and the end of what the worker printed; the slot's next stage gets a new worker. A line that is
/// no event ends its worker likewise. start() throws storage::Error(environment) where the worker cannot be started at all.
/// SIGPIPE is ignored from here on in the whole process: a dead worker shows as a failed write.
std::unique_ptr<Executor> make_process_executor(ProcessOptions options);

}  // namespace search
