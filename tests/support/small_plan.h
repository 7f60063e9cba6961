// A plan small enough to follow by hand: one base, two cuts that two trials share, a criterion that fails, one that waits for it, a
// baseline.
#pragma once

#include <string>
#include <vector>

#include "storage/repository.h"

namespace support {

/// Stages (fingerprints): base -> cut1 -> cut2 (lda); base -> l1cut1 -> l1cut2; base + widths of l1cut1 -> random1; narrow (a baseline).
/// A stage `test-X` evaluates X. Trials: 1 long (cuts 1, 2), 2 short (cut 1), 3 l1 (cuts 1, 2), 4 random (cut 1), 5 narrow.
struct SmallPlan {
  storage::ExperimentRecord experiment{"small", "schema: 1\n", {{"seed", 1}}};
  std::vector<storage::TaskRecord> tasks{{"clothes", "fashion_mnist", "label", 10}};
  std::vector<storage::StageRecord> stages;
  std::vector<storage::TrialRecord> trials;

  SmallPlan() {
    using Inputs = std::vector<storage::StageInput>;
    const auto add = [&](const std::string& name, const std::string& kind, const Inputs& inputs) {
      stages.push_back({"test-" + name, "evaluate", "test of " + name, R"({"split":"test"})", {{"net", name}}});
      stages.push_back({name, kind, "label of " + name, R"({"epochs":2})", inputs});
    };
    add("base", "train", {});
    add("cut1", "prune", {{"net", "base"}});
    add("cut2", "prune", {{"net", "cut1"}});
    add("l1cut1", "prune", {{"net", "base"}});
    add("l1cut2", "prune", {{"net", "l1cut1"}});
    add("random1", "prune", {{"net", "base"}, {"widths", "l1cut1"}});
    add("narrow", "train", {});

    const auto step = [](int number, const std::string& name) { return storage::TrialStep{number, name, "test-" + name}; };
    const auto pruned = [&](const std::string& name, const std::string& criterion, const std::string& schedule,
                            const std::vector<storage::TrialStep>& steps) {
      trials.push_back({name, "pruned", "clothes", "vgg", criterion, schedule, 1, 7, {}, steps});
    };
    pruned("long", "lda", "gradual", {step(0, "base"), step(1, "cut1"), step(2, "cut2")});
    pruned("short", "lda", "one-shot", {step(0, "base"), step(1, "cut1")});
    pruned("l1", "l1", "gradual", {step(0, "base"), step(1, "l1cut1"), step(2, "l1cut2")});
    pruned("random", "random", "gradual", {step(0, "base"), step(1, "random1")});
    trials.push_back({"narrow", "baseline", "clothes", "vgg", "", "", 0.5, 7, 3, {step(0, "narrow")}});
  }

  void record(storage::Repository& repository) const { repository.record_plan(experiment, tasks, stages, trials); }
};

/// A done stage that made a net of this size with this validation accuracy.
inline storage::StageOutcome made_net(const std::string& hash, std::int64_t params, std::int64_t macs, double accuracy) {
  storage::StageOutcome outcome;
  outcome.state = storage::StageState::done;
  outcome.wall_s = 2.5;
  outcome.architecture = storage::ArchitectureRecord{hash, {{"net", hash}}, "", {{"conv1", {0, 2}}}, params, macs};
  outcome.metrics = {{"val", "accuracy", 0.25, 0}, {"val", "accuracy", accuracy, {}}, {"val", "loss", 0.5, {}}};
  return outcome;
}

/// A done evaluation on test data.
inline storage::StageOutcome measured(double accuracy) {
  storage::StageOutcome outcome;
  outcome.state = storage::StageState::done;
  outcome.metrics = {{"test", "accuracy", accuracy, {}}};
  return outcome;
}

inline void run_stage(storage::Repository& repository, const std::string& fingerprint, const storage::StageOutcome& outcome) {
  const int attempt = repository.start_stage(fingerprint, {0, "cpu", 1, "here"});
  repository.finish_stage(fingerprint, attempt, outcome);
}

}  // namespace support
