#include "search/run/executors/copying_channel.h"

#include <utility>

namespace search {

CopyingChannel::CopyingChannel(std::unique_ptr<Channel> worker, const std::filesystem::path& artifacts)
    : worker_(std::move(worker)), artifacts_(artifacts), store_(artifacts) {}

Link CopyingChannel::receive(std::vector<std::string>& lines) {
  std::vector<std::string> said;
  const Link link = worker_->receive(said);
  for (std::string& line : said) lines.push_back(take(message_from_line(line)) ? to_line(Alive()) : std::move(line));
  return link;
}

bool CopyingChannel::take(const WorkerMessage& message) {
  if (const auto* wanted = std::get_if<FileWanted>(&message)) {
    worker_->send(to_line(read_part(store_, wanted->hash, wanted->offset)));
    return true;
  }
  const auto* part = std::get_if<FilePart>(&message);
  if (part == nullptr) return false;
  if (part->offset == 0) incoming_.emplace(store_, artifacts_ / "artifact", part->hash);
  if (incoming_ && incoming_->add(*part)) incoming_.reset();
  return true;
}

}  // namespace search
