// What the repository keeps, as plain values: plans, stages, trials and outcomes. Made by search/, stored and given back by Repository.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/artifacts.h"
#include "storage/base/json.h"

namespace storage {

enum class StageState { pending, running, done, failed, interrupted };
std::string to_string(StageState state);
StageState stage_state_from_string(const std::string& text);

struct StageInput {
  std::string role;   ///< what the stage takes from it: "net", "widths", "precision"
  std::string stage;  ///< fingerprint
};

/// A stage as planned. The fingerprint is its identity.
struct StageRecord {
  std::string fingerprint;
  std::string kind;
  std::string label;
  std::string parameters;  ///< JSON
  std::vector<StageInput> inputs;
};

struct TrialStep {
  int step = 0;                                ///< 0 = the base
  std::string stage;                           ///< fingerprint of the train or prune stage that makes the net
  std::string evaluation;                      ///< fingerprint of the stage that measures it on test data, or ""
  std::vector<std::string> measurements = {};  ///< fingerprints of the stages that measure its latency, its robustness

  bool operator==(const TrialStep&) const = default;
};

/// One path through the stages: the base and its cuts, or a baseline.
struct TrialRecord {
  std::string name;                            ///< unique in the experiment, e.g. "fashion/vgg16_bn/lda/gradual/s1"
  std::string role;                            ///< "pruned" or "baseline"
  std::string task, net, criterion, schedule;  ///< criterion and schedule are empty for a baseline
  double width = 1;
  int seed = 1;
  std::optional<int> fold;
  std::vector<TrialStep> steps;

  bool operator==(const TrialRecord&) const = default;
};

struct ExperimentRecord {
  std::string name;
  std::string yaml;  ///< the file as it was read, with the command line's overrides in it
  Json settings;     ///< the validated experiment
};

struct TaskRecord {
  std::string name, dataset, target;
  int classes = 0;
};

struct Metric {
  std::string split;  ///< "train", "val", "test" or ""
  std::string name;
  double value = 0;
  std::optional<int> epoch;  ///< set for a point of a training curve
};

struct ArchitectureRecord {
  std::string hash;  ///< fingerprint of spec
  Json spec;
  std::string parent;  ///< hash, or "" for a net that was not cut
  Json kept;           ///< {layer: [channel indices in the net that was first trained]}, composed over steps
  std::int64_t params = 0, macs = 0;
};

/// What one cut did to one layer.
struct LayerRecord {
  std::string layer;
  int channels = 0, base_channels = 0;
  std::optional<double> score_min, score_mean, score_max, threshold;
  bool floor_applied = false;
  bool cap_applied = false;
  std::string fixed;  ///< why the layer cannot be cut; "": it can
};

/// Where a stage is started: a slot of the run, counted from 0.
struct Place {
  int slot = 0;
  std::string device;  ///< "cpu", "cuda:0"
  int threads = 1;
  std::string host;
};

/// Where a stage runs, as its worker says.
struct RunningPlace {
  std::string host;
  std::string handle;  ///< "pid 77"
};

/// Why a stage did not come to its end: StageOutcome::failure_kind.
namespace failure {
inline constexpr const char* lost = "lost";            ///< its worker fell silent, was killed from outside or gave it up; its GPU is gone
inline constexpr const char* crash = "crash";          ///< its worker ended by itself, or said what is no message
inline constexpr const char* oom = "oom";              ///< it had too little memory, by what the device or the queue says
inline constexpr const char* timeout = "timeout";      ///< it took longer than reliability.trial_timeout
inline constexpr const char* preempted = "preempted";  ///< its place was taken away: `interrupted`, as nobody asked for it
inline constexpr const char* diverged = "diverged";    ///< its training did
inline constexpr const char* invalid = "invalid";      ///< Error(invalid) or Error(usage): the data or the experiment are at fault
inline constexpr const char* storage = "storage";      ///< Error(storage): a file could not be kept or is broken
inline constexpr const char* environment = "environment";  ///< Error(environment): something that is to be there is not
inline constexpr const char* internal = "internal";        ///< Error(internal), or any other exception
}  // namespace failure

/// How a stage ended. Only of a stage that is done are architecture, layers, metrics and artifacts stored. A number in `values`, `spec`
/// or `kept` that is not finite is stored as number_to_json writes it.
struct StageOutcome {
  StageState state = StageState::failed;
  std::string failure_kind;  ///< one of namespace failure; "": it is done, or was told to stop
  std::string failure;       ///< one message; for a crash with the end of the worker's stderr
  double wall_s = 0;
  Json values;  ///< what later stages read, and whatever has no column of its own
  std::optional<ArchitectureRecord> architecture;
  std::vector<LayerRecord> layers;
  std::vector<Metric> metrics;
  std::vector<Artifact> artifacts;
};

/// What a strategy decided, and why.
struct Decision {
  std::string subject;  ///< a trial's name, or what its names begin with
  std::string choice;   ///< with the subject, unique
  std::string reason;
};

/// How good the nets of a task are, all together, with the net of `stage`.
struct HypervolumeRecord {
  std::string task, stage;
  double epochs = 0;  ///< of training, in all
  double value = 0;
};

/// What is stored of a stage's run.
struct StageStatus {
  StageState state = StageState::pending;
  int attempt = 0;  ///< runs started so far
  std::string failure_kind;
  double wall_s = 0;                         ///< of the last run
  std::optional<double> accuracy_val;        ///< of a stage that is done and trains
  std::optional<std::int64_t> params, macs;  ///< of the net that it made
  std::map<std::string, double> metrics;     ///< of those asked for, "split/name"; "size": bytes of its weights; "latency_..."
};

}  // namespace storage
