#include "search/run/executors/worker_pool.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <utility>

#include "search/run/executors/stage_events.h"
#include "search/run/protocol.h"
#include "search/run/worker_folder.h"
#include "storage/base/error.h"

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kQuotedBytes = 200;
constexpr int kMostWorkers = 3;                  ///< that one after the other leave without having read a request
constexpr std::chrono::seconds kLongestLook{1};  ///< between two looks at the workers; where more time is gone, this process was stopped

/// For workers that are there at once.
class FunctionLauncher : public Launcher {
 public:
  explicit FunctionLauncher(Launch launch) : launch_(std::move(launch)) {}
  std::unique_ptr<Channel> launch(int slot) override { return launch_(slot); }

 private:
  Launch launch_;
};

class WorkerPool : public Executor {
 public:
  WorkerPool(PoolOptions options, std::unique_ptr<Launcher> launcher)
      : options_(std::move(options)), launcher_(std::move(launcher)), workers_(options_.slots.size()) {
    std::signal(SIGPIPE, SIG_IGN);
  }

  ~WorkerPool() override {
    for (Worker& worker : workers_) {  // all first, so that they end at the same time
      if (worker.channel) worker.channel->stop(Channel::StopWorker::leave);
      if (worker.channel && !worker.stage.empty()) worker.channel->stop(Channel::StopWorker::kill);
    }
    workers_.clear();  // before the launcher
  }

  const std::vector<Slot>& slots() const override { return options_.slots; }

