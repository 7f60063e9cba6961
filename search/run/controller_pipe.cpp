#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "search/run/controller_link.h"
#include "search/run/file_parts.h"
#include "storage/base/error.h"

namespace search {

namespace {

constexpr std::chrono::seconds kLastWords{60};  ///< for a stage that nobody waits for any more

std::atomic<bool> stop_requested{false};  // a signal handler reaches nothing but globals
std::array<int, 2> stop_pipe{-1, -1};

void request_stop(int) {
  const int error = errno;
  stop_requested = true;
  if (::write(stop_pipe[1], "", 1) < 0) errno = error;  // it is full: readable all the same
  errno = error;
}

class PipeLink : public ControllerLink {
 public:
  PipeLink(int events, StopSignal& stop) : stop_(stop), events_(events), reader_([this] { read_requests(); }) {
    if (events == STDOUT_FILENO) {  // what the process prints must not get among the events
      events_ = ::dup(STDOUT_FILENO);
      ::dup2(STDERR_FILENO, STDOUT_FILENO);
    }
  }

  ~PipeLink() override {
    end_of_work();
    stop_.raise();
    reader_.join();
  }

  std::optional<StageRequest> next() override {
    end_of_work();
    const std::optional<std::string> line = wait_for_line();
    return line ? std::optional(request_from_line(*line)) : std::nullopt;
  }

  void say(const WorkerMessage& message) override {
    const std::lock_guard lock(writing_);
    const std::string line = to_line(message) + "\n";
    for (std::size_t written = 0; written < line.size();) {
      const ssize_t count = ::write(events_, line.data() + written, line.size() - written);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw storage::Error(storage::ErrorKind::environment, "nas-run no longer listens");
      written += static_cast<std::size_t>(count);
    }
  }

 protected:
  /// The next line; nothing when the worker is to end.
  std::optional<std::string> wait_for_line() {
    std::unique_lock lock(waiting_);
    changed_.wait(lock, [this] { return ended_ || stop_.flag() || !lines_.empty(); });
    if (stop_.flag() || lines_.empty()) {
      busy_ = false;
      changed_.notify_all();
      return std::nullopt;
    }
    std::string line = std::move(lines_.front());
    lines_.pop_front();
    busy_ = true;
    return line;
  }

 private:
  void read_requests() {
    std::string partial;
    std::array<char, 65536> buffer;
    while (true) {
      std::array<pollfd, 2> either{{{STDIN_FILENO, POLLIN, 0}, {stop_.descriptor(), POLLIN, 0}}};
      if (::poll(either.data(), either.size(), -1) < 0 && errno != EINTR) break;
      if (stop_.flag()) break;
      if (either[0].revents == 0) continue;
      const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      partial.append(buffer.data(), static_cast<std::size_t>(count));
      for (std::size_t end; (end = partial.find('\n')) != std::string::npos; partial.erase(0, end + 1)) take(partial.substr(0, end));
    }
    end();
  }

  /// No stage is under way any more.
  void end_of_work() {
    const std::lock_guard lock(waiting_);
    busy_ = false;
    changed_.notify_all();
  }

  void take(const std::string& line) {
    if (is_stop(line)) return stop_.raise();
    const std::lock_guard lock(waiting_);
    lines_.push_back(line);
    changed_.notify_all();
  }

  /// Nothing more comes: after a signal, or because nas-run is gone, and then nobody ends what hangs.
  void end() {
    std::unique_lock lock(waiting_);
    const bool orphan = !stop_.flag();
    ended_ = true;
    changed_.notify_all();
    if (!orphan || (!busy_ && lines_.empty())) return;
    stop_.raise();
    if (!changed_.wait_for(lock, kLastWords, [this] { return !busy_; })) std::_Exit(1);
  }

