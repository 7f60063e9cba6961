#include "storage/base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "storage/base/error.h"

namespace storage {

namespace {

[[noreturn]] void fail(ErrorKind kind, const char* doing, const std::filesystem::path& path, int error) {
  throw Error(kind, fmt::format("cannot {} {}: {}", doing, path.string(), std::strerror(error)));
}

constexpr int kLockAttempts = 20;
constexpr std::chrono::milliseconds kLockPause{10};

/// An open file, closed with the object.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags, ErrorKind kind, const char* doing)
      : Descriptor(path, flags, kind, doing, path) {}

  /// `named`: the one that an error names.
  Descriptor(const std::filesystem::path& path, int flags, ErrorKind kind, const char* doing, const std::filesystem::path& named)
      : value_(open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (value_ < 0) fail(kind, doing, named, errno);
  }
  ~Descriptor() { close(value_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  operator int() const { return value_; }

 private:
  int value_;
};

/// Opens `file` and writes it; `path`: the one that an error names.
void write_all(const std::filesystem::path& file, int flags, std::string_view bytes, const std::filesystem::path& path) {
  const Descriptor opened(file, flags, ErrorKind::environment, "write", path);
  while (!bytes.empty()) {
    const ssize_t count = write(opened, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      fail(ErrorKind::environment, "write", path, errno);
    }
  }
}

std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

std::string network_file_system(long magic) {
  static const std::map<long, std::string> names{{0x6969, "NFS"},        {0x517B, "SMB"},      {0xFE534D42, "SMB"},
                                                 {0xFF534D42, "CIFS"},   {0x5346414F, "AFS"},  {0x00C36400, "CephFS"},
                                                 {0x0BD00BD0, "Lustre"}, {0x47504653, "GPFS"}, {0x19830326, "BeeGFS"},
                                                 {0x01021997, "9p"},     {0x65735546, "FUSE"}};
  const auto found = names.find(magic & 0xFFFFFFFF);
  return found == names.end() ? "" : found->second;
}

void make_directory(const std::filesystem::path& directory) {
  std::error_code error;
  std::vector<std::filesystem::path> parents;  // that get a new name
  for (std::filesystem::path path = directory; !path.empty() && !std::filesystem::exists(path, error); path = path.parent_path())
    parents.push_back(directory_of(path));
  std::filesystem::create_directories(directory, error);
  if (error)
    throw Error(ErrorKind::environment,
                fmt::format("cannot make the directory {}: {}; valid: another with -o", directory.string(), error.message()));
  for (const std::filesystem::path& parent : parents) sync_directory(parent);
}

std::string network_file_system(const std::filesystem::path& path) {
  struct statfs about {};
  return ::statfs(path.c_str(), &about) == 0 ? network_file_system(static_cast<long>(about.f_type)) : "";
}

void read_blocks(const std::filesystem::path& path, const std::function<void(std::string_view)>& take) {
  const Descriptor file(path, O_RDONLY, ErrorKind::invalid, "read");
  std::vector<char> block(1 << 20);
  while (true) {
    const ssize_t count = read(file, block.data(), block.size());
    if (count == 0) return;
    if (count > 0) {
      take({block.data(), static_cast<std::size_t>(count)});
    } else if (errno != EINTR) {
      fail(ErrorKind::invalid, "read", path, errno);
    }
  }
}

std::string read_file(const std::filesystem::path& path) {
  std::string bytes;
  read_blocks(path, [&](std::string_view block) { bytes += block; });
  return bytes;
}

void commit_file(const std::filesystem::path& temporary, const std::filesystem::path& path) {
  const Descriptor file(temporary, O_RDONLY, ErrorKind::environment, "write", path);
  struct stat before {};
  if (stat(path.c_str(), &before) == 0 && S_ISREG(before.st_mode)) fchmod(file, before.st_mode & 0777);  // a private file stays one
  if (fsync(file) != 0) fail(ErrorKind::environment, "flush", path, errno);
  if (rename(temporary.c_str(), path.c_str()) != 0) fail(ErrorKind::environment, "write", path, errno);
  sync_directory(directory_of(path));
}

void sync_directory(const std::filesystem::path& directory) {
  const Descriptor opened(directory, O_RDONLY | O_DIRECTORY, ErrorKind::environment, "write");
  // Some network file systems cannot flush a directory and say EINVAL: the rename holds nevertheless.
  if (fsync(opened) != 0 && errno != EINVAL) fail(ErrorKind::environment, "flush the directory", directory, errno);
}

std::filesystem::path behind_link(const std::filesystem::path& path) {
  std::error_code unknown;
  if (!std::filesystem::is_symlink(path, unknown) || !std::filesystem::exists(path, unknown)) return path;
  return std::filesystem::canonical(path);
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::error_code unknown;
  const std::filesystem::file_status status = std::filesystem::status(path, unknown);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) && !std::filesystem::is_directory(status))
    return write_all(path, O_WRONLY, bytes, path);
  const std::filesystem::path target = behind_link(path);
  const TemporaryNeighbour temporary(target);
  write_all(temporary.path(), O_WRONLY | O_CREAT | O_EXCL, bytes, path);
  commit_file(temporary.path(), target);
}

TemporaryNeighbour::TemporaryNeighbour(const std::filesystem::path& target)
    : path_(directory_of(target) / fmt::format(".{}.{}-{:08x}.tmp", target.filename().string(), getpid(), std::random_device()())) {}

TemporaryNeighbour::~TemporaryNeighbour() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

bool is_locked(const std::filesystem::path& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool locked = flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(descriptor);
  return locked;
}

FileLock::FileLock(const std::filesystem::path& path) : descriptor_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail(ErrorKind::environment, "lock", path, errno);
  // Who only asks (is_locked) holds it for an instant.
  bool locked = flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
  for (int attempt = 0; !locked && errno == EWOULDBLOCK && attempt < kLockAttempts; ++attempt) {
    std::this_thread::sleep_for(kLockPause);
    locked = flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
  }
  if (!locked) {
    const int error = errno;
    char holder[32] = {};
    const bool named = error == EWOULDBLOCK && pread(descriptor_, holder, sizeof holder - 1, 0) > 0;
    close(descriptor_);
    if (error != EWOULDBLOCK) fail(ErrorKind::environment, "lock", path, error);
    throw Error(ErrorKind::storage, fmt::format("{} is locked by {}: wait until it ends, or stop it", path.string(),
                                                named ? fmt::format("process {}", holder) : "another process"));
  }
  // The pid is for the message above only, so a failure to write it is no failure of the lock.
  const std::string pid = std::to_string(getpid());
  [[maybe_unused]] const bool written = ftruncate(descriptor_, 0) == 0 && pwrite(descriptor_, pid.data(), pid.size(), 0) > 0;
}

FileLock::~FileLock() {
  close(descriptor_);
}

}  // namespace storage
