// The kinds of stages: one row of traits each, for the plan, the run loop and the workers alike.
#pragma once

#include <string>
#include <vector>

#include "storage/base/json.h"

namespace search {

enum class StageKind { probe, latency_table, train, candidates, prune, extend, transfer, scratch, evaluate, latency, robustness };

struct StageTraits {
  StageKind kind;
  std::string name;
  std::vector<std::string> parameters;     ///< that each has
  std::vector<std::string> optional = {};  ///< that some have besides
  bool derives = false;                    ///< makes a net from that of its input `net`: a trial's way leads through it
  bool keeps_layers = false;               ///< its net has the layers of its first input's: what was cut of them is as before
  bool exclusive = false;                  ///< runs with no other stage on its device, which would spoil what it measures
};

const StageTraits& traits_of(StageKind kind);

std::string to_string(StageKind kind);

/// Throws storage::Error(invalid) for an unknown kind.
StageKind stage_kind_from_string(const std::string& text);

/// Throws storage::Error(invalid) where a parameter is missing, or one is there that no stage of this kind reads.
void check_parameters(StageKind kind, const storage::Json& parameters);

/// Whether an input of this role brings weights; of others the database is enough.
bool brings_artifacts(const std::string& role);

}  // namespace search
