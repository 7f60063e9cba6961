// Artifacts that go from one store to another in parts, where nas-run and a worker share no disk. Used by both ends.
#pragma once

#include <fstream>
#include <memory>
#include <string>

#include "search/run/protocol.h"
#include "storage/artifacts.h"
#include "storage/base/file.h"

namespace search {

/// The part of an artifact that begins there; of `size` -1 where the store has none of that hash.
FilePart read_part(const storage::ArtifactStore& store, const std::string& hash, std::int64_t offset);

/// Puts an artifact together from its parts, which come in order.
class PartialFile {
 public:
  PartialFile(const storage::ArtifactStore& store, std::filesystem::path beside, std::string hash);

  const std::string& hash() const { return hash_; }
  std::int64_t bytes() const { return bytes_; }

  /// True with the last part: the artifact is in the store then. Throws storage::Error(invalid) for a part of another place or file, and
  /// where the whole is not what its hash says.
  bool add(const FilePart& part);

 private:
  const storage::ArtifactStore& store_;
  storage::TemporaryNeighbour temporary_;
  std::string hash_;
  std::ofstream out_;
  std::int64_t bytes_ = 0;
};

}  // namespace search
