#include "search/run/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "storage/base/error.h"

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json placed(const char* event, const storage::RunningPlace& place) {
  return {{"event", event}, {"host", place.host}, {"handle", place.handle}};
}

storage::RunningPlace place_from(const Json& json) {
  return {json.at("host").get<std::string>(), json.at("handle").get<std::string>()};
}

struct MessageWriter {
  Json operator()(const Alive&) const { return {{"event", "alive"}}; }
  Json operator()(const StageStarted& started) const {
    Json json = placed("started", started.place);
    json["stage"] = started.stage;
    json["attempt"] = started.attempt;
    return json;
  }
  Json operator()(const StageProgress& progress) const {
    const double fraction = std::isfinite(progress.fraction) ? std::clamp(progress.fraction, 0.0, 1.0) : 0;  // JSON has no NaN
    return {{"event", "progress"},
            {"stage", progress.stage},
            {"attempt", progress.attempt},
            {"fraction", fraction},
            {"message", progress.message}};
  }
  Json operator()(const StageResult& result) const {
    return {{"event", "result"}, {"stage", result.stage}, {"attempt", result.attempt}, {"outcome", to_json(result.outcome)}};
  }
  Json operator()(const WorkerReady& ready) const { return placed("ready", ready.place); }
  Json operator()(const WorkerLeaves& leaves) const { return {{"event", "leaves"}, {"why", leaves.why}}; }
};

}  // namespace

std::string to_line(const StageRequest& request) {
  return line_of({{"stage", request.stage},
                  {"attempt", request.attempt},
                  {"kind", to_string(request.kind)},
                  {"parameters", request.parameters},
                  {"inputs", request.inputs},
                  {"directory", request.directory}});
}

std::string stop_line() {
  return line_of({{"stop", "checkpoint"}});
}

bool is_stop(const std::string& line) {
  return line == stop_line();
}

StageRequest request_from_line(const std::string& line) {
  const Json json = Json::parse(line);
  return {json.at("stage").get<std::string>(),
          json.at("attempt").get<int>(),
          stage_kind_from_string(json.at("kind").get<std::string>()),
          json.at("parameters"),
          json.at("inputs"),
          json.at("directory").get<std::string>()};
}

std::string to_line(const WorkerMessage& message) {
  return line_of(std::visit(MessageWriter(), message));
}

WorkerMessage message_from_line(const std::string& line) {
  const Json json = Json::parse(line);
  const std::string event = json.at("event").get<std::string>();
  if (event == "alive") return Alive();
  if (event == "started") return StageStarted{json.at("stage").get<std::string>(), json.at("attempt").get<int>(), place_from(json)};
  if (event == "progress")
    return StageProgress{json.at("stage").get<std::string>(), json.at("attempt").get<int>(), json.at("fraction").get<double>(),
                         json.at("message").get<std::string>()};
  if (event == "ready") return WorkerReady{place_from(json)};
  if (event == "leaves") return WorkerLeaves{json.at("why").get<std::string>()};
  if (event != "result")
    throw Error(ErrorKind::invalid, fmt::format("event '{}' is not known (valid: alive, started, progress, result, ready, leaves)", event));
  StageResult result{json.at("stage").get<std::string>(), json.at("attempt").get<int>(), outcome_from_json(json.at("outcome"))};
  const storage::StageState state = result.outcome.state;
  if (state == storage::StageState::pending || state == storage::StageState::running)
    throw Error(ErrorKind::invalid, fmt::format("a result cannot be {}", storage::to_string(state)));
  return result;
}

}  // namespace search
