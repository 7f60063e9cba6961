#include "search/run/executors/stage_events.h"

namespace search {

namespace {

struct EventOf {
  std::optional<Event> operator()(const Alive&) const { return std::nullopt; }
  std::optional<Event> operator()(const WorkerReady&) const { return std::nullopt; }
  std::optional<Event> operator()(const WorkerLeaves&) const { return std::nullopt; }
  std::optional<Event> operator()(const FilePart&) const { return std::nullopt; }
  std::optional<Event> operator()(const FileWanted&) const { return std::nullopt; }
  std::optional<Event> operator()(const StageStarted& started) const {
    Event event{.kind = Event::Kind::started, .fingerprint = started.stage, .attempt = started.attempt};
    event.place = started.place;
    return event;
  }
  std::optional<Event> operator()(const StageProgress& progress) const {
    return Event{.kind = Event::Kind::progress,
                 .fingerprint = progress.stage,
                 .attempt = progress.attempt,
                 .fraction = progress.fraction,
                 .message = progress.message};
  }
  std::optional<Event> operator()(const StageResult& result) const {
    Event event{.fingerprint = result.stage, .attempt = result.attempt};
    event.outcome = result.outcome;
    event.device_gone = result.device_gone;
    return event;
  }
};

}  // namespace

Event failed(const std::string& kind, const std::string& message) {
  Event event;
  event.outcome.state = storage::StageState::failed;
  event.outcome.failure_kind = kind;
  event.outcome.failure = message;
  return event;
}

Event interrupted(const std::string& kind, const std::string& message) {
  Event event = failed(kind, message);
  event.outcome.state = storage::StageState::interrupted;
  return event;
}

std::optional<Event> event_of(const WorkerMessage& message) {
  return std::visit(EventOf(), message);
}

Event end_of_stage(const WorkerEnd& end, bool was_interrupted) {
  using How = WorkerEnd::How;
  const bool obeyed = end.how == How::left || end.how == How::terminated || end.how == How::preempted;
  if (was_interrupted && obeyed) return interrupted("", end.text);
  switch (end.how) {
    case How::preempted:
      return interrupted(storage::failure::preempted, end.text);
    case How::lost:
      return failed(storage::failure::lost, end.text);
    case How::out_of_memory:
      return failed(storage::failure::oom, end.text);
    case How::left:
    case How::terminated:
    case How::crashed:
      break;
  }
  return failed(storage::failure::crash, end.text);
}

}  // namespace search
