#include "storage/base/file.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <optional>
#include <thread>

#include "storage/base/error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/throws.h"

using namespace storage;
using support::error_of;
using support::TemporaryDirectory;

namespace {

std::size_t entries(const std::filesystem::path& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator()));
}

/// A child process that holds the lock from before `wait_until_locked` returns until it is killed.
class LockHolder {
 public:
  explicit LockHolder(const std::filesystem::path& path) {
    REQUIRE(pipe(ready_) == 0);
    pid_ = fork();
    if (pid_ == 0) {
      const FileLock lock(path);
      if (write(ready_[1], "x", 1) != 1) _exit(1);
      pause();
      _exit(0);
    }
  }
  ~LockHolder() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(ready_[0]);
    close(ready_[1]);
  }
  void wait_until_locked() const {
    char byte = 0;
    REQUIRE(read(ready_[0], &byte, 1) == 1);
  }
  pid_t pid() const { return pid_; }

 private:
  int ready_[2] = {};
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("a file is written whole and read back") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "file";
  const std::string bytes("a\0b\r\n\xff", 6);
  write_file(path, bytes);
  CHECK(read_file(path) == bytes);
  write_file(path, "");
  CHECK(read_file(path).empty());
  CHECK(entries(directory.path()) == 1);
}

TEST_CASE("reading names the file and the reason") {
  const TemporaryDirectory directory;
  const Error missing = error_of([&] { read_file(directory.path() / "none"); });
  CHECK(missing.kind() == ErrorKind::invalid);
  CHECK(missing.what() == "cannot read " + (directory.path() / "none").string() + ": No such file or directory");
  CHECK_THAT(error_of([&] { read_file(directory.path()); }).what(), Catch::Contains("Is a directory"));
}

TEST_CASE("a write that fails leaves the old content and no temporary file") {
  const TemporaryDirectory directory;
  const auto target = directory.path() / "target";
  std::filesystem::create_directory(target);
  write_file(target / "inside", "old");

  const Error error = error_of([&] { write_file(target, "new"); });  // A directory cannot be replaced by a file.
  CHECK(error.kind() == ErrorKind::environment);
  CHECK_THAT(error.what(), Catch::Contains(target.string()) && Catch::Contains("directory"));
  CHECK(read_file(target / "inside") == "old");
  CHECK(entries(directory.path()) == 1);

  CHECK(error_of([&] { write_file(directory.path() / "none" / "file", "x"); }).kind() == ErrorKind::environment);
}

TEST_CASE("commit moves a finished file over the old one") {
  const TemporaryDirectory directory;
  const auto from = directory.path() / "from", to = directory.path() / "to";
  write_file(from, "new");
  write_file(to, "old");
  commit_file(from, to);
  CHECK(read_file(to) == "new");
  CHECK_FALSE(std::filesystem::exists(from));

  CHECK(error_of([&] { commit_file(from, to); }).kind() == ErrorKind::environment);
  CHECK(read_file(to) == "new");
}

TEST_CASE("a file that others may not read stays one when it is replaced") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "private";
  write_file(file, "old");
  std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  write_file(file, "new");
  CHECK(read_file(file) == "new");
  CHECK(std::filesystem::status(file).permissions() == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE(
    "a pipe that is named by a link takes the bytes as they are") {  // as /dev/stdout is one in `nas-run export ... -o /dev/stdout | head`
  int ends[2] = {};
  REQUIRE(pipe(ends) == 0);
  write_file(std::filesystem::path("/dev/fd") / std::to_string(ends[1]), "bytes");
  close(ends[1]);
  char bytes[8] = {};
  CHECK(read(ends[0], bytes, sizeof bytes) == 5);
  CHECK(std::string(bytes) == "bytes");
  close(ends[0]);
}

TEST_CASE("temporary neighbours differ and go with their object") {
  const TemporaryDirectory directory;
  std::filesystem::path left;
  {
    const TemporaryNeighbour one(directory.path() / "file"), other(directory.path() / "file");
    CHECK(one.path() != other.path());
    CHECK(one.path().parent_path() == directory.path());
    CHECK_THAT(one.path().string(), Catch::Contains(std::to_string(getpid())));
    left = one.path();
    std::ofstream(left) << "half";
  }
  CHECK_FALSE(std::filesystem::exists(left));
}

TEST_CASE("a lock held by another process is refused with its pid, and is free once that process is dead") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "lock";
  {
    const LockHolder holder(path);
    holder.wait_until_locked();
    const Error error = error_of([&] { FileLock lock(path); });
    CHECK(error.kind() == ErrorKind::storage);
    CHECK_THAT(error.what(), Catch::Contains(path.string()) && Catch::Contains("process " + std::to_string(holder.pid())));
  }
  const FileLock lock(path);
  CHECK(read_file(path) == std::to_string(getpid()));
}

TEST_CASE("a lock ends with its object") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "lock";
  std::optional<FileLock> lock(path);
  CHECK(error_of([&] { FileLock second(path); }).kind() == ErrorKind::storage);
  lock.reset();
  CHECK_NOTHROW(FileLock(path));
  CHECK(error_of([&] { FileLock none(directory.path() / "none" / "lock"); }).kind() == ErrorKind::environment);
}

TEST_CASE("network file systems are told by their magic numbers") {
  CHECK(storage::network_file_system(0x6969) == "NFS");
  CHECK(storage::network_file_system(static_cast<long>(0xFFFFFFFFFE534D42)) == "SMB");  // a negative f_type
  CHECK(storage::network_file_system(0xEF53).empty());                                  // ext4
  CHECK(storage::network_file_system(std::filesystem::path("/no/such/place")).empty());
}

TEST_CASE("who asks whether a run goes on does not keep another from starting") {
  const support::TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / "run.lock";
  { const storage::FileLock made(path); }
  std::atomic<bool> over{false};
  std::thread asking([&] {
    while (!over) storage::is_locked(path);
  });
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    try {
      const storage::FileLock lock(path);
    } catch (const storage::Error&) {
      ++refused;
    }
  }
  over = true;
  asking.join();
  CHECK(refused == 0);
}
