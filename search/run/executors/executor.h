// Where stages run. The run loop gives an executor ready stages and waits for what comes of them.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "search/plan/stage.h"

namespace search {

/// A place that runs one stage at a time.
struct Slot {
  std::string device;  ///< "cpu", "cuda:0"
  int threads = 1;
};

/// A stage with what its inputs left behind, ready to be sent to a worker.
struct Job {
  std::string fingerprint;
  int attempt = 1;  ///< which of the stage's; its events name it
  StageKind kind = StageKind::train;
  Json parameters;
  Json inputs;  ///< as StageRequest::inputs
};

/// What an executor reports. `progress` events carry a fraction of the stage and a message; `finished` carries the outcome. An event may be
/// of an earlier attempt than the one that runs there now: the run loop drops it.
struct Event {
  enum class Kind { progress, finished };
  Kind kind = Kind::finished;
  int slot = 0;
  std::string fingerprint;
  int attempt = 1;
  double fraction = 0;
  std::string message;
  storage::StageOutcome outcome;
};

class Executor {
 public:
  virtual ~Executor() = default;

  virtual const std::vector<Slot>& slots() const = 0;

  /// Starts a job in a free slot.
  virtual void start(int slot, const Job& job) = 0;

  /// The next event, or nothing after `timeout`, or early where a signal came.
  virtual std::optional<Event> wait(std::chrono::milliseconds timeout) = 0;

  /// Asks every running stage to write a checkpoint and end as `interrupted`; the events still come through wait().
  virtual void interrupt() = 0;

  /// Ends the slot's stage at once; it fails as `kind` with `why`, an event that comes through wait().
  virtual void abort(int slot, const std::string& kind, const std::string& why) = 0;

  /// Ends everything at once. Events that had come before can still be had from wait(); running stages send none any more.
  virtual void kill() = 0;
};

}  // namespace search
