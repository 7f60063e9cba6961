// The way to one worker, wherever it is. Used by the worker pool.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace search {

/// How a worker ended.
struct WorkerEnd {
  enum class How {
    left,        ///< by itself: nothing more came
    terminated,  ///< by SIGTERM
    lost,        ///< by SIGKILL: memory pressure, an operator
    crashed      ///< in any other way
  };
  How how = How::left;
  std::string text;  ///< "worker killed by signal 9 (Killed)", "worker exited with code 3"
  std::string log;   ///< the end of what it printed during its last stage; it may be no UTF-8
};

class Channel {
 public:
  enum class StopWorker {
    leave,       ///< nothing more comes: it ends when it is idle
    checkpoint,  ///< its stage is to write a checkpoint and end as `interrupted`; then it ends
    kill         ///< at once
  };

  virtual ~Channel() = default;

  /// Hands over a request. False where the worker is gone, or does not read it.
  virtual bool send(const std::string& line) = 0;

  /// Appends the whole lines that are there, without waiting. False where the worker is gone. Throws storage::Error(invalid) where they
  /// cannot be told.
  virtual bool receive(std::vector<std::string>& lines) = 0;

  /// Readable when there is something to receive.
  virtual int descriptor() const = 0;

  /// Does not wait.
  virtual void stop(StopWorker how) = 0;

  /// How the worker ended, of one that is gone or was killed; waits for its last seconds.
  virtual WorkerEnd end() = 0;
};

/// Brings a worker for a slot into being. Throws storage::Error(environment) where none can be had.
using Launch = std::function<std::unique_ptr<Channel>(int slot)>;

}  // namespace search
