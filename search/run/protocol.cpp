#include "search/run/protocol.h"

#include <fmt/format.h>
#include <openssl/evp.h>

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

/// It becomes a path.
void check_hash(const std::string& hash) {
  if (hash.size() != 64 || hash.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw Error(ErrorKind::invalid, "a file is named by what is no SHA-256");
}

std::string to_base64(const std::string& bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // and a 0 that OpenSSL writes
  text.resize(
      static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                               reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()))));
  return text;
}

std::string from_base64(const std::string& text) {
  std::string bytes(3 * (text.size() / 4), '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length != static_cast<int>(bytes.size())) throw Error(ErrorKind::invalid, "the bytes of a file are no base64");
  bytes.resize(bytes.size() - std::min(bytes.size(), static_cast<std::size_t>(text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0)));
  return bytes;
}

FilePart part_from(const Json& json) {
  FilePart part{json.at("hash").get<std::string>(), json.at("offset").get<std::int64_t>(), json.at("size").get<std::int64_t>(),
                from_base64(json.at("bytes").get<std::string>())};
  check_hash(part.hash);
  return part;
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
    return {{"event", "result"},
            {"stage", result.stage},
            {"attempt", result.attempt},
            {"outcome", to_json(result.outcome)},
            {"device_gone", result.device_gone}};
  }
  Json operator()(const WorkerReady& ready) const { return placed("ready", ready.place); }
  Json operator()(const FilePart& part) const {
    return {{"event", "file"}, {"hash", part.hash}, {"offset", part.offset}, {"size", part.size}, {"bytes", to_base64(part.bytes)}};
  }
  Json operator()(const FileWanted& wanted) const { return {{"event", "wanted"}, {"hash", wanted.hash}, {"offset", wanted.offset}}; }
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
  if (event == "file") return part_from(json);
  if (event == "wanted") {
    FileWanted wanted{json.at("hash").get<std::string>(), json.at("offset").get<std::int64_t>()};
    check_hash(wanted.hash);
    return wanted;
  }
  if (event == "leaves") return WorkerLeaves{json.at("why").get<std::string>()};
  if (event != "result")
    throw Error(ErrorKind::invalid,
                fmt::format("event '{}' is not known (valid: alive, started, progress, result, ready, leaves, file, wanted)", event));
  StageResult result{json.at("stage").get<std::string>(), json.at("attempt").get<int>(), outcome_from_json(json.at("outcome")),
                     json.value("device_gone", false)};
  const storage::StageState state = result.outcome.state;
  if (state == storage::StageState::pending || state == storage::StageState::running)
    throw Error(ErrorKind::invalid, fmt::format("a result cannot be {}", storage::to_string(state)));
  return result;
}

}  // namespace search
