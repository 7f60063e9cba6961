// Which slot a stage gets. A stage that measures time, or that ran out of memory beside others, is exclusive: it gets a device on which
// nothing else runs. Used by the run loop; it starts nothing itself.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "search/run/executors/executor.h"

namespace search {

/// Where the stages of a plan run, by their indices in it. An exclusive stage for which no device is idle is reserved the device that it
/// was taken for: nothing more starts there, and it starts as soon as the last stage there has ended. One stage is reserved at a time.
class Placement {
 public:
  using Clock = std::chrono::steady_clock;
  struct Running {
    int stage = 0;
    bool exclusive = false;
    bool waits = false;  ///< for a worker
    Clock::time_point since;

    /// How long it has run by now.
    Clock::duration ran() const { return waits ? Clock::duration::zero() : Clock::now() - since; }
  };
  struct Start {
    int slot = 0, stage = 0;
  };

  /// What the placement asks of the queue of ready stages.
  struct Queue {
    std::function<std::optional<int>()> take;  ///< the next ready stage, or nothing
    std::function<bool(int)> is_exclusive;
    std::function<void(int)> put_back;  ///< one that was taken and cannot be placed now
  };

  explicit Placement(std::vector<Slot> slots);

  /// The next stage to start, and where; nothing where no slot can take one now or none is ready. The slot is busy from here on.
  std::optional<Start> next(const Queue& queue);

  /// The slot's stage has ended. Throws storage::Error(internal) where none runs there.
  Running end(int slot);

  /// A stage that runs in the free slot already.
  void occupy(int slot, int stage, bool exclusive) { start(slot, stage, exclusive); }

  /// Nothing more is taken for the slot's device; a stage that is reserved it is to be given up. False, and nothing changes, where no other
  /// device is left.
  bool close(int slot);

  /// The slot's stage waits for a worker, or runs from now on.
  void set_waiting(int slot, bool waits);

  /// A plan is made anew: the slot's stage has another index there.
  void rename(int slot, int stage);

  /// Gives up the reserved stage, which waits again for others; nothing where none is.
  std::optional<int> forget_reserved();

  bool is_any_busy() const;
  const std::vector<std::optional<Running>>& running() const { return running_; }  ///< by slot

 private:
  bool is_busy(const std::string& device) const;
  bool is_claimed(const std::string& device) const;
  std::optional<int> idle_slot(const std::string& device) const;
  std::optional<int> slot_of_idle_device() const;
  Start start(int slot, int stage, bool exclusive);

  struct Reserved {
    int stage = 0;
    std::string device;
  };

  std::vector<Slot> slots_;
  std::vector<std::optional<Running>> running_;  ///< by slot
  std::set<std::string> closed_;                 ///< devices
  std::optional<Reserved> reserved_;
};

}  // namespace search
