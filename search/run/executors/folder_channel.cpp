#include "search/run/executors/folder_channel.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <utility>

#include "search/run/executors/worker_log.h"
#include "search/run/protocol.h"
#include "storage/base/error.h"
#include "storage/base/time.h"

namespace search {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kRefresh{1};  ///< between two listings of the folder
constexpr int kStartDelays = 2;              ///< from a job's start to its worker's first word
constexpr std::chrono::milliseconds kFarewell{3000}, kFarewellPause{20};

}  // namespace

FolderChannel::~FolderChannel() {
  std::vector<std::string> ignored;
  try {
    while (told_ && pilot_->ready && !pilot_->cancel && SteadyClock::now() - told_at_ < kFarewell && receive(ignored) != Link::ended)
      ::poll(nullptr, 0, static_cast<int>(kFarewellPause.count()));
  } catch (const std::exception&) {  // its folder has failed for long, or it says what cannot be understood
    pilot_->cancel = true;
  }
  const bool is_told = told_ && unwritten_.empty();
  const bool goes = pilot_->left || is_told || pilot_->allocation.state == Allocation::State::ended;
  if (!goes) pilot_->cancel = true;
  pilot_->released = true;
}

std::optional<FoundWorker> FolderChannel::find(std::shared_ptr<Pilot> pilot, std::chrono::seconds delay) {
  auto channel = std::make_unique<FolderChannel>(pilot, delay);
  FoundWorker found;
  refresh(pilot->folder);
  while (const auto line = read_sealed(request_path(pilot->folder, channel->requests_ + 1))) {
    ++channel->requests_;
    if (is_stop(*line)) {
      channel->told_ = true;
      return std::nullopt;
    }
    const StageRequest request = request_from_line(*line);
    channel->request_ = Request{request.stage, request.attempt, SteadyClock::now()};
    found.stage = request.stage;
    found.attempt = request.attempt;
    found.request = *line;
  }
  found.channel = std::move(channel);
  return found;
}

bool FolderChannel::send(const std::string& line) {
  const StageRequest request = request_from_line(line);
  request_ = Request{request.stage, request.attempt, SteadyClock::now()};
  log_mark_ = log_size(log_path(pilot_->folder));
  unwritten_.push_back(line);
  write_requests();
  return true;
}

/// In their order; what cannot be written now is tried again with the next look. A file that was written after all, and could only not be
/// flushed, gets the same bytes again.
void FolderChannel::write_requests() {
  while (!unwritten_.empty()) {
    try {
      write_sealed(request_path(pilot_->folder, requests_ + 1), unwritten_.front());
    } catch (const storage::Error&) {
      if (!failing_since_) failing_since_ = SteadyClock::now();
      if (SteadyClock::now() - *failing_since_ >= patience_) throw;
      return;
    }
    ++requests_;
    unwritten_.pop_front();
    failing_since_.reset();
  }
}

Link FolderChannel::receive(std::vector<std::string>& lines) {
  if (pilot_->folder.empty()) return Link::queued;
  write_requests();
  if (SteadyClock::now() - looked_ >= kRefresh) {
    looked_ = SteadyClock::now();
    if (refresh(pilot_->folder)) seen_ = looked_;
    look_for_beat(lines);
  }
  while (const auto line = read_sealed(event_path(pilot_->folder, events_ + 1))) {
    ++events_;
    heard_ = SteadyClock::now();
    hear(*line, lines);
  }
  if (is_over()) return Link::ended;
  return pilot_->ready ? Link::alive : Link::queued;
}

void FolderChannel::hear(const std::string& line, std::vector<std::string>& lines) {
  const WorkerMessage message = message_from_line(line);
  const auto is_of_request = [this](const auto& said) {
    return request_ && said.stage == request_->stage && said.attempt == request_->attempt;
  };
  if (std::holds_alternative<WorkerReady>(message)) {
    pilot_->ready = true;
  } else if (const auto* leaves = std::get_if<WorkerLeaves>(&message)) {
    pilot_->left = true;
    why_left_ = leaves->why;
  } else if (const auto* started = std::get_if<StageStarted>(&message); started != nullptr && is_of_request(*started)) {
    request_->since = SteadyClock::now();
    lines.push_back(line);
  } else if (const auto* result = std::get_if<StageResult>(&message); result != nullptr && is_of_request(*result)) {
    if (result->outcome.state != storage::StageState::interrupted) end_stage(result->outcome.state == storage::StageState::failed);
    request_.reset();
    lines.push_back(line);
  }
}

