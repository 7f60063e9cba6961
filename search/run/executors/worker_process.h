// One worker as a child process in its own process group: requests go to its stdin, events come back on its descriptor 3, both as JSON
// Lines; what it prints goes to a log file. Owned by the process executor.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "search/run/executors/spawn.h"

namespace search {

/// How a worker ended.
struct WorkerEnd {
  bool killed = false;  ///< by `signal`; else it exited with `code`
  int signal = 0, code = 0;
  bool stuck = false;        ///< it was killed and has not ended all the same
  std::string text() const;  ///< "worker killed by signal 9 (Killed)", "worker exited with code 3"
};

class WorkerProcess {
 public:
  /// Appends what the worker prints to `log`. Throws storage::Error(environment) where the program or its log cannot be opened.
  WorkerProcess(const Command& command, std::filesystem::path log);

  /// Closes the worker's stdin, at which it ends by itself; kills its group where it does not do so soon.
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  /// Writes a line to its stdin. False where it has died, or does not read it within `patience`.
  bool send(const std::string& line, std::chrono::milliseconds patience = std::chrono::seconds{10});

  /// Tells the worker, by the end of its stdin, that nothing more comes.
  void close_requests() { requests_.close(); }

  /// Readable when an event or the end of the worker is there to be read.
  int event_descriptor() const { return events_.get(); }

  /// Reads what is there without waiting and appends the whole lines to `lines`. False at the end of the worker's output.
  /// Throws storage::Error(invalid) for a line without end.
  bool receive(std::vector<std::string>& lines);

  void interrupt();  ///< SIGTERM to the worker
  void kill();       ///< SIGKILL to its group

  /// Waits up to `patience` for the worker to end, kills it then, and says how it ended. One that does not die is not waited for.
  WorkerEnd reap(std::chrono::milliseconds patience);

  /// Marks the end of the log: log_tail gives what is written from here on, its last `bytes` at most. It may be no UTF-8.
  void mark_log();
  std::string log_tail(std::size_t bytes) const;

 private:
  std::filesystem::path log_;
  std::uintmax_t log_mark_ = 0;
  pid_t pid_ = -1;  ///< -1 once reaped
  Descriptor requests_, events_;
  std::string partial_;  ///< the start of a line whose end has not come yet
};

}  // namespace search
