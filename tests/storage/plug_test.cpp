// Pulls the plug: of a run that is recorded, only what was synced survives, and of what was written since a random part, sector by sector.
#include <sqlite3.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <map>
#include <random>

#include "storage/repository.h"
#include "tests/support/small_plan.h"
#include "tests/support/temporary_directory.h"

using support::TemporaryDirectory;

namespace {

constexpr std::size_t kSector = 512;

/// What was asked of the disk, in order.
struct Operation {
  enum class Kind { write, truncate, sync } kind;
  std::string file;
  std::int64_t offset = 0;  ///< of a write; the size after a truncation
  std::string data = {};
};
std::vector<Operation> disk;

/// SQLite's usual files, with a record of what is done to them.
struct RecordedFile {
  sqlite3_file base;
  const char* name;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

RecordedFile& recorded(sqlite3_file* file) {
  return *reinterpret_cast<RecordedFile*>(file);
}

void record(sqlite3_file* file, Operation operation) {
  if (const char* name = recorded(file).name) {
    operation.file = std::filesystem::path(name).filename();
    disk.push_back(std::move(operation));
  }
}

int write(sqlite3_file* file, const void* data, int bytes, sqlite3_int64 offset) {
  record(file, {Operation::Kind::write, "", offset, {static_cast<const char*>(data), static_cast<std::size_t>(bytes)}});
  return recorded(file).real()->pMethods->xWrite(recorded(file).real(), data, bytes, offset);
}
int truncate(sqlite3_file* file, sqlite3_int64 size) {
  record(file, {Operation::Kind::truncate, "", size});
  return recorded(file).real()->pMethods->xTruncate(recorded(file).real(), size);
}
int sync(sqlite3_file* file, int flags) {
  record(file, {Operation::Kind::sync, ""});
  return recorded(file).real()->pMethods->xSync(recorded(file).real(), flags);
}

/// Passes a method on as it is.
template <auto method>
struct Passed;
template <typename... Arguments, typename Result, Result (*sqlite3_io_methods::*method)(sqlite3_file*, Arguments...)>
struct Passed<method> {
  static Result call(sqlite3_file* file, Arguments... arguments) {
    return (recorded(file).real()->pMethods->*method)(recorded(file).real(), arguments...);
  }
};

const sqlite3_io_methods methods = {.iVersion = 2,
                                    .xClose = Passed<&sqlite3_io_methods::xClose>::call,
                                    .xRead = Passed<&sqlite3_io_methods::xRead>::call,
                                    .xWrite = write,
                                    .xTruncate = truncate,
                                    .xSync = sync,
                                    .xFileSize = Passed<&sqlite3_io_methods::xFileSize>::call,
                                    .xLock = Passed<&sqlite3_io_methods::xLock>::call,
                                    .xUnlock = Passed<&sqlite3_io_methods::xUnlock>::call,
                                    .xCheckReservedLock = Passed<&sqlite3_io_methods::xCheckReservedLock>::call,
                                    .xFileControl = Passed<&sqlite3_io_methods::xFileControl>::call,
                                    .xSectorSize = Passed<&sqlite3_io_methods::xSectorSize>::call,
                                    .xDeviceCharacteristics = Passed<&sqlite3_io_methods::xDeviceCharacteristics>::call,
                                    .xShmMap = Passed<&sqlite3_io_methods::xShmMap>::call,
                                    .xShmLock = Passed<&sqlite3_io_methods::xShmLock>::call,
                                    .xShmBarrier = Passed<&sqlite3_io_methods::xShmBarrier>::call,
                                    .xShmUnmap = Passed<&sqlite3_io_methods::xShmUnmap>::call};

/// SQLite's usual way to the disk, recorded while this lives.
class Recorder {
 public:
  Recorder() : vfs_(*usual_) {
    vfs_.zName = "recorded";
    vfs_.pAppData = usual_;
    vfs_.szOsFile = static_cast<int>(sizeof(RecordedFile)) + usual_->szOsFile;
    vfs_.xOpen = [](sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
      auto* usual = static_cast<sqlite3_vfs*>(vfs->pAppData);
      recorded(file).name = (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0 ? name : nullptr;
      const int result = usual->xOpen(usual, name, recorded(file).real(), flags, out);
      file->pMethods = recorded(file).real()->pMethods == nullptr ? nullptr : &methods;
      return result;
    };
    sqlite3_vfs_register(&vfs_, 1);
    disk.clear();
  }
  ~Recorder() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(usual_, 1);
  }

 private:
  sqlite3_vfs* usual_ = sqlite3_vfs_find(nullptr);
  sqlite3_vfs vfs_;
};

/// What is in the files after the first `count` operations, where a power cut takes of what was not synced what chance takes.
std::map<std::string, std::string> after_a_power_cut(std::size_t count, std::mt19937& chance) {
  std::map<std::string, std::size_t> synced;  // the operation by which all before are safe
  for (std::size_t i = 0; i < count; ++i)
    if (disk[i].kind == Operation::Kind::sync) synced[disk[i].file] = i;
  std::map<std::string, std::string> files;
  for (std::size_t i = 0; i < count; ++i) {
    const Operation& each = disk[i];
    std::string& file = files[each.file];
    const bool is_safe = synced.contains(each.file) && i < synced[each.file];
    if (each.kind == Operation::Kind::truncate && (is_safe || chance() % 2 == 0)) file.resize(static_cast<std::size_t>(each.offset));
    for (std::size_t begin = 0; each.kind == Operation::Kind::write && begin < each.data.size(); begin += kSector) {
      if (!is_safe && chance() % 2 == 0) continue;
      const std::string sector = each.data.substr(begin, kSector);
      const std::size_t at = static_cast<std::size_t>(each.offset) + begin;
      file.resize(std::max(file.size(), at + sector.size()));
      file.replace(at, sector.size(), sector);
    }
  }
  return files;
}

}  // namespace

TEST_CASE("a power cut at any moment loses no stage that was recorded") {
  const TemporaryDirectory directory;
  const std::vector<std::string> order{"base", "l1cut1", "random1", "narrow", "test-base", "l1cut2"};
  std::vector<std::size_t> recorded_by;  // operations when finish_stage had returned
  std::size_t planned_by = 0;
  {
    const Recorder recorder;
    storage::Repository repository(directory.path(), storage::Repository::Access::write);
    support::SmallPlan().record(repository);
    planned_by = disk.size();
    for (const std::string& stage : order) {
      support::run_stage(repository, stage, support::made_net(stage, 100, 1000, 0.5));
      recorded_by.push_back(disk.size());
      repository.record_decisions({{stage, "go on", "to have something between"}});
    }
  }
  REQUIRE(disk.size() > recorded_by.back());
  std::mt19937 chance(7);
  for (int i = 0; i < 100; ++i) {
    const std::size_t moment = planned_by + chance() % (disk.size() - planned_by + 1);
    INFO("after " << moment << " of " << disk.size() << " operations");
    const TemporaryDirectory survived;
    for (const auto& [name, content] : after_a_power_cut(moment, chance))
      std::ofstream(survived.path() / name, std::ios::binary) << content;
    storage::Repository repository(survived.path(), storage::Repository::Access::write);
    CHECK(repository.check() == "ok");
    const auto statuses = repository.stage_statuses();
    for (std::size_t stage = 0; stage < order.size(); ++stage) {
      if (recorded_by[stage] > moment) continue;
      INFO(order[stage]);
      CHECK(statuses.at(order[stage]).state == storage::StageState::done);
      CHECK(statuses.at(order[stage]).accuracy_val == 0.5);
    }
  }
}
