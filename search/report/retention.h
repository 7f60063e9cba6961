// What of a run's files can be removed, under a rule of what to keep. Used by `nas-run gc DIR`.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "storage/repository.h"

namespace search {

/// Names of the rules: "all" keeps the weights of every stage that is done, "pareto" those of nets within the experiment's constraints
/// that no other of their task beats in validation accuracy and size (`nas-run pareto` lists them), by seed or by means over seeds (as
/// `nas-run best` goes), "reported" those of nets measured on test data, "none" none. Whatever the rule, nothing is removed that a stage
/// that is still to run takes as input, and where one is recorded as running nothing of which no stage knows.
const std::vector<std::string>& keep_rules();

struct RemovableFile {
  std::filesystem::path file;
  std::int64_t bytes = 0;
  std::string what;  ///< "weights of vgg16_bn seed 1", "checkpoint of a stage that is done", "left by no stage"
};

/// Throws storage::Error(usage) for an unknown rule.
std::vector<RemovableFile> removable_files(const storage::Repository& repository, const std::filesystem::path& directory,
                                           const std::string& keep);

}  // namespace search
