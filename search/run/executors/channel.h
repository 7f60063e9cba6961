// The way to one worker, wherever it is. Made by a launcher, used by the worker pool.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace search {

/// How a worker ended.
struct WorkerEnd {
  enum class How {
    left,           ///< by itself: nothing more came, or its time is over
    terminated,     ///< by SIGTERM
    lost,           ///< by SIGKILL: memory pressure, an operator
    crashed,        ///< in any other way
    out_of_memory,  ///< its allocation says so
    preempted       ///< its allocation was taken away or ran out: that does not count against the stage
  };
  How how = How::left;
  std::string text;  ///< "worker killed by signal 9 (Killed)", "worker exited with code 3"
  std::string log;   ///< the end of what it printed during its last stage; it may be no UTF-8
};

/// Where a worker is: still in a queue, there, or gone.
enum class Link { queued, alive, ended };

class Channel {
 public:
  enum class StopWorker {
    leave,       ///< nothing more comes: it ends when it is idle
    checkpoint,  ///< its stage is to write a checkpoint and end as `interrupted`; then it ends
    kill         ///< at once
  };

  virtual ~Channel() = default;

  /// Hands over a request. False where the worker is gone, or does not read it. Throws storage::Error(environment) as receive().
  virtual bool send(const std::string& line) = 0;

  /// Appends the whole lines that are there, without waiting. Throws storage::Error(invalid) where they cannot be told, Error(environment)
  /// or Error(storage) where a disk of this machine fails, which no other worker would help.
  virtual Link receive(std::vector<std::string>& lines) = 0;

  /// Readable when there is something to receive; -1 where it must be looked for.
  virtual int descriptor() const = 0;

  /// Does not wait, and does not throw.
  virtual void stop(StopWorker how) = 0;

  /// How the worker ended, of one that has ended or was killed; waits for its last seconds.
  virtual WorkerEnd end() = 0;
};

/// A worker that was found, with the stage that it holds, or "", and its request.
struct FoundWorker {
  std::unique_ptr<Channel> channel;
  std::string stage = {}, request = {};
  int attempt = 0;
};

/// Brings a worker for a slot into being. Throws storage::Error(environment) where none can be had.
using Launch = std::function<std::unique_ptr<Channel>(int slot)>;

/// Brings workers into being that wait in a queue, and outlive nas-run.
class Launcher {
 public:
  virtual ~Launcher() = default;

  /// A worker for the slot, which may have to wait.
  virtual std::unique_ptr<Channel> launch(int slot) = 0;

  /// Workers of an earlier nas-run that are still there. Asked once, first.
  virtual std::vector<FoundWorker> find() { return {}; }

  /// Called before the channels are looked at, when all that they said before is recorded. Returns what is to be said in the log. Throws
  /// storage::Error(environment) where no worker can be had.
  virtual std::vector<std::string> attend() { return {}; }
};

}  // namespace search
