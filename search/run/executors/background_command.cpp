#include "search/run/executors/background_command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

namespace search {

namespace {

constexpr std::chrono::milliseconds kCommandPause{10};

}  // namespace

BackgroundCommand::BackgroundCommand(const Command& command, std::chrono::seconds limit)
    : deadline_(std::chrono::steady_clock::now() + limit) {
  Pipe output = make_pipe();
  pid_ = spawn(command, {{output.write.get(), STDOUT_FILENO}, {output.write.get(), STDERR_FILENO}});
  ::fcntl(output.read.get(), F_SETFL, O_NONBLOCK);
  output_ = std::move(output.read);
}

BackgroundCommand::~BackgroundCommand() {
  if (pid_ <= 0) return;
  ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, nullptr, WNOHANG);
}

std::optional<BackgroundCommand::End> BackgroundCommand::poll() {
  std::array<char, 65536> buffer;
  for (ssize_t count; (count = ::read(output_.get(), buffer.data(), buffer.size())) > 0 || (count < 0 && errno == EINTR);)
    if (count > 0) end_.printed.append(buffer.data(), static_cast<std::size_t>(count));
  int status = 0;
  if (pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    pid_ = -1;
    end_.succeeded = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return poll();  // what it printed last
  }
  if (pid_ > 0 && std::chrono::steady_clock::now() >= deadline_) {
    ::kill(-pid_, SIGKILL);
    end_.timed_out = true;
  }
  return pid_ > 0 ? std::nullopt : std::optional(std::move(end_));
}

BackgroundCommand::End BackgroundCommand::wait() {
  std::optional<End> end;
  while (!(end = poll())) ::poll(nullptr, 0, static_cast<int>(kCommandPause.count()));
  return *end;
}

}  // namespace search
