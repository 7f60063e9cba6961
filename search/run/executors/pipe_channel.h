// One worker as a child process in its own process group: requests go to its stdin, events come back on a descriptor of its, both as JSON
// Lines; what it prints goes to a log file. The child may be ssh, with the worker behind it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "search/run/executors/channel.h"
#include "search/run/executors/spawn.h"

namespace search {

class PipeChannel : public Channel {
 public:
  /// `local`: the child is the worker itself, which says its events on descriptor 3 and knows signals. Else it is a program that carries
  /// lines to the worker and, on its descriptor 1, back. Appends what is printed to `log`.
  /// Throws storage::Error(environment) where the program or its log cannot be opened.
  PipeChannel(const Command& command, std::filesystem::path log, bool local = true);

  /// Closes the worker's stdin, at which it ends by itself; kills its group where it does not do so soon.
  ~PipeChannel() override;
  PipeChannel(const PipeChannel&) = delete;
  PipeChannel& operator=(const PipeChannel&) = delete;

  bool send(const std::string& line) override { return send(line, std::chrono::seconds{10}); }

  /// False too where the worker does not read the line within `patience`.
  bool send(const std::string& line, std::chrono::milliseconds patience);

  Link receive(std::vector<std::string>& lines) override;
  int descriptor() const override { return events_.get(); }
  void stop(StopWorker how) override;

  /// Kills what is left of the child's group. A child that does not even die of that is not waited for.
  WorkerEnd end() override;

 private:
  bool write(const std::string& bytes, std::chrono::milliseconds patience);
  WorkerEnd reap(std::chrono::milliseconds patience);

  std::filesystem::path log_;
  std::uintmax_t log_mark_ = 0;  ///< where its last stage began
  bool local_;
  bool used_ = false;  ///< it has had a request
  pid_t pid_ = -1;     ///< -1 once reaped
  Descriptor requests_, events_;
  std::string partial_;  ///< the start of a line whose end has not come yet
};

}  // namespace search
