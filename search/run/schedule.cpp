#include "search/run/schedule.h"

#include <fmt/format.h>

#include "storage/base/error.h"

namespace search {

namespace {

constexpr std::size_t kStates = static_cast<std::size_t>(StageSchedule::State::blocked) + 1;

void expect(bool condition, int stage, const char* change) {
  if (!condition) throw storage::Error(storage::ErrorKind::internal, fmt::format("schedule: stage {} cannot be {} now", stage, change));
}

}  // namespace

StageSchedule::StageSchedule(const std::vector<Stage>& stages)
    : graph_(stages), states_(stages.size(), State::pending), counts_(kStates), missing_inputs_(stages.size()) {
  counts_[static_cast<std::size_t>(State::pending)] = graph_.size();
  for (const Stage& stage : stages) priority_.push_back(stage.priority);
  for (int stage = 0; stage < graph_.size(); ++stage) {
    missing_inputs_[static_cast<std::size_t>(stage)] = static_cast<int>(graph_.predecessors(stage).size());
    if (graph_.predecessors(stage).empty()) set(stage, State::ready);
  }
}

std::optional<int> StageSchedule::next() {
  while (!ready_.empty()) {
    const int stage = ready_.top().stage;
    ready_.pop();
    if (state(stage) != State::ready) continue;
    set(stage, State::running);
    return stage;
  }
  return std::nullopt;
}

void StageSchedule::mark_done(int stage) {
  expect(state(stage) == State::pending || state(stage) == State::ready || state(stage) == State::running, stage, "done");
  set(stage, State::done);
  for (const int next : graph_.successors(stage)) {
    const int missing = --missing_inputs_[static_cast<std::size_t>(next)];
    if (missing == 0 && state(next) == State::pending) set(next, State::ready);
  }
}

void StageSchedule::mark_running(int stage) {
  expect(state(stage) == State::ready, stage, "running");
  set(stage, State::running);
}

void StageSchedule::mark_failed(int stage) {
  expect(state(stage) != State::done && state(stage) != State::failed, stage, "failed");
  set(stage, State::failed);
  block_successors(stage);
}

void StageSchedule::release(int stage) {
  expect(state(stage) == State::running, stage, "released");
  set(stage, State::ready);
}

void StageSchedule::set(int stage, State state) {
  State& now = states_[static_cast<std::size_t>(stage)];
  --counts_[static_cast<std::size_t>(now)];
  ++counts_[static_cast<std::size_t>(state)];
  now = state;
  if (state == State::ready) ready_.push({priority_[static_cast<std::size_t>(stage)], graph_.critical_path(stage), stage});
}

void StageSchedule::block_successors(int stage) {
  std::vector<int> open{stage};
  while (!open.empty()) {
    const int from = open.back();
    open.pop_back();
    for (const int next : graph_.successors(from)) {
      if (state(next) != State::pending) continue;
      set(next, State::blocked);
      open.push_back(next);
    }
  }
}

}  // namespace search
