// An executor that runs nothing: every stage is done after a time that is counted, not waited for. For benchmarks and tests of the
// scheduler.
#pragma once

#include <functional>
#include <queue>

#include "search/run/executors/executor.h"

namespace search {

class SimulatedExecutor : public Executor {
 public:
  /// `seconds`: how long a job takes.
  SimulatedExecutor(int slots, std::function<double(const Job&)> seconds)
      : slots_(static_cast<std::size_t>(slots), {"cpu", 1}), seconds_(std::move(seconds)) {}

  const std::vector<Slot>& slots() const override { return slots_; }
  bool start(int slot, const Job& job) override;
  std::optional<Event> wait(std::chrono::milliseconds timeout) override;
  void stop(const Stop& stop) override;

  double now() const { return now_; }    ///< seconds that have been counted
  double busy() const { return busy_; }  ///< of all slots together
  double share_used() const { return busy_ / (now_ * static_cast<double>(slots_.size())); }

 private:
  struct Running {
    double end;
    std::int64_t number;  ///< of equal ends, the first started comes first
    int slot;
    std::string fingerprint;
    int attempt;
    double seconds;
    storage::StageOutcome outcome;
    bool operator<(const Running& other) const { return end != other.end ? end > other.end : number > other.number; }
  };

  template <typename Change>
  void change(const Change& each);

  std::vector<Slot> slots_;
  std::function<double(const Job&)> seconds_;
  std::priority_queue<Running> running_;
  double now_ = 0, busy_ = 0;
  std::int64_t started_ = 0;
};

}  // namespace search
