// Files kept by content: weights and checkpoints under the SHA-256 of their bytes. Workers write them, the parent records them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace storage {

/// A stored file: its role in the stage ("weights"), its content hash and size.
struct Artifact {
  std::string name;
  std::string hash;
  std::int64_t bytes = 0;
};

class ArtifactStore {
 public:
  /// `directory` is made where it is missing. Throws Error(environment) where that fails.
  explicit ArtifactStore(std::filesystem::path directory);

  /// `write` fills the temporary file it is given; the file is then hashed, flushed and renamed to its hash.
  /// An equal file that is already there is kept and the new one dropped.
  Artifact put(const std::string& name, const std::function<void(const std::filesystem::path&)>& write) const;

  /// Where the content lies (two levels: the first two digits name a folder). It may not exist.
  std::filesystem::path path(const std::string& hash) const;
  bool contains(const std::string& hash) const;

  /// The same of a store that need not be there.
  static bool contains(const std::filesystem::path& directory, const std::string& hash);

 private:
  std::filesystem::path directory_;
};

/// Where a stage under way keeps its training, in a results directory: DIR/checkpoints/STAGE.pt. The worker writes it; the run removes it
/// once the stage is recorded as done, and not before.
std::filesystem::path checkpoint_path(const std::filesystem::path& directory, const std::string& stage);

/// Beside it, a text that says why the stage goes on in fp32, for one that is started again.
std::filesystem::path precision_note_path(std::filesystem::path checkpoint);

}  // namespace storage
