#include "storage/artifacts.h"

#include <fmt/format.h>

#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/fingerprint.h"

namespace storage {

namespace {

std::filesystem::path path_in(const std::filesystem::path& directory, const std::string& hash) {
  return directory / hash.substr(0, 2) / hash;
}

}  // namespace

ArtifactStore::ArtifactStore(std::filesystem::path directory) : directory_(std::move(directory)) {
  make_directory(directory_);
}

Artifact ArtifactStore::put(const std::string& name, const std::function<void(const std::filesystem::path&)>& write) const {
  const TemporaryNeighbour temporary(directory_ / "artifact");
  write(temporary.path());
  std::error_code error;
  const auto bytes = std::filesystem::file_size(temporary.path(), error);
  if (error) throw Error(ErrorKind::internal, fmt::format("the writer of artifact '{}' left no file: {}", name, error.message()));

  const std::string hash = sha256_file(temporary.path());
  if (!contains(hash)) {
    make_directory(path(hash).parent_path());
    commit_file(temporary.path(), path(hash));
  }
  return {name, hash, static_cast<std::int64_t>(bytes)};
}

std::filesystem::path ArtifactStore::path(const std::string& hash) const {
  return path_in(directory_, hash);
}

bool ArtifactStore::contains(const std::string& hash) const {
  return contains(directory_, hash);
}

bool ArtifactStore::contains(const std::filesystem::path& directory, const std::string& hash) {
  std::error_code unreadable;
  return std::filesystem::is_regular_file(path_in(directory, hash), unreadable);
}

std::filesystem::path checkpoint_path(const std::filesystem::path& directory, const std::string& stage) {
  return directory / "checkpoints" / (stage + ".pt");
}

std::filesystem::path precision_note_path(std::filesystem::path checkpoint) {
  return checkpoint.replace_extension(".fp32");
}

}  // namespace storage
