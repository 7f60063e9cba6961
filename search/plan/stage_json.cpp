// The JSON forms of architectures and outcomes, declared in stage.h.
#include <fmt/format.h>

#include "search/plan/stage.h"
#include "storage/base/error.h"

namespace search {

namespace {

Json optional_number(const std::optional<double>& value) {
  return value ? storage::number_to_json(*value) : Json(nullptr);
}

std::optional<double> optional_number_from_json(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(storage::number_from_json(json));
}

Json layer_to_json(const storage::LayerRecord& layer) {
  return {{"layer", layer.layer},
          {"channels", layer.channels},
          {"base_channels", layer.base_channels},
          {"score_min", optional_number(layer.score_min)},
          {"score_mean", optional_number(layer.score_mean)},
          {"score_max", optional_number(layer.score_max)},
          {"threshold", optional_number(layer.threshold)},
          {"floor_applied", layer.floor_applied},
          {"cap_applied", layer.cap_applied},
          {"fixed", layer.fixed}};
}

storage::LayerRecord layer_from_json(const Json& json) {
  storage::LayerRecord layer;
  layer.layer = json.at("layer").get<std::string>();
  layer.channels = json.at("channels").get<int>();
  layer.base_channels = json.at("base_channels").get<int>();
  layer.score_min = optional_number_from_json(json.at("score_min"));
  layer.score_mean = optional_number_from_json(json.at("score_mean"));
  layer.score_max = optional_number_from_json(json.at("score_max"));
  layer.threshold = optional_number_from_json(json.at("threshold"));
  layer.floor_applied = json.at("floor_applied").get<bool>();
  layer.cap_applied = json.at("cap_applied").get<bool>();
  layer.fixed = json.at("fixed").get<std::string>();
  return layer;
}

Json metric_to_json(const storage::Metric& metric) {
  return {{"split", metric.split},
          {"name", metric.name},
          {"value", storage::number_to_json(metric.value)},
          {"epoch", metric.epoch ? Json(*metric.epoch) : Json(nullptr)}};
}

storage::Metric metric_from_json(const Json& json) {
  const Json& epoch = json.at("epoch");
  return {json.at("split").get<std::string>(), json.at("name").get<std::string>(), storage::number_from_json(json.at("value")),
          epoch.is_null() ? std::nullopt : std::optional(epoch.get<int>())};
}

}  // namespace

Json to_json(const storage::ArchitectureRecord& architecture) {
  return {{"hash", architecture.hash}, {"spec", architecture.spec},     {"parent", architecture.parent},
          {"kept", architecture.kept}, {"params", architecture.params}, {"macs", architecture.macs}};
}

storage::ArchitectureRecord architecture_from_json(const Json& json) {
  return {json.at("hash").get<std::string>(),    json.at("spec"),
          json.at("parent").get<std::string>(),  json.at("kept"),
          json.at("params").get<std::int64_t>(), json.at("macs").get<std::int64_t>()};
}

Json to_json(const storage::StageOutcome& outcome) {
  Json json{{"state", storage::to_string(outcome.state)},
            {"failure_kind", outcome.failure_kind},
            {"failure", outcome.failure},
            {"wall_s", outcome.wall_s},
            {"values", outcome.values},
            {"architecture", outcome.architecture ? to_json(*outcome.architecture) : Json(nullptr)},
            {"layers", Json::array()},
            {"metrics", Json::array()},
            {"artifacts", Json::array()}};
  for (const auto& layer : outcome.layers) json["layers"].push_back(layer_to_json(layer));
  for (const auto& metric : outcome.metrics) json["metrics"].push_back(metric_to_json(metric));
  for (const auto& artifact : outcome.artifacts)
    json["artifacts"].push_back({{"name", artifact.name}, {"hash", artifact.hash}, {"bytes", artifact.bytes}});
  return json;
}

storage::StageOutcome outcome_from_json(const Json& json) {
  try {
    storage::StageOutcome outcome;
    outcome.state = storage::stage_state_from_string(json.at("state").get<std::string>());
    outcome.failure_kind = json.at("failure_kind").get<std::string>();
    outcome.failure = json.at("failure").get<std::string>();
    outcome.wall_s = json.at("wall_s").get<double>();
    outcome.values = json.at("values");
    if (!json.at("architecture").is_null()) outcome.architecture = architecture_from_json(json.at("architecture"));
    for (const Json& layer : json.at("layers")) outcome.layers.push_back(layer_from_json(layer));
    for (const Json& metric : json.at("metrics")) outcome.metrics.push_back(metric_from_json(metric));
    for (const Json& artifact : json.at("artifacts"))
      outcome.artifacts.push_back(
          {artifact.at("name").get<std::string>(), artifact.at("hash").get<std::string>(), artifact.at("bytes").get<std::int64_t>()});
    return outcome;
  } catch (const Json::exception& error) {
    throw storage::Error(storage::ErrorKind::invalid, fmt::format("stage outcome: {}", error.what()));
  }
}

}  // namespace search
