// A run at one moment: read once from the views, into plain values that refer to each other by index. All that compares, draws or cleans
// up a run starts from it.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "storage/repository.h"

namespace search {

using storage::Json;

/// The role and the index of a stage that another reads.
struct Input {
  std::string role;
  int stage = -1;
};

struct StoredStage {
  std::string fingerprint, kind, label, state, started_at, device, host, failure_kind, failure;
  double wall_s = 0;
  std::vector<Input> inputs;
  int net = -1;          ///< the net that it made, else the net that it measured; -1: neither
  bool dropped = false;  ///< of settings that were changed since
};

struct StoredNet {
  int stage = -1;
  int parent = -1;           ///< the net that it was cut from or trained on from
  int trial = -1, step = 0;  ///< the first trial that it is a step of
  double params = 0, macs = 0;
  std::optional<double> val, test, before;  ///< accuracies; `before`: validation, after the cut and before retraining
  std::optional<double> eta;
  std::string criterion, request;  ///< JSON
  bool beyond = false;             ///< breaks the constraints that the experiment was last run with, or lacks what these bound
};

struct StoredTrial {
  int number = 0;
  std::string name, role, task, net, criterion, schedule, state, failure;
  double width = 1;
  int seed = 0;
  std::optional<int> fold;
  bool outdated = false;     ///< of settings of training or cutting that were changed since; the last plan has no such trial
  int last_step = 0;         ///< as planned so far
  std::vector<int> nets;     ///< by step; -1: not made yet
  std::vector<bool> tested;  ///< by step: the trial asks for its test accuracy, and it is there
};

struct Snapshot {
  std::vector<StoredStage> stages;  ///< in the order of their numbers: inputs first
  std::vector<StoredNet> nets;
  std::vector<StoredTrial> trials;
  std::unordered_map<std::string, int> stage_index;  ///< by fingerprint

  /// The index of the net that a stage made, or -1.
  int net_of(const std::string& fingerprint) const;

  const StoredTrial* trial_of(const StoredNet& net) const;
};

Snapshot read_snapshot(const storage::Repository& repository);

/// As it was run last. Throws storage::Error(usage) where a run ended before one was stored.
storage::ExperimentRecord experiment_of(const storage::Repository& repository);

/// `search: {tolerance}` of the experiment as it was run last.
double stored_tolerance(const storage::Repository& repository);

}  // namespace search
