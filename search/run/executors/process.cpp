#include "search/run/executors/process.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <string_view>
#include <system_error>
#include <utility>

#include "search/run/executors/worker_process.h"
#include "search/run/protocol.h"
#include "storage/base/error.h"

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kLogTailBytes = 2000, kQuotedBytes = 200;
constexpr std::chrono::milliseconds kDeathPatience{1000};  ///< from the end of a worker's events to its own

/// What a worker has to see so that `cuda:I` is its only GPU: the I-th of those that this process may use.
std::string visible_gpu(const std::string& device) {
  const std::string_view number = std::string_view(device).substr(device.find(':') + 1);
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible == nullptr) return std::string(number);
  int index = 0;
  std::from_chars(number.data(), number.data() + number.size(), index);
  std::string_view rest(visible);
  for (; index > 0 && rest.find(',') != std::string_view::npos; --index) rest.remove_prefix(rest.find(',') + 1);
  return std::string(rest.substr(0, rest.find(',')));
}

Event failed(const std::string& kind, const std::string& message) {
  Event event;
  event.outcome.state = storage::StageState::failed;
  event.outcome.failure_kind = kind;
  event.outcome.failure = message;
  return event;
}

/// The event that a worker's message is, or nothing where it only says that it lives. Throws where it is about another stage.
std::optional<Event> to_event(const WorkerMessage& message, const std::string& expected_stage) {
  Event event;
  if (const auto* progress = std::get_if<StageProgress>(&message)) {
    event.kind = Event::Kind::progress;
    event.fingerprint = progress->stage;
    event.attempt = progress->attempt;
    event.fraction = progress->fraction;
    event.message = progress->message;
  } else if (const auto* result = std::get_if<StageResult>(&message)) {
    event.fingerprint = result->stage;
    event.attempt = result->attempt;
    event.outcome = result->outcome;
  } else {
    return std::nullopt;
  }
  if (event.fingerprint != expected_stage) throw Error(ErrorKind::invalid, "it is about a stage that is not running here");
  return event;
}

class ProcessExecutor : public Executor {
 public:
  explicit ProcessExecutor(ProcessOptions options) : options_(std::move(options)), workers_(options_.slots.size()) {
    std::error_code failure;
    std::filesystem::create_directories(options_.directory / "log", failure);
    if (failure) throw Error(ErrorKind::environment, fmt::format("{}: {}", (options_.directory / "log").string(), failure.message()));
    std::signal(SIGPIPE, SIG_IGN);
  }

  ~ProcessExecutor() override {
    for (Worker& worker : workers_) {  // all first, so that they end at the same time
      if (worker.process) worker.process->close_requests();
      if (worker.process && !worker.stage.empty()) worker.process->kill();
    }
  }

  const std::vector<Slot>& slots() const override { return options_.slots; }

  void start(int slot, const Job& job) override {
    Worker& worker = workers_.at(static_cast<std::size_t>(slot));
    if (!worker.stage.empty()) throw Error(ErrorKind::internal, fmt::format("slot {} is not free", slot));
    worker.request = to_line(StageRequest{job.fingerprint, job.attempt, job.kind, job.parameters, job.inputs, options_.directory.string()});
    worker.stage = job.fingerprint;
    worker.attempt = job.attempt;
    worker.just_started = worker.interrupted = worker.answered = false;
    worker.last_heard = SteadyClock::now();
    if (!worker.process) return give_to_new_worker(slot);
    worker.process->mark_log();
    if (!worker.process->send(worker.request)) give_to_new_worker(slot);  // it had died between two stages
  }

