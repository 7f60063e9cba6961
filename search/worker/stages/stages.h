// The worker's side of a stage: one file a kind. A stage reads its inputs' artifacts, works, writes artifacts and returns an outcome; it
// never touches the database.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "eval/data/loader.h"
#include "eval/data/seed.h"
#include "eval/latency_table.h"
#include "eval/nets/net.h"
#include "eval/torch.h"
#include "search/plan/stage.h"
#include "storage/artifacts.h"

namespace search {

/// A dataset with what is measured on its training images.
struct TaskData {
  std::unique_ptr<eval::Dataset> dataset;
  eval::Normalisation normalisation;
};

/// `settings` and `target` as eval::open_dataset takes them.
TaskData open_task_data(const Json& settings, const std::string& target);

/// What a warm worker keeps in memory between stages: datasets, and the last few nets.
class WarmCache {
 public:
  /// `data`: {"settings", "identity", "target"} of the stage's parameters.
  const TaskData& data(const Json& data);

  /// The weights under a content hash.
  eval::Weights weights(const storage::ArtifactStore& artifacts, const std::string& hash);

 private:
  std::map<std::string, TaskData> data_;
  std::list<std::pair<std::string, eval::Weights>> nets_;  // the latest first
};

/// What a stage draws from its seed, each from a stream of its own. Stored results depend on the numbers.
enum class Draws : std::uint64_t {
  training = 0,    ///< order, augmentation and dropout
  scoring = 2,     ///< images and signs of a criterion
  settling = 3,    ///< images of the refit, and where batch norm is estimated anew
  judging = 4,     ///< images on which candidates are made right and scored
  proposals = 100  ///< widths of the first round of candidates; the later ones follow
};

/// One stage as it was sent, and what it may use.
struct StageContext {
  std::string fingerprint;
  Json parameters;
  Json inputs;  ///< by role: {"values", "architecture", "artifacts": {name: hash}}
  std::filesystem::path directory;
  torch::Device device;
  WarmCache& cache;
  const std::atomic<bool>& stop;
  std::function<void(double fraction, const std::string& message)> progress;

  storage::ArtifactStore artifacts() const { return storage::ArtifactStore(directory / "artifacts"); }
  std::filesystem::path checkpoint() const;  ///< makes its folder

  /// As its parameters have it, which stages that draw have.
  std::uint64_t seed() const { return parameters.at("seed").get<std::uint64_t>(); }
  std::uint64_t seed(Draws what) const { return eval::mix_seed(seed(), static_cast<std::uint64_t>(what)); }

  /// The net of an input role, on the device.
  eval::Net input_net(const std::string& role) const;

  /// That of the input "table", where there is one.
  std::optional<eval::LatencyTable> latency_table() const;
};

/// Throws storage::Error(invalid) where files, `what` by kind and place, are not what they were when the experiment was loaded: its stages
/// are known by what the files were then.
void check_unchanged(const std::string& what, const Json& identity, const Json& planned);

/// The net that parameters ask for ({"name", "width", "layout", "dropout"}), for the data's images and classes.
eval::NetSpec requested_net(const Json& net, const eval::Dataset& data);
eval::NetSpec requested_net(const Json& net, const eval::Shape& input, int classes);

/// Runs the stage. What went wrong inside it is an outcome (failed, with a kind), not an exception.
storage::StageOutcome run_stage(StageKind kind, const StageContext& context);

storage::StageOutcome run_probe(const StageContext& context);
storage::StageOutcome run_latency_table(const StageContext& context);
storage::StageOutcome run_train(const StageContext& context);
storage::StageOutcome run_candidates(const StageContext& context);
storage::StageOutcome run_prune(const StageContext& context);
storage::StageOutcome run_extend(const StageContext& context);
storage::StageOutcome run_transfer(const StageContext& context);
storage::StageOutcome run_scratch(const StageContext& context);
storage::StageOutcome run_evaluate(const StageContext& context);
storage::StageOutcome run_latency(const StageContext& context);
storage::StageOutcome run_robustness(const StageContext& context);

}  // namespace search