/// A count that goes up, by our own clock: neither the file's time nor its being there says anything.
void FolderChannel::look_for_beat(std::vector<std::string>& lines) {
  const std::optional<std::string> text = read_sealed(alive_path(pilot_->folder));
  if (!text) return;
  const Json alive = Json::parse(*text);
  if (alive.at("beat") == beat_) return;
  beat_ = alive.at("beat");
  heard_ = SteadyClock::now();
  lines.push_back(to_line(Alive()));
  const std::string progress = alive.at("progress");
  if (progress.empty() || std::exchange(progress_, progress) == progress) return;
  const WorkerMessage message = message_from_line(progress);
  const auto* said = std::get_if<StageProgress>(&message);
  if (said != nullptr && request_ && said->stage == request_->stage && said->attempt == request_->attempt) lines.push_back(progress);
}

bool FolderChannel::is_over() const {
  if (pilot_->left) return true;
  if (is_blind()) return false;
  switch (pilot_->allocation.state) {
    case Allocation::State::waiting:
      return false;
    case Allocation::State::running:
      return never_started();
    case Allocation::State::unknown:
      return is_silent_for(delay_ + (pilot_->ready ? 2 * alive_interval : std::chrono::seconds{0}));
    case Allocation::State::ended:
      return is_silent_for(delay_);
  }
  return false;
}

/// The folder cannot be listed, and not for long: what lies there may decide.
bool FolderChannel::is_blind() const {
  return seen_ < looked_ && SteadyClock::now() - seen_ < patience_;
}

/// Since then, and since its job is in this state.
bool FolderChannel::is_silent_for(std::chrono::seconds time) const {
  return SteadyClock::now() - std::max(pilot_->since, heard_) >= time;
}

bool FolderChannel::never_started() const {
  return !pilot_->ready && pilot_->allocation.state == Allocation::State::running && is_silent_for(kStartDelays * delay_);
}

void FolderChannel::end_stage(bool failed) {
  pilot_->ends.push_back({request_->stage, failed, storage::seconds_since(request_->since)});
}

void FolderChannel::stop(StopWorker how) {
  if (how == StopWorker::kill || !pilot_->ready) {
    pilot_->cancel = true;
  } else if (!std::exchange(told_, true)) {
    told_at_ = SteadyClock::now();
    unwritten_.push_back(stop_line());
    try {
      write_requests();
    } catch (const storage::Error&) {  // receive() says so, or the job is cancelled in the end
    }
  }
}

WorkerEnd FolderChannel::end() {
  using How = WorkerEnd::How;
  WorkerEnd end;
  if (pilot_->left) {
    end = {How::left, fmt::format("worker left: {}", why_left_), ""};
  } else {
    switch (pilot_->allocation.state) {
      case Allocation::State::ended:
        end = pilot_->allocation.end;
        break;
      case Allocation::State::unknown:
        end = {How::preempted, "the queue has forgotten the worker's job, and it says nothing", ""};
        break;
      case Allocation::State::running:
      case Allocation::State::waiting:
        end = {
            How::preempted,
            fmt::format("the worker's job runs on node {}, but nothing of it comes to {} for {} s: is that folder there, under that name?",
                        pilot_->allocation.node, pilot_->folder.string(), kStartDelays * delay_.count()),
            ""};
        break;
    }
  }
  const bool is_its_own = end.how == How::crashed || end.how == How::out_of_memory || end.how == How::lost;
  if (request_ && is_its_own) end_stage(true);
  pilot_->bad_start = !pilot_->ready && !pilot_->left && !pilot_->cancel && (is_its_own || end.how == How::left || never_started());
  end.log = log_tail(log_path(pilot_->folder), log_mark_);
  return end;
}

}  // namespace search
