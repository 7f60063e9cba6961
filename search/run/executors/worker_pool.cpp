#include "search/run/executors/worker_pool.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <utility>

#include "search/run/protocol.h"
#include "storage/base/error.h"

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kQuotedBytes = 200;

Event failed(const std::string& kind, const std::string& message) {
  Event event;
  event.outcome.state = storage::StageState::failed;
  event.outcome.failure_kind = kind;
  event.outcome.failure = message;
  return event;
}

Event interrupted(const std::string& message) {
  Event event = failed("", message);
  event.outcome.state = storage::StageState::interrupted;
  return event;
}

/// The event that a worker's message is, or nothing where it only says that it lives.
struct EventOf {
  std::optional<Event> operator()(const Alive&) const { return std::nullopt; }
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
    return event;
  }
};

/// How the stage ends whose worker has ended.
Event end_of_stage(const WorkerEnd& end, bool was_interrupted) {
  using How = WorkerEnd::How;
  if (was_interrupted && (end.how == How::left || end.how == How::terminated)) return interrupted(end.text);
  return failed(end.how == How::lost ? "lost" : "crash", end.text);
}

class WorkerPool : public Executor {
 public:
  WorkerPool(PoolOptions options, Launch launch)
      : options_(std::move(options)), launch_(std::move(launch)), workers_(options_.slots.size()) {
    std::signal(SIGPIPE, SIG_IGN);
  }

  ~WorkerPool() override {
    for (Worker& worker : workers_) {  // all first, so that they end at the same time
      if (worker.channel) worker.channel->stop(Channel::StopWorker::leave);
      if (worker.channel && !worker.stage.empty()) worker.channel->stop(Channel::StopWorker::kill);
    }
  }

  const std::vector<Slot>& slots() const override { return options_.slots; }

  void start(int slot, const Job& job) override {
    Worker& worker = worker_of(slot);
    if (!worker.stage.empty()) throw Error(ErrorKind::internal, fmt::format("slot {} is not free", slot));
    worker.request = to_line(StageRequest{job.fingerprint, job.attempt, job.kind, job.parameters, job.inputs, options_.directory});
    worker.stage = job.fingerprint;
    worker.attempt = job.attempt;
    worker.just_started = worker.interrupted = worker.answered = false;
    worker.last_heard = SteadyClock::now();
    if (!worker.channel || !worker.channel->send(worker.request)) give_to_new_worker(slot);  // it had died between two stages
  }

