#include "search/run/file_parts.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/base/error.h"

namespace search {

using storage::Error;
using storage::ErrorKind;

namespace {

constexpr std::int64_t kPartBytes = std::int64_t{256} << 10;  ///< as a line it fits into a pipe

}  // namespace

FilePart read_part(const storage::ArtifactStore& store, const std::string& hash, std::int64_t offset) {
  std::error_code absent;
  const auto size = std::filesystem::file_size(store.path(hash), absent);
  FilePart part{hash, offset, absent ? -1 : static_cast<std::int64_t>(size), ""};
  if (absent) return part;
  part.bytes.resize(static_cast<std::size_t>(std::clamp<std::int64_t>(part.size - offset, 0, kPartBytes)));
  std::ifstream file(store.path(hash), std::ios::binary);
  file.seekg(offset);
  if (!file.read(part.bytes.data(), static_cast<std::streamsize>(part.bytes.size())))
    throw Error(ErrorKind::storage, fmt::format("{}: cannot be read", store.path(hash).string()));
  return part;
}

PartialFile::PartialFile(const storage::ArtifactStore& store, std::filesystem::path beside, std::string hash)
    : store_(store), temporary_(beside), hash_(std::move(hash)), out_(temporary_.path(), std::ios::binary) {}

bool PartialFile::add(const FilePart& part) {
  if (part.hash != hash_ || part.offset != bytes_ || part.size < bytes_ + std::ssize(part.bytes))
    throw Error(ErrorKind::invalid,
                fmt::format("a part of the file {} at {} comes where {} at {} is next", part.hash, part.offset, hash_, bytes_));
  out_.write(part.bytes.data(), std::ssize(part.bytes));
  bytes_ += std::ssize(part.bytes);
  if (bytes_ < part.size && !part.bytes.empty()) return false;
  out_.close();
  if (!out_) throw Error(ErrorKind::environment, fmt::format("{}: cannot be written", temporary_.path().string()));
  const storage::Artifact whole =
      store_.put("copy", [&](const std::filesystem::path& path) { std::filesystem::rename(temporary_.path(), path); });
  if (whole.hash != hash_) throw Error(ErrorKind::invalid, fmt::format("the file {} came as {}", hash_, whole.hash));
  return true;
}

}  // namespace search
