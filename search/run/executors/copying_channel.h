// A worker that shares no disk with nas-run: what its stages read and leave goes through its channel, by content hash.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "search/run/executors/channel.h"
#include "search/run/file_parts.h"

namespace search {

/// Answers a worker that lacks an artifact from the results' own, and takes those that it has made; of both the pool hears only that the
/// worker lives. An artifact is in the store before the result that names it is passed on.
class CopyingChannel : public Channel {
 public:
  CopyingChannel(std::unique_ptr<Channel> worker, const std::filesystem::path& artifacts);

  bool send(const std::string& line) override { return worker_->send(line); }
  Link receive(std::vector<std::string>& lines) override;
  int descriptor() const override { return worker_->descriptor(); }
  void stop(StopWorker how) override { worker_->stop(how); }
  WorkerEnd end() override { return worker_->end(); }

 private:
  /// Whether it was about a file.
  bool take(const WorkerMessage& message);

  std::unique_ptr<Channel> worker_;
  std::filesystem::path artifacts_;
  storage::ArtifactStore store_;
  std::optional<PartialFile> incoming_;
};

}  // namespace search