  std::optional<Event> wait(std::chrono::milliseconds timeout) override {
    if (events_.empty()) wait_for_workers(timeout);
    if (events_.empty()) return std::nullopt;
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

  void interrupt() override {
    for (Worker& worker : workers_) {
      if (worker.stage.empty() || !worker.process) continue;
      worker.interrupted = true;
      worker.process->interrupt();
    }
  }

  void abort(int slot, const std::string& kind, const std::string& why) override {
    Worker& worker = workers_.at(static_cast<std::size_t>(slot));
    if (worker.stage.empty() || !worker.process) return;
    worker.process->kill();
    retire(slot, failed(kind, why));
  }

  void kill() override {
    for (Worker& worker : workers_)
      if (worker.process) worker.process->kill();
    for (Worker& worker : workers_) worker = {};
  }

 private:
  struct Worker {
    std::unique_ptr<WorkerProcess> process;
    std::string stage, request;  ///< what it runs, or ""
    int attempt = 0;             ///< at the stage
    bool just_started = false;   ///< the process was started for this stage
    bool answered = false;       ///< it has said something of this stage
    bool interrupted = false;    ///< this stage was
    SteadyClock::time_point last_heard;
  };

  std::unique_ptr<WorkerProcess> spawn(int slot) const {
    const Slot& place = options_.slots.at(static_cast<std::size_t>(slot));
    const bool gpu = place.device != "cpu";
    const Command command{
        .program = options_.worker,
        .arguments = {"--threads", std::to_string(place.threads), "--device", gpu ? "cuda" : "cpu", "--parent", std::to_string(::getpid())},
        .environment = {{"OMP_NUM_THREADS", std::to_string(place.threads)},
                        {"OMP_WAIT_POLICY", "passive"},
                        {"GOMP_SPINCOUNT", "0"},
                        {"CUDA_VISIBLE_DEVICES", gpu ? visible_gpu(place.device) : ""}}};
    return std::make_unique<WorkerProcess>(command, options_.directory / "log" / fmt::format("worker-{}.log", slot));
  }

  /// Gives the slot's stage to a new worker. Where that one dies before it reads, the end of its events says so.
  void give_to_new_worker(int slot) {
    Worker& worker = workers_[static_cast<std::size_t>(slot)];
    worker.process = spawn(slot);
    worker.just_started = true;
    worker.process->send(worker.request);
  }

  /// Waits for the workers and queues what they say.
  void wait_for_workers(std::chrono::milliseconds timeout) {
    std::vector<pollfd> descriptors;
    std::vector<int> slots;
    for (std::size_t slot = 0; slot < workers_.size(); ++slot) {
      if (!workers_[slot].process) continue;
      descriptors.push_back({workers_[slot].process->event_descriptor(), POLLIN, 0});
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
      if (worker.stage.empty() || !worker.process || SteadyClock::now() - worker.last_heard < options_.heartbeat_timeout) continue;
      abort(static_cast<int>(slot), "lost",
            fmt::format("the worker said nothing for {} s: it was stopped, or hangs", options_.heartbeat_timeout.count()));
    }
  }

  void read_events(int slot) {
    Worker& worker = workers_[static_cast<std::size_t>(slot)];
    std::vector<std::string> lines;
    std::string current;
    bool alive = true;
    try {
      alive = worker.process->receive(lines);
      if (!lines.empty()) worker.last_heard = SteadyClock::now();
      for (const std::string& line : lines) {
        current = line;
        if (auto event = to_event(message_from_line(line), worker.stage)) emit(slot, std::move(*event));
      }
    } catch (const std::exception& error) {  // of the parser, or ours: either way the worker cannot be understood
      worker.process->kill();
      worker.process->reap(kDeathPatience);
      const std::string quoted = Json(current.substr(0, kQuotedBytes)).dump(-1, ' ', true, Json::error_handler_t::replace);
      retire(slot, failed("crash", fmt::format("worker wrote a line that is no event: {} ({})", quoted, error.what())));
      return;
    }
    if (alive) return;
    const WorkerEnd end = worker.process->reap(kDeathPatience);
    const bool left = !end.killed && end.code == 0;
    const bool unread = !worker.just_started && !worker.answered && !worker.interrupted;  // it may have left before this stage reached it
    if (!worker.stage.empty() && left && unread) return give_to_new_worker(slot);
    retire(slot, end_of_stage(end, worker.interrupted));
  }

  void emit(int slot, Event event) {
    Worker& worker = workers_[static_cast<std::size_t>(slot)];
    event.slot = slot;
    const bool current = event.attempt == worker.attempt;  // else it is left to the run loop to drop
    worker.answered = worker.answered || current;
    if (current && event.kind == Event::Kind::finished) worker.stage.clear();
    events_.push_back(std::move(event));
  }

  /// How the stage ends whose worker has died.
  static Event end_of_stage(const WorkerEnd& end, bool interrupted) {
    const bool lost = end.killed && end.signal == SIGKILL;
    Event event = failed(lost ? "lost" : "crash", end.text());
    const bool obeyed = interrupted && (end.killed ? end.signal == SIGTERM : end.code == 0);
    if (obeyed) {
      event.outcome.state = storage::StageState::interrupted;
      event.outcome.failure_kind.clear();
    }
    return event;
  }

  /// Ends the worker, and its stage if it has one, with the end of its log.
  void retire(int slot, Event event) {
    Worker& worker = workers_[static_cast<std::size_t>(slot)];
    if (!worker.stage.empty()) {
      const std::string tail = worker.process->log_tail(kLogTailBytes);
      if (!tail.empty()) event.outcome.failure += "\n" + tail;
      event.fingerprint = worker.stage;
      event.attempt = worker.attempt;
      emit(slot, std::move(event));
    }
    worker = {};
  }

  ProcessOptions options_;
  std::vector<Worker> workers_;  ///< one a slot
  std::deque<Event> events_;
};

}  // namespace

std::unique_ptr<Executor> make_process_executor(ProcessOptions options) {
  return std::make_unique<ProcessExecutor>(std::move(options));
}

}  // namespace search
