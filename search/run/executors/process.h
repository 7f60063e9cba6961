// Runs stages in worker processes of this machine. Made by `nas-run run`.
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

/// A worker pool of processes. start() throws storage::Error(environment) where the worker cannot be started at all.
std::unique_ptr<Executor> make_process_executor(ProcessOptions options);

}  // namespace search
