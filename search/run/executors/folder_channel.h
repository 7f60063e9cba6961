// One worker that a cluster starts in an allocation of its own, a pilot, reached through a folder that both machines see. Made by
// launchers, which say what the cluster knows of the allocation.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "search/run/executors/channel.h"
#include "search/run/worker_folder.h"

namespace search {

/// What the cluster says of a pilot's job.
struct Allocation {
  enum class State {
    waiting,  ///< asked for, or about to be
    running,
    unknown,  ///< the cluster has forgotten the job: that says nothing of the worker
    ended
  };
  State state = State::waiting;
  WorkerEnd end = {};     ///< of `ended`, without a log
  std::string job = {};   ///< by which it is cancelled; "": not known
  std::string node = {};  ///< "": not known
};

/// How a stage ended on a pilot.
struct StageEnd {
  std::string stage;
  bool failed = false;
  double seconds = 0;
};

/// A pilot, as its channel and its launcher share it.
struct Pilot {
  std::filesystem::path folder;  ///< "": its job is not asked for yet
  Allocation allocation;
  std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();  ///< that its allocation is in this state
  bool ready = false;                                                              ///< its worker has said that it is there
  bool left = false;                                                               ///< and that it goes
  bool bad_start = false;                                                          ///< it ran, and its worker never said a word
  bool cancel = false;                                                             ///< its job is to be cancelled
  bool released = false;                                                           ///< its channel is gone
  std::vector<StageEnd> ends;                                                      ///< that the launcher has not seen yet
};

/// What is written on one machine may be seen on another only after `delay`. So a pilot whose job has ended, or is forgotten, is waited for
/// so long after its last sign of life: the results it left decide. One whose job runs and that says nothing for twice as long never
/// started. What comes of an earlier stage is passed over.
///
/// A folder that cannot be written or listed is tried again for `patience`: requests go when they can, and no pilot is given up meanwhile.
/// Then send() and receive() throw storage::Error(environment) for a request that cannot be written.
class FolderChannel : public Channel {
 public:
  FolderChannel(std::shared_ptr<Pilot> pilot, std::chrono::seconds delay, std::chrono::seconds patience = folder_patience)
      : pilot_(std::move(pilot)), delay_(delay), patience_(patience) {}

  /// Gives up the pilot; one that was told to leave gets a moment for it, and one that could not be told is cancelled.
  ~FolderChannel() override;
  FolderChannel(const FolderChannel&) = delete;
  FolderChannel& operator=(const FolderChannel&) = delete;

  /// The pilot of an earlier nas-run, with the last request that it was given; nothing where it was told to leave.
  static std::optional<FoundWorker> find(std::shared_ptr<Pilot> pilot, std::chrono::seconds delay);

  bool send(const std::string& line) override;
  Link receive(std::vector<std::string>& lines) override;
  int descriptor() const override { return -1; }
  void stop(StopWorker how) override;
  WorkerEnd end() override;

 private:
  struct Request {
    std::string stage;
    int attempt = 0;
    std::chrono::steady_clock::time_point since;
  };

  void hear(const std::string& line, std::vector<std::string>& lines);
  void look_for_beat(std::vector<std::string>& lines);
  bool is_over() const;
  bool is_blind() const;
  bool is_silent_for(std::chrono::seconds time) const;
  bool never_started() const;
  void write_requests();
  void end_stage(bool failed);

  std::shared_ptr<Pilot> pilot_;
  std::chrono::seconds delay_, patience_;
  std::optional<Request> request_;     ///< that it has not answered
  std::deque<std::string> unwritten_;  ///< requests that are not in the folder yet
  int requests_ = 0, events_ = 0;
  int beat_ = 0;
  std::string progress_, why_left_;
  std::chrono::steady_clock::time_point heard_, looked_, told_at_, seen_ = std::chrono::steady_clock::now();
  std::optional<std::chrono::steady_clock::time_point> failing_since_;  ///< to write a request
  bool told_ = false;                                                   ///< to leave
  std::uintmax_t log_mark_ = 0;
};

}  // namespace search
