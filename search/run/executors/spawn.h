// Starting a program as a child process: descriptors that close themselves, pipes, and posix_spawn. Used by the executors, and where a
// worker is asked once.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace search {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.number_) { other.number_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int get() const { return number_; }
  void close();

 private:
  int number_ = -1;
};

/// What to start.
struct Command {
  std::filesystem::path program;
  std::vector<std::string> arguments;              ///< without the program's name
  std::map<std::string, std::string> environment;  ///< set on top of this process's own
};

/// Both ends are closed in programs that are started, and lie above the descriptors 0 to 3 that those are given.
struct Pipe {
  Descriptor read, write;
};

/// Throws storage::Error(environment) where the system has no more descriptors.
Pipe make_pipe();

/// Opens a file for appending, likewise. Throws storage::Error(environment).
Descriptor open_log(const std::filesystem::path& path);

/// What a line of the shell prints, or nothing where it does not end with exit code 0.
std::optional<std::string> output_of(const std::string& line);

/// Starts the program in a process group of its own, with no signals blocked or ignored. `handed` pairs descriptors of ours with those that
/// the child has for them. Throws storage::Error(environment) where the program cannot be started.
pid_t spawn(const Command& command, const std::vector<std::pair<int, int>>& handed);

}  // namespace search
