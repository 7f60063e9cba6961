#include "tests/support/simulated_executor.h"

namespace search {

bool SimulatedExecutor::start(int slot, const Job& job) {
  Running running{now_ + seconds_(job), started_++, slot, job.fingerprint, job.attempt, seconds_(job), {}};
  running.outcome.state = storage::StageState::done;
  running_.push(std::move(running));
  return true;
}

std::optional<Event> SimulatedExecutor::wait(std::chrono::milliseconds) {
  if (running_.empty()) return std::nullopt;
  const Running& first = running_.top();
  Event event;
  event.slot = first.slot;
  event.fingerprint = first.fingerprint;
  event.attempt = first.attempt;
  event.outcome = first.outcome;
  event.outcome.wall_s = first.seconds;
  now_ = first.end;
  busy_ += first.seconds;
  running_.pop();
  return event;
}

/// Applies `each` to all that runs.
template <typename Change>
void SimulatedExecutor::change(const Change& each) {
  std::priority_queue<Running> changed;
  for (; !running_.empty(); running_.pop()) {
    Running running = running_.top();
    each(running);
    changed.push(std::move(running));
  }
  running_ = std::move(changed);
}

void SimulatedExecutor::stop(const Stop& stop) {
  if (stop.how == Stop::How::kill) {
    running_ = {};
    return;
  }
  change([&](Running& running) {
    if (stop.how == Stop::How::abort && running.slot != stop.slot) return;
    running.outcome = {};
    running.outcome.failure_kind = stop.kind;
    running.outcome.failure = stop.why;
    if (stop.how == Stop::How::checkpoint) running.outcome.state = storage::StageState::interrupted;
    running.end = now_;
  });
}

}  // namespace search
