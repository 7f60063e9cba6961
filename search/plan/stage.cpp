#include "search/plan/stage.h"

#include <fmt/format.h>

#include <utility>

#include "storage/base/error.h"
#include "storage/base/fingerprint.h"

namespace search {

namespace {

/// Raised whenever equal parameters come to mean another result, so that old results are not taken for new ones.
constexpr int kFormat = 2;

}  // namespace

std::string source_role(const std::string& net) {
  return "source/" + net;
}

std::string spent_role(std::size_t number) {
  return fmt::format("spent{}", number);
}

Stage make_stage(StageKind kind, std::string label, StageParameters parameters, std::vector<storage::StageInput> inputs, double cost) {
  Json named = Json::object();
  for (const storage::StageInput& input : inputs) {
    if (!named.emplace(input.role, input.stage).second)
      throw storage::Error(storage::ErrorKind::internal, fmt::format("stage '{}' has two inputs of role '{}'", label, input.role));
  }
  const std::string identity = fmt::format(R"({{"format":{},"inputs":{},"kind":"{}","parameters":{}}})", kFormat, named.dump(),
                                           to_string(kind), parameters.identity());
  return {storage::fingerprint_of(identity), kind, std::move(label), std::move(parameters), std::move(inputs), cost};
}

storage::StageRecord to_record(const Stage& stage) {
  return {stage.fingerprint, to_string(stage.kind), stage.label, stage.parameters.text(), stage.inputs};
}

}  // namespace search
