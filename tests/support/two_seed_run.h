// A finished run of one task with nets of two seeds, for the tests of what reports say of it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "storage/artifacts.h"
#include "storage/base/file.h"
#include "tests/support/small_plan.h"
#include "tests/support/temporary_directory.h"

namespace support {

/// A run with nets of one task, two seeds each: (validation, test) by seed.
struct TwoSeedRun {
  TemporaryDirectory directory;
  storage::Repository repository{directory.path(), storage::Repository::Access::write};
  storage::ArtifactStore store{directory.path() / "artifacts"};
  std::vector<storage::StageRecord> stages;
  std::vector<storage::TrialRecord> trials;
  std::vector<std::pair<std::string, storage::StageOutcome>> outcomes;

  static storage::StageOutcome outcome(const char* split, double accuracy) {
    storage::StageOutcome made;
    made.state = storage::StageState::done;
    made.metrics = {{split, "accuracy", accuracy, {}}};
    return made;
  }

  void net(const std::string& name, const std::string& from, std::int64_t params, std::int64_t macs, double val, double test) {
    stages.push_back(from.empty() ? storage::StageRecord{name, "train", name, R"({"train": {"epochs": 3}})", {}}
                                  : storage::StageRecord{name, "prune", name, R"({"retrain": {"epochs": 2}})", {}});
    if (!from.empty()) stages.back().inputs = {{"net", from}};
    stages.push_back({"test-" + name, "evaluate", name, "{}", {{"net", name}}});
    storage::StageOutcome made = outcome("val", val);
    if (!from.empty()) made.metrics.push_back({"val", "accuracy", val - 0.1, 1});
    made.artifacts.push_back(store.put("weights", [&](const std::filesystem::path& path) { storage::write_file(path, name); }));
    made.architecture = storage::ArchitectureRecord{name, {{"net", name}}, "", storage::Json::object(), params, macs};
    outcomes.emplace_back(name, made);
    outcomes.emplace_back("test-" + name, outcome("test", test));
  }

  void trial(const std::string& net, const std::string& role, const std::string& criterion, int seed, const std::vector<std::string>& steps,
             const std::string& schedule = "slow") {
    storage::TrialRecord made;
    made.name = net + criterion + (schedule == "slow" ? "" : schedule) + std::to_string(seed);
    made.task = "t";
    made.net = net;
    made.role = role;
    made.criterion = criterion;
    made.schedule = criterion.empty() ? "" : schedule;
    made.seed = seed;
    for (const std::string& step : steps) made.steps.push_back({static_cast<int>(made.steps.size()), step, "test-" + step});
    trials.push_back(made);
  }

  storage::Json settings{{"search", {{"tolerance", 0.02}}}};

  void record() {
    repository.record_plan({"e", "# Is a net\n# better?\nschema: 1\n", settings}, {{"t", "d", "", 10}}, stages, trials);
    for (const auto& [stage, outcome] : outcomes) run_stage(repository, stage, outcome);
  }

  /// The base has 0.90 and 0.91; lda 0.89, 0.90 at a half, 0.80 at a tenth; random, of one seed alone, 0.99 at a half; narrow 0.85, 0.86.
  TwoSeedRun() {
    for (const int seed : {1, 2}) {
      const std::string s = std::to_string(seed);
      const double more = 0.01 * (seed - 1);
      net("base" + s, "", 1000, 10000, 0.90 + more, 0.88 + more);
      net("half" + s, "base" + s, 500, 5000, 0.89 + more, 0.87 + 2 * more);
      net("tenth" + s, "half" + s, 100, 1000, 0.80 + more, 0.79 + more);
      net("narrow" + s, "", 90, 1000, 0.85 + more, 0.84 + 3 * more);
      trial("n", "pruned", "lda", seed, {"base" + s, "half" + s, "tenth" + s});
      trial("narrow-n", "baseline", "", seed, {"narrow" + s});
    }
    net("lucky", "base1", 500, 4000, 0.99, 0.70);
    trial("n", "pruned", "random", 1, {"base1", "lucky"});
    record();
  }
};

}  // namespace support
