// A stage: one content-addressed piece of work. Its fingerprint is the key of the cache, the resume and the lineage.
// Made by strategies; the JSON forms at the end are what the parent and its workers say to each other.
#pragma once

#include <string>
#include <vector>

#include "search/plan/stage_kind.h"
#include "search/plan/stage_parameters.h"
#include "storage/repository.h"

namespace search {

struct Stage {
  std::string fingerprint;
  StageKind kind = StageKind::train;
  std::string label;  ///< for people: "vgg16_bn lda-wilks gradual 2/3 seed 1"
  StageParameters parameters;
  std::vector<storage::StageInput> inputs;
  double cost = 1;      ///< estimated multiply-accumulates: order and ETA only
  double teaching = 0;  ///< of them, a teacher's
  double epochs = 0;    ///< of training, for the search's budget
  bool priority =
      false;  ///< goes before all that lack it: the first base and the first cut of each task, so that a user sees a result soon
};

/// The input role of a stage `robustness` that brings the net of this name, on which attacks are made.
std::string source_role(const std::string& net);

/// The input role of a stage `scratch` that brings the architecture of the n-th net whose training it is to match.
std::string spent_role(std::size_t number);

/// Computes the fingerprint from kind, parameters (data identity and seed are among them), inputs (whose order does not matter) and the
/// format version. Label, cost, priority and the paths of data and weights do not enter it.
Stage make_stage(StageKind kind, std::string label, StageParameters parameters, std::vector<storage::StageInput> inputs, double cost);

storage::StageRecord to_record(const Stage& stage);

/// {"hash", "spec", "parent", "kept", "params", "macs"}.
Json to_json(const storage::ArchitectureRecord& architecture);
storage::ArchitectureRecord architecture_from_json(const Json& json);

/// {"state", "failure_kind", "failure", "wall_s", "values", "architecture" (or null), "layers", "metrics", "artifacts"}.
Json to_json(const storage::StageOutcome& outcome);

/// The inverse. Throws storage::Error(invalid) where a key is missing or of the wrong type.
storage::StageOutcome outcome_from_json(const Json& json);

}  // namespace search
