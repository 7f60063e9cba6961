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

#include "search/run/controller_link.h"
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
    stop_.raise();
    reader_.join();
  }

  std::optional<StageRequest> next() override {
    std::unique_lock lock(waiting_);
    busy_ = false;
    changed_.notify_all();
    changed_.wait(lock, [this] { return ended_ || stop_.flag() || !lines_.empty(); });
    if (stop_.flag() || lines_.empty()) return std::nullopt;
    const std::string line = std::move(lines_.front());
    lines_.pop_front();
    busy_ = true;
    return request_from_line(line);
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

}  // namespace search
