// A program of the system that is not waited for, as Slurm's commands, which may take a minute where its controller is away. Used by the
// executors.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "search/run/executors/spawn.h"

namespace search {

class BackgroundCommand {
 public:
  /// Starts it. Throws storage::Error(environment) where it cannot be started.
  BackgroundCommand(const Command& command, std::chrono::seconds limit);

  /// Kills it where it still runs.
  ~BackgroundCommand();
  BackgroundCommand(const BackgroundCommand&) = delete;
  BackgroundCommand& operator=(const BackgroundCommand&) = delete;

  struct End {
    bool succeeded = false;  ///< exit code 0
    bool timed_out = false;  ///< it was killed at its limit
    std::string printed;     ///< on both its outputs
  };

  /// How it ended, once; nothing before. Does not wait.
  std::optional<End> poll();

  /// Waits for the end.
  End wait();

 private:
  Descriptor output_;
  std::chrono::steady_clock::time_point deadline_;
  pid_t pid_ = -1;  ///< -1 once reaped
  End end_;
};

}  // namespace search
