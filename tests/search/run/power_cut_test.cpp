// What a power cut leaves of a run. Every change of files below one directory is recorded, whether SQLite makes it or nas-run; then the
// directory is built again at random moments, as a disk may hold it that keeps what was flushed and loses any part of the rest.
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdio>
#include <random>

#include "storage/artifacts.h"
#include "storage/base/file.h"
#include "storage/base/fingerprint.h"
#include "tests/support/fake_executor.h"
#include "tests/support/fake_run.h"
#include "tests/support/temporary_directory.h"

namespace fs = std::filesystem;

namespace {

enum class Kind { write, truncate, flush, make_directory, rename, remove };

struct Change {
  Kind kind;
  std::string path, text;  ///< text: the bytes written, or the new name
  std::size_t offset = 0;  ///< of a write, or the size that is left
};

std::string recorded;  ///< the directory; "": none
std::vector<Change> changes;

void record(Kind kind, const std::string& path, const std::string& text = "", std::size_t offset = 0) {
  if (!recorded.empty() && path.starts_with(recorded + "/") && !path.ends_with("-shm"))  // -shm is memory
    changes.push_back({kind, path.substr(recorded.size()), kind == Kind::rename ? text.substr(recorded.size()) : text, offset});
}

std::string path_of(int descriptor) {
  std::error_code closed;
  return recorded.empty() ? "" : fs::read_symlink("/proc/self/fd/" + std::to_string(descriptor), closed).string();
}

template <class Function, class... Arguments>
auto next(const char* name, Function*, Arguments... arguments) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name))(arguments...);
}

int flush(int descriptor) {  // the disk is this test
  const std::string path = path_of(descriptor);
  record(Kind::flush, path == recorded ? path + "/" : path);
  return 0;
}

}  // namespace

// In place of the C library's, for the libraries that this program loads too.
extern "C" {
ssize_t write(int descriptor, const void* bytes, std::size_t count) {
  const off_t offset = lseek(descriptor, 0, SEEK_CUR);
  record(Kind::write, path_of(descriptor), {static_cast<const char*>(bytes), count}, static_cast<std::size_t>(offset));
  return next("write", write, descriptor, bytes, count);
}
ssize_t pwrite64(int descriptor, const void* bytes, std::size_t count, off64_t offset) {
  record(Kind::write, path_of(descriptor), {static_cast<const char*>(bytes), count}, static_cast<std::size_t>(offset));
  return next("pwrite64", pwrite64, descriptor, bytes, count, offset);
}
int ftruncate64(int descriptor, off64_t size) noexcept {
  record(Kind::truncate, path_of(descriptor), "", static_cast<std::size_t>(size));
  return next("ftruncate64", ftruncate64, descriptor, size);
}
int fsync(int descriptor) {
  return flush(descriptor);
}
int fdatasync(int descriptor) {
  return flush(descriptor);
}
int rename(const char* from, const char* to) noexcept {
  record(Kind::rename, from, to);
  return next("rename", rename, from, to);
}
int unlink(const char* path) noexcept {
  record(Kind::remove, path);
  return next("unlink", unlink, path);
}
int remove(const char* path) noexcept {
  if (access(path, F_OK) == 0) record(Kind::remove, path);
  return next("remove", static_cast<int (*)(const char*)>(remove), path);
}
int mkdir(const char* path, mode_t mode) noexcept {
  const int failed = next("mkdir", mkdir, path, mode);
  if (failed == 0) record(Kind::make_directory, path);
  return failed;
}
}

namespace {

/// A disk with a cache in front of it: names and bytes that wait there are lost with the power, all or some.
class Disk {
 public:
  void apply(const Change& change) {
    const auto file = cached_.find(change.path);
    switch (change.kind) {
      case Kind::write:
      case Kind::truncate:
        if (file == cached_.end()) set_name(change.path, std::make_shared<File>());
        cached_.at(change.path)->waiting.push_back(&change);
        break;
      case Kind::make_directory:
        set_name(change.path, std::make_shared<File>(File{.is_directory = true}));
        break;
      case Kind::rename:
        set_name(change.text, file->second);
        set_name(change.path, nullptr);
        break;
      case Kind::remove:
        set_name(change.path, nullptr);
        break;
      case Kind::flush:
        if (file == cached_.end() || file->second->is_directory)
          keep_names([&](const std::string& name) { return fs::path(name).parent_path() == fs::path(change.path); });
        else
          file->second->keep([] { return true; });
    }
  }

  /// The power goes: of what waits each sector of 512 bytes is kept by chance, and some of the names, the first ones.
  void lose(std::mt19937& random, const fs::path& into) {
    const double share = std::uniform_int_distribution(0, 4)(random) / 4.0;
    std::bernoulli_distribution survives(share);
    auto left = static_cast<int>(share * static_cast<double>(waiting_names_.size()));
    keep_names([&](const std::string&) { return left-- > 0; });
    for (const auto& [name, file] : names_) {  // a directory comes before what is in it
      if (!file || !fs::exists(into / fs::path(name).parent_path().relative_path())) continue;
      file->keep([&] { return survives(random); });
      const fs::path path = into / name.substr(1);
      if (file->is_directory)
        fs::create_directory(path);
      else
        storage::write_file(path, file->bytes);
    }
  }

