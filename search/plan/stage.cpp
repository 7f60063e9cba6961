#include "search/plan/stage.h"

#include <fmt/format.h>

#include <utility>

#include "storage/base/error.h"
#include "storage/base/fingerprint.h"
#include "storage/base/option.h"

namespace search {

namespace {

/// Raised whenever equal parameters come to mean another result, so that old results are not taken for new ones.
constexpr int kFormat = 2;

}  // namespace

std::string to_string(StageKind kind) {
  switch (kind) {
    case StageKind::probe:
      return "probe";
    case StageKind::train:
      return "train";
    case StageKind::prune:
      return "prune";
    case StageKind::extend:
      return "extend";
    case StageKind::evaluate:
      return "evaluate";
    case StageKind::latency:
      return "latency";
    case StageKind::robustness:
      return "robustness";
  }
  throw storage::Error(storage::ErrorKind::internal, "a stage kind has no name");
}

StageKind stage_kind_from_string(const std::string& text) {
  std::vector<std::string> names;
  for (const StageKind kind : {StageKind::probe, StageKind::train, StageKind::prune, StageKind::extend, StageKind::evaluate,
                               StageKind::latency, StageKind::robustness}) {
    if (to_string(kind) == text) return kind;
    names.push_back(to_string(kind));
  }
  throw storage::Error(storage::ErrorKind::invalid, fmt::format("stage kind '{}' is not known{}", text, storage::suggestion(text, names)));
}

std::string source_role(const std::string& net) {
  return "source/" + net;
}

Stage make_stage(StageKind kind, std::string label, StageParameters parameters, std::vector<storage::StageInput> inputs, double work) {
  Json named = Json::object();
  for (const storage::StageInput& input : inputs) {
    if (!named.emplace(input.role, input.stage).second)
      throw storage::Error(storage::ErrorKind::internal, fmt::format("stage '{}' has two inputs of role '{}'", label, input.role));
  }
  const std::string identity = fmt::format(R"({{"format":{},"inputs":{},"kind":"{}","parameters":{}}})", kFormat, named.dump(),
                                           to_string(kind), parameters.identity());
  return {storage::fingerprint_of(identity), kind, std::move(label), std::move(parameters), std::move(inputs), work};
}

storage::StageRecord to_record(const Stage& stage) {
  return {stage.fingerprint, to_string(stage.kind), stage.label, stage.parameters.text(), stage.inputs};
}

}  // namespace search
