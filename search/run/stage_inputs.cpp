#include "search/run/stage_inputs.h"

#include <algorithm>
#include <utility>

namespace search {

Job make_job(const Stage& stage, int attempt, const storage::Repository& repository) {
  Json inputs = Json::object();
  for (const storage::StageInput& input : stage.inputs) {
    const storage::StageOutcome left = repository.outcome(input.stage);
    Json artifacts = Json::object();
    for (const storage::Artifact& artifact : left.artifacts) artifacts[artifact.name] = artifact.hash;
    inputs[input.role] = {{"stage", input.stage},
                          {"values", left.values},
                          {"architecture", left.architecture ? to_json(*left.architecture) : Json(nullptr)},
                          {"artifacts", std::move(artifacts)}};
  }
  return {stage.fingerprint, attempt, stage.kind, stage.parameters.json(), std::move(inputs)};
}

std::vector<storage::LayerRecord> kept_layers(const Stage& stage, const storage::StageOutcome& outcome,
                                              const storage::Repository& repository) {
  std::vector<storage::LayerRecord> layers = repository.outcome(stage.inputs.front().stage).layers;
  if (!outcome.architecture) return layers;
  const Json now = outcome.architecture->spec.value("layers", Json::array());
  for (storage::LayerRecord& layer : layers) {
    if (layer.fixed.empty()) continue;
    const auto same = std::find_if(now.begin(), now.end(), [&](const Json& each) { return each.at("name") == layer.layer; });
    if (same != now.end()) layer.channels = layer.base_channels = same->at("channels").get<int>();
  }
  return layers;
}

}  // namespace search
