// Where stages run. The run loop gives an executor ready stages and waits for what comes of them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "search/plan/stage.h"

namespace search {

/// A place that runs one stage at a time.
struct Slot {
  std::string device;  ///< "cpu", "cuda:0"
  int threads = 1;
  std::string host = {};       ///< "": not known before a stage runs there
  std::string exclusive = {};  ///< an exclusive stage gets all slots with the same text to itself; "": those of the device
  bool deterministic = false;  ///< on a GPU: results that repeat, as they do on a CPU
};

/// A stage with what its inputs left behind, ready to be sent to a worker.
struct Job {
  std::string fingerprint;
  int attempt = 1;  ///< which of the stage's; its events name it
  StageKind kind = StageKind::train;
  Json parameters;
  Json inputs;  ///< as StageRequest::inputs
};

/// What an executor reports. `started` says where the stage runs: it may have waited for a worker; `progress` a fraction of the stage and a
/// message; `finished` the outcome; `note` a message for the log alone. An event may be of an earlier attempt than the one that runs there
/// now: the run loop drops it.
struct Event {
  enum class Kind { started, progress, finished, note };
  Kind kind = Kind::finished;
  int slot = 0;
  std::string fingerprint;
  int attempt = 1;
  double fraction = 0;
  std::string message;
  storage::RunningPlace place = {};  ///< of `started`
  storage::StageOutcome outcome;
  bool device_gone = false;  ///< of `finished`: as StageResult's
};

/// A stage that a worker still holds for an earlier nas-run, which died.
struct Adopted {
  int slot = 0;
  std::string fingerprint;
  int attempt = 1;
};

/// What is to end, and how.
struct Stop {
  enum class How {
    checkpoint,  ///< every running stage writes a checkpoint and ends as `interrupted`; the events still come through wait()
    abort,       ///< the slot's stage ends at once; it fails as `kind` with `why`, an event that comes through wait()
    kill         ///< everything ends at once. Events that had come before can still be had; running stages send none any more
  };
  How how = How::kill;
  int slot = -1;  ///< of `abort`
  std::string kind = {}, why = {};
};

class Executor {
 public:
  virtual ~Executor() = default;

  virtual const std::vector<Slot>& slots() const = 0;

  /// What runs in slots already. Asked once, before anything is started.
  virtual std::vector<Adopted> adopted() { return {}; }

  /// Starts a job in a free slot. False where it waits for a worker, which an event `started` then ends.
  virtual bool start(int slot, const Job& job) = 0;

  /// The next event, or nothing after `timeout`, or early where a signal came.
  virtual std::optional<Event> wait(std::chrono::milliseconds timeout) = 0;

  virtual void stop(const Stop& stop) = 0;

  void interrupt() { stop({.how = Stop::How::checkpoint}); }
  void abort(int slot, std::string kind, std::string why) { stop({Stop::How::abort, slot, std::move(kind), std::move(why)}); }
  void kill() { stop({.how = Stop::How::kill}); }
};

}  // namespace search