  StopSignal& stop_;
  int events_;
  std::mutex waiting_, writing_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  bool ended_ = false, busy_ = false;
  std::thread reader_;  // last: it uses the others
};

/// Without a disk in common.
class CopyingLink : public PipeLink {
 public:
  CopyingLink(int events, std::filesystem::path copies, StopSignal& stop)
      : PipeLink(events, stop), copies_(std::filesystem::absolute(copies)), store_(copies_ / "artifacts") {
    const auto oldest = std::filesystem::file_time_type::clock::now() - kCopiesKept;
    std::error_code gone;  // by another worker
    std::vector<std::filesystem::path> old;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(copies_, gone))
      if (entry.is_regular_file(gone) && entry.last_write_time(gone) < oldest) old.push_back(entry.path());
    for (const std::filesystem::path& path : old) std::filesystem::remove(path, gone);
  }

  std::optional<StageRequest> next() override {
    std::optional<StageRequest> request = PipeLink::next();
    if (!request) return std::nullopt;
    if (request->stage != recorded_) remove_checkpoint();
    for (const auto& [role, input] : request->inputs.items()) {
      if (!brings_artifacts(role)) continue;
      for (const auto& [name, hash] : input.at("artifacts").items())
        if (!fetch(hash.get<std::string>())) return std::nullopt;
    }
    request->directory = copies_.string();
    return request;
  }

  void say(const WorkerMessage& message) override {
    const auto* result = std::get_if<StageResult>(&message);
    if (result != nullptr)
      for (const storage::Artifact& artifact : result->outcome.artifacts) send(artifact.hash);
    PipeLink::say(message);
    if (result != nullptr && result->outcome.state == storage::StageState::done) recorded_ = result->stage;
  }

 private:
  /// Of the stage before: nas-run asks for another once it has recorded that one.
  void remove_checkpoint() {
    if (recorded_.empty()) return;
    const std::filesystem::path checkpoint = storage::checkpoint_path(copies_, std::exchange(recorded_, ""));
    std::error_code ignored;  // what is old goes with the artifacts
    std::filesystem::remove(checkpoint, ignored);
    std::filesystem::remove(storage::precision_note_path(checkpoint), ignored);
  }

  /// False when the worker is to end. An artifact that nas-run has not either is left to the stage, which says so.
  bool fetch(const std::string& hash) {
    std::error_code unknown;
    std::filesystem::last_write_time(store_.path(hash), std::filesystem::file_time_type::clock::now(), unknown);
    if (store_.contains(hash)) return true;
    PartialFile file(store_, copies_ / "artifact", hash);
    while (true) {
      PipeLink::say(FileWanted{hash, file.bytes()});
      const std::optional<std::string> line = wait_for_line();
      if (!line) return false;
      const FilePart part = std::get<FilePart>(message_from_line(*line));
      if (part.size < 0 || file.add(part)) return true;
    }
  }

  void send(const std::string& hash) {
    for (FilePart part{hash, 0, 1, ""}; part.offset < part.size;) {
      part = read_part(store_, hash, part.offset);
      PipeLink::say(part);
      if (part.bytes.empty()) return;
      part.offset += std::ssize(part.bytes);
    }
  }

  static constexpr std::chrono::hours kCopiesKept{30 * 24};

  std::filesystem::path copies_;
  std::string recorded_;  ///< the stage whose result went last; its checkpoint stays until nas-run asks for another
  storage::ArtifactStore store_;
};

}  // namespace

StopSignal::StopSignal() {
  if (stop_pipe[0] < 0 && ::pipe2(stop_pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    throw storage::Error(storage::ErrorKind::environment, "a pipe cannot be made");
  struct sigaction action {};
  action.sa_handler = request_stop;  // no SA_RESTART: it also ends a wait
  sigaction(SIGTERM, &action, nullptr);
}

const std::atomic<bool>& StopSignal::flag() const {
  return stop_requested;
}

int StopSignal::descriptor() const {
  return stop_pipe[0];
}

void StopSignal::raise() {
  request_stop(SIGTERM);
}

storage::RunningPlace here() {
  std::array<char, 256> name{};
  return {::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown", fmt::format("pid {}", ::getpid())};
}

std::unique_ptr<ControllerLink> make_pipe_link(int events, StopSignal& stop) {
  return std::make_unique<PipeLink>(events, stop);
}

std::unique_ptr<ControllerLink> make_copying_link(int events, std::filesystem::path copies, StopSignal& stop) {
  return std::make_unique<CopyingLink>(events, std::move(copies), stop);
}

}  // namespace search
