// A worker's end of the line to nas-run: requests come, messages go, through pipes, as nas-run or ssh starts a worker. Used by nas-worker.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "search/run/protocol.h"

namespace search {

/// SIGTERM, as a flag that a stage looks at and a descriptor that becomes readable. One a process.
class StopSignal {
 public:
  StopSignal();
  const std::atomic<bool>& flag() const;
  int descriptor() const;
  void raise();  ///< as if the signal had come
};

/// say() may be called by several threads.
class ControllerLink {
 public:
  virtual ~ControllerLink() = default;

  /// Waits for a request; nothing when the worker is to end.
  virtual std::optional<StageRequest> next() = 0;

  /// Throws storage::Error(environment) where nobody can hear it.
  virtual void say(const WorkerMessage& message) = 0;
};

/// Requests from stdin, messages to the descriptor; 1: what the process prints goes to stderr from here on. At the end of stdin, or told so
/// by a line, a stage under way is to stop; where it does not within a minute, the process ends.
std::unique_ptr<ControllerLink> make_pipe_link(int events, StopSignal& stop);

/// Where this process runs: its host, or "unknown", and "pid N".
storage::RunningPlace here();

}  // namespace search
