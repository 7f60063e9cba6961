// Whole files: read, and written so that a crash leaves the old content or the new, never half; and the lock of a run.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace storage {

/// Hands the file's bytes to `take` in blocks of up to 1 MiB. Throws Error(invalid) where the file cannot be read.
void read_blocks(const std::filesystem::path& path, const std::function<void(std::string_view)>& take);

/// The file's bytes. Throws Error(invalid) where it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// Flushes a file that is complete under `temporary`, renames it to `path`, whose rights it takes over, and flushes the directory.
/// Throws Error(environment) on a full disk or a directory that cannot be written; `path` is then as it was.
void commit_file(const std::filesystem::path& temporary, const std::filesystem::path& path);

/// Flushes the names in a directory. Throws Error(environment) where that fails; a file system that cannot do it is no failure.
void sync_directory(const std::filesystem::path& directory);

/// What a link leads to, where that exists; anything else as it is. Who replaces that whole leaves the link.
std::filesystem::path behind_link(const std::filesystem::path& path);

/// Writes the bytes to a temporary neighbour of what `path` leads to, then commit_file; to a pipe or a device they go as they are. Throws
/// Error(environment) as commit_file does.
void write_file(const std::filesystem::path& path, std::string_view bytes);

/// Makes the directory and those above it, where they are missing, and flushes their names. Throws Error(environment) with the reason.
void make_directory(const std::filesystem::path& directory);

/// The name of the network file system that `path` lies on, or "" where it is local or cannot be told. The magic numbers are of statfs(2).
std::string network_file_system(const std::filesystem::path& path);
std::string network_file_system(long magic);

/// A name beside `target` that no other process or thread uses; what lies there when the object dies is removed, a folder with all it
/// holds.
class TemporaryNeighbour {
 public:
  explicit TemporaryNeighbour(const std::filesystem::path& target);
  ~TemporaryNeighbour();
  TemporaryNeighbour(const TemporaryNeighbour&) = delete;
  TemporaryNeighbour& operator=(const TemporaryNeighbour&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Whether somebody holds the FileLock of this path now. Asking takes the lock for an instant, which who wants it waits for.
bool is_locked(const std::filesystem::path& path);

/// An exclusive advisory lock (flock) held while the object lives; the kernel drops it when the process dies.
class FileLock {
 public:
  /// Makes the file where it is missing. Throws Error(storage) naming the holder's pid where another process holds the lock,
  /// Error(environment) where the file cannot be made.
  explicit FileLock(const std::filesystem::path& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace storage
