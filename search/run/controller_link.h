// A worker's end of the line to nas-run: requests come, messages go, through pipes, as nas-run or ssh starts a worker,
// or through a folder, as a cluster does. Used by nas-worker.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
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

struct FolderOptions {
  std::filesystem::path folder;    ///< that nas-run made for this worker alone
  storage::RunningPlace place;     ///< where it runs
  std::int64_t until = 0;          ///< when its allocation ends, in seconds since 1970; 0: not known
  std::chrono::seconds notice{0};  ///< that it needs before that end to write a checkpoint
  std::chrono::seconds idle{300};  ///< after so long without a request it leaves
};

/// The same where nas-run and this process share no disk: artifacts that a stage reads are asked for and kept in `copies`, those that it
/// leaves are sent before its result. The requests' directory is `copies` then. Copies that no stage has used for 30 days go.
std::unique_ptr<ControllerLink> make_copying_link(int events, std::filesystem::path copies, StopSignal& stop);

/// Requests and messages are files of the folder. A stage that SIGTERM interrupts without a word of nas-run has lost its allocation: it
/// ends as `interrupted`, of the kind `preempted`. Leaves too where what is left of the allocation is shorter than the longest stage of
/// the kind that it has run. Throws storage::Error(invalid) where the folder has had a worker.
std::unique_ptr<ControllerLink> make_folder_link(FolderOptions options, StopSignal& stop);

/// Where this process runs: its host, or "unknown", and "pid N".
storage::RunningPlace here();

}  // namespace search
