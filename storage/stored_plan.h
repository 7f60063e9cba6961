// The stages of a results directory as they were planned, with their parameters. Used by `nas-run show` to make a trial again.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "storage/records.h"

namespace storage {

class Database;

class StoredPlan {
 public:
  /// Reads DIR/experiment.db. Throws Error(storage) as Repository does.
  explicit StoredPlan(const std::filesystem::path& directory);
  ~StoredPlan();

  /// Throws Error(internal) for a stage that no plan has.
  StageRecord stage(const std::string& fingerprint) const;

 private:
  std::unique_ptr<Database> database_;
};

}  // namespace storage