  std::optional<Event> wait(std::chrono::milliseconds timeout) override {
    if (events_.empty()) wait_for_workers(timeout);
    if (events_.empty()) return std::nullopt;
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

  void stop(const Stop& stop) override {
    switch (stop.how) {
      case Stop::How::checkpoint:
        for (Worker& worker : workers_) {
          if (worker.stage.empty() || !worker.channel) continue;
          worker.interrupted = true;
          worker.channel->stop(Channel::StopWorker::checkpoint);
        }
        return;
      case Stop::How::abort:
        return end(stop.slot, failed(stop.kind, stop.why));
      case Stop::How::kill:
        for (Worker& worker : workers_)
          if (worker.channel) worker.channel->stop(Channel::StopWorker::kill);
        for (Worker& worker : workers_) worker = {};
        return;
    }
  }

 private:
  struct Worker {
    std::unique_ptr<Channel> channel;
    std::string stage, request;  ///< what it runs, or ""
    int attempt = 0;             ///< at the stage
    bool just_started = false;   ///< the worker was started for this stage
    bool answered = false;       ///< it has said something of this stage
    bool interrupted = false;    ///< this stage was
    SteadyClock::time_point last_heard;
  };

  Worker& worker_of(int slot) { return workers_.at(static_cast<std::size_t>(slot)); }

  /// Gives the slot's stage to a new worker. Where that one dies before it reads, its end says so.
  void give_to_new_worker(int slot) {
    Worker& worker = worker_of(slot);
    worker.channel.reset();
    worker.channel = launch_(slot);
    worker.just_started = true;
    worker.channel->send(worker.request);
  }

  /// Waits for the workers and queues what they say.
  void wait_for_workers(std::chrono::milliseconds timeout) {
    std::vector<pollfd> descriptors;
    std::vector<int> slots;
    for (std::size_t slot = 0; slot < workers_.size(); ++slot) {
      if (!workers_[slot].channel) continue;
      descriptors.push_back({workers_[slot].channel->descriptor(), POLLIN, 0});
      slots.push_back(static_cast<int>(slot));
    }
    const int ready = ::poll(descriptors.data(), descriptors.size(), static_cast<int>(timeout.count()));
    for (std::size_t i = 0; ready > 0 && i < descriptors.size(); ++i)
      if (descriptors[i].revents != 0) read_events(slots[i]);
    end_silent();
  }

  /// Workers say every few seconds that they are there. One that is stopped, or stuck in the system, does not. What it had said before is
  /// read by now: a time in which this process slept itself does not count against it.
  void end_silent() {
    if (options_.heartbeat_timeout <= std::chrono::seconds{0}) return;
    for (std::size_t slot = 0; slot < workers_.size(); ++slot) {
      const Worker& worker = workers_[slot];
      if (worker.stage.empty() || SteadyClock::now() - worker.last_heard < options_.heartbeat_timeout) continue;
      end(static_cast<int>(slot),
          failed("lost", fmt::format("the worker said nothing for {} s: it was stopped, or hangs", options_.heartbeat_timeout.count())));
    }
  }

  void read_events(int slot) {
    Worker& worker = worker_of(slot);
    std::vector<std::string> lines;
    std::string current;
    bool alive = true;
    try {
      alive = worker.channel->receive(lines);
      if (!lines.empty()) worker.last_heard = SteadyClock::now();
      for (const std::string& line : lines) {
        current = line;
        if (auto event = std::visit(EventOf(), message_from_line(line))) take(slot, std::move(*event));
      }
    } catch (const std::exception& error) {  // of the parser, or ours: either way the worker cannot be understood
      const std::string quoted = Json(current.substr(0, kQuotedBytes)).dump(-1, ' ', true, Json::error_handler_t::replace);
      return end(slot, failed("crash", fmt::format("worker wrote a line that is no event: {} ({})", quoted, error.what())));
    }
    if (alive) return;
    const WorkerEnd ended = worker.channel->end();
    const bool unread = !worker.just_started && !worker.answered && !worker.interrupted;  // it may have left before this stage reached it
    if (!worker.stage.empty() && ended.how == WorkerEnd::How::left && unread) return give_to_new_worker(slot);
    retire(slot, end_of_stage(ended, worker.interrupted), ended.log);
  }

  /// What a worker says of the stage that it has. Throws where it is about another.
  void take(int slot, Event event) {
    Worker& worker = worker_of(slot);
    if (event.fingerprint != worker.stage) throw Error(ErrorKind::invalid, "it is about a stage that is not running here");
    const bool current = event.attempt == worker.attempt;  // else it is left to the run loop to drop
    worker.answered = worker.answered || current;
    if (current && event.kind == Event::Kind::finished) worker.stage.clear();
    emit(slot, std::move(event));
  }

  void emit(int slot, Event event) {
    event.slot = slot;
    events_.push_back(std::move(event));
  }

  /// Kills the worker; its stage, if it has one, ends so.
  void end(int slot, const Event& event) {
    Worker& worker = worker_of(slot);
    if (!worker.channel) return;
    worker.channel->stop(Channel::StopWorker::kill);
    retire(slot, event, worker.stage.empty() ? "" : worker.channel->end().log);
  }

  void retire(int slot, Event event, const std::string& log) {
    Worker& worker = worker_of(slot);
    if (!worker.stage.empty()) {
      if (!log.empty()) event.outcome.failure += "\n" + log;
      event.fingerprint = worker.stage;
      event.attempt = worker.attempt;
      emit(slot, std::move(event));
    }
    worker = {};
  }

  PoolOptions options_;
  Launch launch_;
  std::vector<Worker> workers_;  ///< one a slot
  std::deque<Event> events_;
};

}  // namespace

std::unique_ptr<Executor> make_worker_pool(PoolOptions options, Launch launch) {
  return std::make_unique<WorkerPool>(std::move(options), std::move(launch));
}

std::vector<std::pair<std::string, std::string>> worker_environment(const Slot& slot, const std::string& gpus) {
  return {{"OMP_NUM_THREADS", std::to_string(slot.threads)},
          {"OMP_WAIT_POLICY", "passive"},
          {"GOMP_SPINCOUNT", "0"},
          {"CUDA_VISIBLE_DEVICES", gpus}};
}

std::vector<std::string> worker_arguments(const Slot& slot) {
  return {"--threads", std::to_string(slot.threads), "--device", slot.device == "cpu" ? "cpu" : "cuda"};
}

std::string gpu_number(const std::string& device) {
  return device == "cpu" ? "" : device.substr(device.find(':') + 1);
}

}  // namespace search