 private:
  struct File {
    bool is_directory = false;
    std::string bytes = {};
    std::vector<const Change*> waiting = {};

    template <class Chance>
    void keep(Chance chance) {
      for (const Change* change : waiting) {
        if (change->kind == Kind::truncate && chance()) bytes.resize(change->offset);
        for (std::size_t begin = 0; begin < change->text.size();) {
          const std::size_t count = std::min(512 - (change->offset + begin) % 512, change->text.size() - begin);
          if (chance()) {
            bytes.resize(std::max(bytes.size(), change->offset + begin + count));
            bytes.replace(change->offset + begin, count, change->text, begin, count);
          }
          begin += count;
        }
      }
      waiting.clear();
    }
  };
  using Name = std::pair<std::string, std::shared_ptr<File>>;  ///< null: removed

  void set_name(const std::string& name, std::shared_ptr<File> file) {
    waiting_names_.push_back({name, file});
    if (file)
      cached_[name] = std::move(file);
    else
      cached_.erase(name);
  }

  template <class Which>
  void keep_names(Which which) {
    std::erase_if(waiting_names_, [&](const Name& name) {
      const bool kept = which(name.first);
      if (kept) names_[name.first] = name.second;
      return kept;
    });
  }

  std::map<std::string, std::shared_ptr<File>> names_, cached_;
  std::vector<Name> waiting_names_;
};

/// What a run has said by a moment, counted in changes.
struct Promise {
  std::size_t moment;
  std::string stage;
  int epoch;  ///< that is finished; 0: the whole stage
};

int epochs_in(const fs::path& checkpoint) {
  return fs::exists(checkpoint) ? std::stoi(storage::read_file(checkpoint)) : 0;
}

struct Observer : support::RecordingObserver {
  void finished(const search::Stage& stage, const storage::StageOutcome& outcome, bool) override {
    if (outcome.state == storage::StageState::done) promises.push_back({changes.size(), stage.fingerprint, 0});
  }
  std::vector<Promise> promises;
};

/// Runs until all is done. Every tenth promise is an epoch at which the run is stopped, the database closed, and opened again.
std::vector<Promise> run(const fs::path& directory, const std::vector<search::Stage>& stages) {
  Observer observer;
  search::StopRequest stop;
  support::FakeExecutor executor(2, [&](const search::Job& job, int) -> std::optional<storage::StageOutcome> {
    const fs::path checkpoint = storage::checkpoint_path(directory, job.fingerprint);
    storage::make_directory(checkpoint.parent_path());
    for (int epoch = epochs_in(checkpoint) + 1; epoch <= 3; ++epoch) {
      storage::write_file(checkpoint, std::to_string(epoch) + std::string(2000, ' '));
      observer.promises.push_back({changes.size(), job.fingerprint, epoch});
      if (observer.promises.size() % 10 != 0) continue;
      stop.count = 1;
      return std::nullopt;
    }
    storage::StageOutcome outcome = support::done();
    outcome.artifacts.push_back(storage::ArtifactStore(directory / "artifacts").put("weights", [&](const fs::path& path) {
      storage::write_file(path, job.fingerprint + std::string(2000, ' '));
    }));
    return outcome;
  });
  for (auto end = search::RunSummary::End::interrupted; end != search::RunSummary::End::finished; stop.count = 0) {
    storage::Repository repository(directory, storage::Repository::Access::write);
    end = search::run({}, support::FixedStrategy(stages), repository, executor, {}, stop, observer).end;
  }
  return observer.promises;
}

}  // namespace

TEST_CASE("a power cut loses no recorded stage and no finished epoch") {
  const support::TemporaryDirectory directory;
  std::vector<search::Stage> stages;
  for (int i = 0; i < 24; ++i) {
    const auto inputs = i < 3 ? std::vector<search::Stage>{} : std::vector{stages[static_cast<std::size_t>(i) - 3]};
    stages.push_back(support::stage("stage " + std::to_string(i), inputs));
  }
  recorded = fs::canonical(directory.path());
  const std::vector<Promise> promises = run(recorded, stages);
  recorded.clear();
  REQUIRE(promises.size() == 4 * stages.size());

  std::mt19937 random(1);
  for (int cut = 0; cut < 100; ++cut) {
    const std::size_t moment = std::uniform_int_distribution<std::size_t>(0, changes.size())(random);
    Disk disk;
    for (std::size_t i = 0; i < moment; ++i) disk.apply(changes[i]);
    const support::TemporaryDirectory left;
    disk.lose(random, left.path());

    INFO("after " << moment << " of " << changes.size() << " changes");
    storage::Repository repository(left.path(), storage::Repository::Access::write);
    CHECK(repository.check() == "ok");
    const auto statuses = repository.stage_statuses();
    for (const Promise& promise : promises) {
      if (promise.moment > moment) break;
      const auto status = statuses.find(promise.stage);
      if (status != statuses.end() && status->second.state == storage::StageState::done) {
        const storage::Artifact weights = repository.outcome(promise.stage).artifacts.at(0);
        CHECK(storage::sha256_file(left.path() / "artifacts" / weights.hash.substr(0, 2) / weights.hash) == weights.hash);
      } else {
        CHECK(promise.epoch != 0);
        CHECK(epochs_in(storage::checkpoint_path(left.path(), promise.stage)) >= promise.epoch);
      }
    }
  }
}
