#include "search/run/executors/spawn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "storage/base/error.h"

extern char** environ;

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;

constexpr int kLastHandedOver = 3;  ///< the highest descriptor that a child is given

Error environment_error(const std::string& what, int error) {
  return {ErrorKind::environment, fmt::format("{}: {}", what, std::strerror(error))};
}

/// Above the descriptors that a child is given, so that handing one over overwrites no other.
Descriptor above_standard(Descriptor descriptor) {
  const int moved = ::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, kLastHandedOver + 1);
  if (moved < 0) throw environment_error("file descriptor", errno);
  return Descriptor(moved);
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!changes.contains(std::string(text.substr(0, text.find('='))))) merged.emplace_back(text);
  }
  for (const auto& [name, value] : changes) merged.push_back(name + "=" + value);
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

Descriptor::~Descriptor() {
  close();
}

void Descriptor::close() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw environment_error("pipe", errno);
  Descriptor read(ends[0]), write(ends[1]);
  return {above_standard(std::move(read)), above_standard(std::move(write))};
}

Descriptor open_log(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
  if (file.get() < 0) throw environment_error(path.string(), errno);
  return above_standard(std::move(file));
}

pid_t spawn(const Command& command, const std::vector<std::pair<int, int>>& handed) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const auto& [ours, theirs] : handed) posix_spawn_file_actions_adddup2(&actions, ours, theirs);

  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM}) sigaddset(&defaults, signal);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);

  std::vector<std::string> arguments{command.program.string()};
  arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
  std::vector<std::string> environment = merged_environment(command.environment);
  pid_t pid = -1;
  const int error =
      ::posix_spawnp(&pid, command.program.c_str(), &actions, &attributes, pointers(arguments).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0)
    throw environment_error(fmt::format("the worker program {} cannot be started (NAS_WORKER names it; without it nas-worker is looked for "
                                        "beside nas-run)",
                                        command.program.string()),
                            error);
  return pid;
}

std::optional<std::string> output_of(const std::string& line) {
  std::FILE* output = ::popen(line.c_str(), "re");
  std::string text;
  std::array<char, 4096> buffer;
  while (output != nullptr && std::fgets(buffer.data(), static_cast<int>(buffer.size()), output) != nullptr) text += buffer.data();
  return output != nullptr && ::pclose(output) == 0 ? std::optional(text) : std::nullopt;
}

}  // namespace search