  std::vector<Adopted> adopted() override {
    std::vector<FoundWorker> found = launcher_->find();
    std::stable_partition(found.begin(), found.end(), [](const FoundWorker& each) { return !each.stage.empty(); });
    std::vector<Adopted> adopted;
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (i >= workers_.size()) {  // there are fewer slots than there were
        found[i].channel->stop(found[i].stage.empty() ? Channel::StopWorker::leave : Channel::StopWorker::kill);
        continue;
      }
      Worker& worker = workers_[i];
      worker.channel = std::move(found[i].channel);
      worker.link = Link::queued;
      worker.stage = found[i].stage;
      worker.request = found[i].request;
      worker.attempt = found[i].attempt;
      worker.sent = true;
      if (!worker.stage.empty()) adopted.push_back({static_cast<int>(i), worker.stage, worker.attempt});
      read_events(static_cast<int>(i));  // it may have ended since
    }
    return adopted;
  }

  bool start(int slot, const Job& job) override {
    Worker& worker = workers_.at(static_cast<std::size_t>(slot));
    if (!worker.stage.empty()) throw Error(ErrorKind::internal, fmt::format("slot {} is not free", slot));
    worker.request = to_line(StageRequest{job.fingerprint, job.attempt, job.kind, job.parameters, job.inputs, options_.directory});
    worker.stage = job.fingerprint;
    worker.attempt = job.attempt;
    worker.sent = worker.just_started = worker.interrupted = worker.answered = false;
    worker.given = 0;
    worker.order = ++started_;
    give(slot);
    return worker.sent && !options_.interchangeable;  // one that leaves by itself may do so before it has read this: it says when it begins
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
        return checkpoint();
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
    Link link = Link::queued;
    std::string stage, request;      ///< what it runs or is to run, or ""
    int attempt = 0;                 ///< at the stage
    std::int64_t order = 0;          ///< of the starts
    int given = 0;                   ///< to how many workers the request went
    bool sent = false;               ///< the request is with the channel
    bool just_started = false;       ///< the worker was started for this stage
    bool answered = false;           ///< it has said something of this stage
    bool interrupted = false;        ///< this stage was
    SteadyClock::duration silent{};  ///< for how long it has been, of the time in which this process ran
  };

  Worker& worker_of(int slot) { return workers_.at(static_cast<std::size_t>(slot)); }

  /// Gives the slot's stage to its worker, to an idle one where it has none there, or asks for a new one. One that waits in a queue gets it
  /// when it is there.
  void give(int slot) {
    Worker& worker = worker_of(slot);
    if (options_.interchangeable && (!worker.channel || worker.link != Link::alive)) {
      const auto idle = std::find_if(workers_.begin(), workers_.end(),
                                     [](const Worker& other) { return other.stage.empty() && other.channel && other.link == Link::alive; });
      if (idle != workers_.end()) exchange(worker, *idle);
    }
    if (!worker.channel) return launch(slot);
    if (worker.link == Link::alive && !send(worker)) launch(slot);  // it had died between two stages
  }

  static void exchange(Worker& one, Worker& other) {
    std::swap(one.channel, other.channel);
    std::swap(one.link, other.link);
  }

  /// Where the new worker dies before it reads, its end says so.
  void launch(int slot) {
    Worker& worker = worker_of(slot);
    worker.channel.reset();
    worker.sent = false;
    worker.channel = launcher_->launch(slot);
    worker.link = worker.channel->descriptor() < 0 ? Link::queued : Link::alive;
    worker.just_started = worker.link == Link::alive;
    if (worker.just_started) send(worker);
  }

  bool send(Worker& worker) {
    worker.sent = true;
    ++worker.given;
    worker.silent = {};
    return worker.channel->send(worker.request);
  }

  /// Stages whose worker has come out of the queue, or that another worker can take before.
  void hand_out() {
    const auto is_free = [](const Worker& each) { return each.link == Link::alive && each.channel && (each.stage.empty() || !each.sent); };
    if (std::none_of(workers_.begin(), workers_.end(), is_free)) return;
    std::vector<int> waiting;
    for (std::size_t slot = 0; slot < workers_.size(); ++slot)
      if (!workers_[slot].stage.empty() && !workers_[slot].sent) waiting.push_back(static_cast<int>(slot));
    std::sort(waiting.begin(), waiting.end(), [this](int one, int other) { return worker_of(one).order < worker_of(other).order; });
    for (const int slot : waiting) give(slot);
  }

  void checkpoint() {
    for (std::size_t slot = 0; slot < workers_.size(); ++slot) {
      Worker& worker = workers_[slot];
      if (worker.stage.empty()) continue;
      worker.interrupted = true;
      if (worker.sent && worker.channel)
        worker.channel->stop(Channel::StopWorker::checkpoint);
      else
        finish(static_cast<int>(slot), interrupted("", ""));  // no worker has it
    }
  }

  /// Waits for the workers and queues what they say.
  void wait_for_workers(std::chrono::milliseconds timeout) {
    for (std::string& note : launcher_->attend()) {
      Event event{.kind = Event::Kind::note};
      event.message = std::move(note);
      events_.push_back(std::move(event));
    }
    std::vector<pollfd> descriptors;
    std::vector<int> slots, looked_for;
    for (std::size_t slot = 0; slot < workers_.size(); ++slot) {
      if (!workers_[slot].channel) continue;
      const int descriptor = workers_[slot].channel->descriptor();
      if (descriptor < 0) {
        looked_for.push_back(static_cast<int>(slot));
      } else {
        descriptors.push_back({descriptor, POLLIN, 0});
        slots.push_back(static_cast<int>(slot));
      }
    }
    for (const int slot : looked_for) read_events(slot);
    if (options_.interchangeable) hand_out();
    if (!events_.empty()) timeout = std::chrono::milliseconds{0};
    if (!looked_for.empty()) timeout = std::min(timeout, pause_after(SteadyClock::now() - last_news_));
    const int ready = ::poll(descriptors.data(), descriptors.size(), static_cast<int>(timeout.count()));
    for (std::size_t i = 0; ready > 0 && i < descriptors.size(); ++i)
      if (descriptors[i].revents != 0) read_events(slots[i]);
    end_silent();
  }

  /// Workers say every few seconds that they are there. One that is stopped, or stuck in the system, does not. A time in which this process
  /// was stopped itself does not count against it: what it said then is read by now, and it may have been stopped as long (a frozen
  /// container, a suspended job).
  void end_silent() {
    const SteadyClock::time_point now = SteadyClock::now();
    const auto looked = std::min<SteadyClock::duration>(now - last_look_, kLongestLook);
    last_look_ = now;
    if (options_.heartbeat_timeout <= std::chrono::seconds{0}) return;
    for (std::size_t slot = 0; slot < workers_.size(); ++slot) {
      Worker& worker = workers_[slot];
      if (worker.stage.empty() || !worker.channel || !worker.sent) continue;
      worker.silent += looked;
      if (worker.silent < options_.heartbeat_timeout) continue;
      end(static_cast<int>(slot), failed(storage::failure::lost, fmt::format("the worker said nothing for {} s: it was stopped, or hangs",
                                                                             options_.heartbeat_timeout.count())));
    }
  }

  void read_events(int slot) {
    Worker& worker = worker_of(slot);
    std::vector<std::string> lines;
    std::string current;
    try {
      worker.link = worker.channel->receive(lines);
      if (!lines.empty()) {
        worker.silent = {};
        last_news_ = SteadyClock::now();
      }
      for (const std::string& line : lines) {
        current = line;
        if (auto event = event_of(message_from_line(line))) take(slot, std::move(*event));
      }
    } catch (const std::exception& error) {  // of the parser, or ours: either way the worker cannot be understood
      const auto* ours = dynamic_cast<const Error*>(&error);
      if (ours != nullptr && ours->kind() != ErrorKind::invalid) throw;  // but for a disk of this machine
      const std::string quoted = Json(current.substr(0, kQuotedBytes)).dump(-1, ' ', true, Json::error_handler_t::replace);
      return end(slot, failed(storage::failure::crash, fmt::format("worker wrote a line that is no event: {} ({})", quoted, error.what())));
    }
    if (worker.link != Link::ended) return;
    last_news_ = SteadyClock::now();
    const WorkerEnd ended = worker.channel->end();
    // It may have left before this stage reached it.
    const bool unread = !worker.just_started && !worker.answered && !worker.interrupted && worker.given < kMostWorkers;
    if (!worker.stage.empty() && (!worker.sent || (ended.how == WorkerEnd::How::left && unread))) return launch(slot);
    retire(slot, end_of_stage(ended, worker.interrupted), ended.log);
  }

  /// What a worker says of the stage that it has. Throws where it is about another.
  void take(int slot, Event event) {
    Worker& worker = worker_of(slot);
    if (event.fingerprint != worker.stage) throw Error(ErrorKind::invalid, "it is about a stage that is not running here");
    if (event.attempt != worker.attempt) return emit(slot, std::move(event));  // the run loop drops it
    worker.answered = true;
    if (event.kind == Event::Kind::finished) return finish(slot, std::move(event));
    emit(slot, std::move(event));
  }

  /// The slot's stage ends, its worker stays.
  void finish(int slot, Event event) {
    Worker& worker = worker_of(slot);
    event.fingerprint = worker.stage;
    event.attempt = worker.attempt;
    worker.stage.clear();
    emit(slot, std::move(event));
  }

  void emit(int slot, Event event) {
    event.slot = slot;
    events_.push_back(std::move(event));
  }

  /// Kills the worker; its stage, if it has one, ends so.
  void end(int slot, const Event& event) {
    Worker& worker = worker_of(slot);
    if (worker.stage.empty()) return;  // it has ended by itself
    if (worker.channel) worker.channel->stop(Channel::StopWorker::kill);
    retire(slot, event, worker.channel ? worker.channel->end().log : "");
  }

  void retire(int slot, Event event, const std::string& log) {
    Worker& worker = worker_of(slot);
    if (!worker.stage.empty()) {
      if (!log.empty()) event.outcome.failure += "\n" + log;
      finish(slot, std::move(event));
    }
    worker = {};
  }

  PoolOptions options_;
  std::unique_ptr<Launcher> launcher_;
  std::vector<Worker> workers_;  ///< one a slot
  std::deque<Event> events_;
  std::int64_t started_ = 0;
  SteadyClock::time_point last_news_ = SteadyClock::now(), last_look_ = last_news_;
};

}  // namespace

std::unique_ptr<Executor> make_worker_pool(PoolOptions options, std::unique_ptr<Launcher> launcher) {
  return std::make_unique<WorkerPool>(std::move(options), std::move(launcher));
}

std::unique_ptr<Executor> make_worker_pool(PoolOptions options, Launch launch) {
  return make_worker_pool(std::move(options), std::make_unique<FunctionLauncher>(std::move(launch)));
}

}  // namespace search
