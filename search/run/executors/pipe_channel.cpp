#include "search/run/executors/pipe_channel.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "search/run/executors/worker_log.h"
#include "search/run/protocol.h"
#include "storage/base/error.h"

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;

constexpr int kEventDescriptor = 3;
constexpr std::size_t kLongestLine = std::size_t{64} << 20;
constexpr int kRequestPipeBytes = 1 << 20;  ///< so that a request fits while the worker is still starting
constexpr std::chrono::milliseconds kExitPatience{2000}, kExitPause{5}, kDeathPatience{2000}, kSendPause{50};
constexpr std::chrono::milliseconds kEndPatience{1000};  ///< from the end of a worker's events to its own

WorkerEnd end_of(int status) {
  if (WIFEXITED(status)) {
    const int code = WEXITSTATUS(status);
    return {code == 0 ? WorkerEnd::How::left : WorkerEnd::How::crashed, fmt::format("worker exited with code {}", code), ""};
  }
  const int signal = WTERMSIG(status);
  const char* name = ::sigdescr_np(signal);
  WorkerEnd end{WorkerEnd::How::crashed, "", ""};
  if (signal == SIGKILL) end.how = WorkerEnd::How::lost;
  if (signal == SIGTERM) end.how = WorkerEnd::How::terminated;
  end.text = fmt::format("worker killed by signal {} ({})", signal, name != nullptr ? name : "unknown");
  return end;
}

}  // namespace

PipeChannel::PipeChannel(const Command& command, std::filesystem::path log, bool local) : log_(std::move(log)), local_(local) {
  Pipe requests = make_pipe(), events = make_pipe();
  const Descriptor output = open_log(log_);
  ::fcntl(requests.write.get(), F_SETPIPE_SZ, kRequestPipeBytes);  // a smaller pipe only waits longer
  ::fcntl(events.read.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(requests.write.get(), F_SETFL, O_NONBLOCK);
  std::vector<std::pair<int, int>> handed{{requests.read.get(), STDIN_FILENO}, {output.get(), STDERR_FILENO}};
  handed.emplace_back(local ? output.get() : events.write.get(), STDOUT_FILENO);
  if (local) handed.emplace_back(events.write.get(), kEventDescriptor);
  pid_ = spawn(command, handed);
  requests_ = std::move(requests.write);
  events_ = std::move(events.read);
  log_mark_ = log_size(log_);
}

PipeChannel::~PipeChannel() {
  requests_.close();
  reap(kExitPatience);
}

bool PipeChannel::send(const std::string& line, std::chrono::milliseconds patience) {
  if (std::exchange(used_, true)) log_mark_ = log_size(log_);
  return write(line + "\n", patience);
}

bool PipeChannel::write(const std::string& bytes, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = ::write(requests_.get(), bytes.data() + sent, bytes.size() - sent);
    if (count < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (count > 0) sent += static_cast<std::size_t>(count);
    if (count >= 0 || errno != EAGAIN) continue;
    pollfd room{requests_.get(), POLLOUT, 0};  // the pipe is full
    if (std::chrono::steady_clock::now() >= deadline) return false;
    ::poll(&room, 1, static_cast<int>(kSendPause.count()));
  }
  return true;
}

Link PipeChannel::receive(std::vector<std::string>& lines) {
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t count = ::read(events_.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN ? Link::alive : Link::ended;
    if (count == 0) return Link::ended;
    partial_.append(buffer.data(), static_cast<std::size_t>(count));
    std::size_t start = 0;
    for (std::size_t end; (end = partial_.find('\n', start)) != std::string::npos; start = end + 1)
      lines.push_back(partial_.substr(start, end - start));
    partial_.erase(0, start);
    if (partial_.size() > kLongestLine) throw Error(ErrorKind::invalid, "a line of more than 64 MiB");
  }
}

void PipeChannel::stop(StopWorker how) {
  switch (how) {
    case StopWorker::leave:
      requests_.close();
      return;
    case StopWorker::checkpoint:
      if (local_ && pid_ > 0) ::kill(pid_, SIGTERM);
      if (!local_) write(stop_line() + "\n", std::chrono::milliseconds{0});
      return;
    case StopWorker::kill:
      if (pid_ > 0) ::kill(-pid_, SIGKILL);
      return;
  }
}

WorkerEnd PipeChannel::end() {
  WorkerEnd end = reap(kEndPatience);
  end.log = log_tail(log_, log_mark_);
  return end;
}

WorkerEnd PipeChannel::reap(std::chrono::milliseconds patience) {
  if (pid_ <= 0) return {};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  const auto ended = [this] {  // asked without reaping, so that the number still names our group below
    siginfo_t state{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &state, WEXITED | WNOHANG | WNOWAIT) == 0 && state.si_pid == pid_;
  };
  while (!ended() && std::chrono::steady_clock::now() < deadline) ::poll(nullptr, 0, static_cast<int>(kExitPause.count()));
  stop(StopWorker::kill);  // a worker that stays, and whatever it has started itself
  // Not for ever: a process that hangs in the kernel (a network disk, a GPU's driver) does not even die of SIGKILL. Such a one is left to
  // itself, and to init once nas-run has ended.
  int status = 0;
  pid_t reaped = 0;
  for (const auto last = std::chrono::steady_clock::now() + kDeathPatience; reaped == 0 && std::chrono::steady_clock::now() < last;) {
    reaped = ::waitpid(pid_, &status, WNOHANG);
    if (reaped < 0 && errno == EINTR) reaped = 0;
    if (reaped == 0) ::poll(nullptr, 0, static_cast<int>(kExitPause.count()));
  }
  const pid_t pid = std::exchange(pid_, -1);
  if (reaped != pid) return {WorkerEnd::How::lost, "worker does not end, not even killed: it hangs in the system (a disk, a driver)", ""};
  return end_of(status);
}

}  // namespace search
