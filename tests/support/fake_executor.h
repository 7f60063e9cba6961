// An executor without processes for the tests of the run loop: stages end in the order they were started, as the test's script says.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "search/run/executors/executor.h"

namespace support {

class FakeExecutor : public search::Executor {
 public:
  /// The outcome of a stage's n-th start (1, 2, ...), or nothing for a stage that only ends when it is interrupted.
  using Script = std::function<std::optional<storage::StageOutcome>(const search::Job&, int start)>;

  FakeExecutor(int slots, Script script) : slots_(static_cast<std::size_t>(slots), {"cpu", 1}), script_(std::move(script)) {}

  FakeExecutor(std::vector<search::Slot> slots, Script script) : slots_(std::move(slots)), script_(std::move(script)) {}

  const std::vector<search::Slot>& slots() const override { return slots_; }

  bool start(int slot, const search::Job& job) override {
    started.push_back(job);
    if (on_start) on_start(job);
    running_.push_back({slot, job.fingerprint, job.attempt, script_(job, ++starts_[job.fingerprint])});
    return !queued;
  }

  std::optional<search::Event> wait(std::chrono::milliseconds) override {
    if (!late.empty()) {
      search::Event event = std::move(late.front());
      late.pop_front();
      return event;
    }
    if (!in_order) std::reverse(running_.begin(), running_.end());
    for (auto running = running_.begin(); running != running_.end(); ++running) {
      if (!running->outcome) continue;
      search::Event event;
      event.slot = running->slot;
      event.fingerprint = running->fingerprint;
      event.attempt = running->attempt;
      event.outcome = *running->outcome;
      event.device_gone = gone.contains(running->slot);
      if (event.device_gone) event.outcome = {.failure_kind = "lost", .failure = "its GPU does not answer"};
      running_.erase(running);
      return event;
    }
    return std::nullopt;
  }

  std::vector<search::Adopted> adopted() override {
    for (const search::Adopted& each : held) running_.push_back({each.slot, each.fingerprint, each.attempt, done_later});
    return held;
  }

  void stop(const search::Stop& stop) override {
    switch (stop.how) {
      case search::Stop::How::checkpoint:
        ++interrupts;
        if (!deaf) end_running([](const Running& running) { return !running.outcome; }, storage::StageState::interrupted, "", "");
        return;
      case search::Stop::How::abort:
        aborted.push_back(stop.slot);
        end_running([&](const Running& running) { return running.slot == stop.slot; }, storage::StageState::failed, stop.kind, stop.why);
        return;
      case search::Stop::How::kill:
        ++kills;
        running_.clear();
        return;
    }
  }

  std::size_t running() const { return running_.size(); }

  std::vector<search::Job> started;
  std::function<void(const search::Job&)> on_start;
  std::deque<search::Event> late;                   ///< what comes before anything else, of attempts that were given up
  std::vector<search::Adopted> held;                ///< what workers hold of an earlier run
  std::optional<storage::StageOutcome> done_later;  ///< what comes of these
  std::vector<int> aborted;                         ///< slots
  std::set<int> gone;                               ///< slots whose device does not answer
  bool queued = false;                              ///< what is started waits for a worker
  bool deaf = false;                                ///< does not answer an interrupt
  bool in_order = true;                             ///< stages end in the order they were started, else the last one first
  int interrupts = 0, kills = 0;

 private:
  struct Running {
    int slot;
    std::string fingerprint;
    int attempt;
    std::optional<storage::StageOutcome> outcome;
  };

  template <typename Choose>
  void end_running(const Choose& choose, storage::StageState state, const std::string& kind, const std::string& why) {
    for (Running& running : running_) {
      if (!choose(running)) continue;
      running.outcome = storage::StageOutcome();
      running.outcome->state = state;
      running.outcome->failure_kind = kind;
      running.outcome->failure = why;
    }
  }

  std::vector<search::Slot> slots_;
  Script script_;
  std::map<std::string, int> starts_;
  std::deque<Running> running_;
};

}  // namespace support
