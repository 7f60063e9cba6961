#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "search/run/controller_link.h"
#include "search/run/worker_folder.h"
#include "storage/base/error.h"
#include "storage/base/time.h"

namespace search {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kProgressBeat{2};       ///< between two signs of life that bring news of the stage
constexpr std::chrono::seconds kRefresh{1};            ///< between two listings of the folder
constexpr std::chrono::milliseconds kWritePause{500};  ///< between two tries to write a message

/// A result is not lost for a folder that fails for a moment. One that is gone is not waited for.
void write_patiently(const std::filesystem::path& path, const std::string& text) {
  for (const auto begin = SteadyClock::now();; ::poll(nullptr, 0, static_cast<int>(kWritePause.count()))) {
    try {
      return write_sealed(path, text);
    } catch (const storage::Error&) {
      std::error_code unknown;
      const bool is_gone = std::filesystem::status(path.parent_path(), unknown).type() == std::filesystem::file_type::not_found;
      if (is_gone || SteadyClock::now() - begin >= folder_patience) throw;
    }
  }
}

class FolderLink : public ControllerLink {
 public:
  FolderLink(FolderOptions options, StopSignal& stop) : options_(std::move(options)), stop_(stop) {
    if (std::filesystem::exists(event_path(options_.folder, 1)))
      throw storage::Error(storage::ErrorKind::invalid, fmt::format("{} has had its worker", options_.folder.string()));
    say(WorkerReady{options_.place});
    watcher_ = std::thread([this] { watch(); });
  }

  ~FolderLink() override {
    ended_ = true;
    stop_.raise();
    watcher_.join();
  }

  std::optional<StageRequest> next() override {
    std::unique_lock lock(waiting_);
    if (stage_) longest_[stage_->kind] = std::max(longest_[stage_->kind], storage::seconds_since(since_));
    stage_.reset();
    changed_.wait_for(lock, options_.idle, [this] { return stop_.flag() || !lines_.empty(); });
    if (stop_.flag()) return leave(told_ ? "it was told to" : "its allocation ends");
    if (lines_.empty()) return leave(fmt::format("it had nothing to do for {} s", options_.idle.count()));
    StageRequest request = request_from_line(lines_.front());
    lines_.pop_front();
    if (!fits(request.kind)) return leave(fmt::format("what is left of its time is too short for another {}", to_string(request.kind)));
    stage_ = request;
    since_ = SteadyClock::now();
    return request;
  }

  void say(const WorkerMessage& message) override {
    if (std::holds_alternative<Alive>(message)) return;  // watch() says so
    const std::lock_guard lock(writing_);
    if (std::holds_alternative<StageProgress>(message)) {
      progress_ = to_line(message);
      return;
    }
    WorkerMessage said = message;
    if (auto* result = std::get_if<StageResult>(&said); result != nullptr && stop_.flag() && !told_)
      if (result->outcome.state == storage::StageState::interrupted) result->outcome.failure_kind = storage::failure::preempted;
    write_patiently(event_path(options_.folder, ++events_), to_line(said));
    progress_.clear();
  }

 private:
  std::nullopt_t leave(const std::string& why) {
    say(WorkerLeaves{why});
    return std::nullopt;
  }

  /// By the longest stage of the kind that this worker has run.
  bool fits(StageKind kind) const {
    if (options_.until <= 0) return true;
    const auto left = std::chrono::seconds(options_.until) - std::chrono::system_clock::now().time_since_epoch() - options_.notice;
    const auto longest = longest_.find(kind);
    return left.count() > 0 && (longest == longest_.end() || left > std::chrono::duration<double>(longest->second));
  }

  /// Looks for requests and gives signs of life as long as the link lives.
  void watch() {
    SteadyClock::time_point news = SteadyClock::now(), refreshed = news, beaten = news - alive_interval;
    int read = 0;
    while (!ended_) {
      const auto now = SteadyClock::now();
      if (now - refreshed >= kRefresh) {
        refresh(options_.folder);
        refreshed = now;
      }
      if (const auto line = read_sealed(request_path(options_.folder, read + 1))) {
        ++read;
        news = now;
        take(*line);
      }
      beat(now, beaten);
      // Once there is a signal to be seen it stays: from then on this is a pause only.
      pollfd signal{stop_.flag() ? -1 : stop_.descriptor(), POLLIN, 0};
      ::poll(&signal, 1, static_cast<int>(pause_after(now - news).count()));
      changed_.notify_all();
    }
  }

  void take(const std::string& line) {
    const std::lock_guard lock(waiting_);
    if (is_stop(line)) {
      told_ = true;
      stop_.raise();
    } else {
      lines_.push_back(line);
    }
  }

  void beat(SteadyClock::time_point now, SteadyClock::time_point& last) {
    const std::lock_guard lock(writing_);
    if (now - last < kProgressBeat || (now - last < alive_interval && progress_ == beaten_progress_)) return;
    last = now;
    beaten_progress_ = progress_;
    try {
      write_sealed(alive_path(options_.folder), Json{{"beat", ++beats_}, {"progress", progress_}}.dump());
    } catch (const storage::Error&) {  // the next one may come through; without any, nas-run gives this worker up
    }
  }

  FolderOptions options_;
  StopSignal& stop_;
  std::mutex waiting_, writing_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  std::optional<StageRequest> stage_;  ///< under way, since
  SteadyClock::time_point since_;
  std::map<StageKind, double> longest_;  ///< seconds
  std::string progress_, beaten_progress_;
  int events_ = 0, beats_ = 0;
  std::atomic<bool> told_{false}, ended_{false};
  std::thread watcher_;
};

}  // namespace

std::unique_ptr<ControllerLink> make_folder_link(FolderOptions options, StopSignal& stop) {
  return std::make_unique<FolderLink>(std::move(options), stop);
}

}  // namespace search
