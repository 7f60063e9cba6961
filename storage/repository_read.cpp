#include "storage/repository.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "storage/base/error.h"
#include "storage/base/option.h"
#include "storage/database.h"
#include "storage/json_text.h"

namespace storage {

namespace {

const std::vector<std::string>& view_names() {
  static const std::vector<std::string> names = {
      "trials", "steps",     "stages", "layers",    "baselines",    "metrics",   "experiments", "tasks",    "architectures", "lineage",
      "inputs", "artifacts", "nets",   "decisions", "hypervolumes", "latencies", "robustness",  "attempts", "needs"};
  return names;
}

Json to_json(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* number = std::get_if<double>(&value)) return number_to_json(*number);
  if (const auto* held = std::get_if<std::string>(&value)) return *held;
  return nullptr;
}

/// The rows of a query as objects keyed by its columns.
Json objects(Database& database, const std::string& sql, const std::vector<Value>& values = {}) {
  const std::vector<std::string> columns = database.columns(sql);
  Json found = Json::array();
  database.each(sql, values, [&](const Row& row) {
    Json object = Json::object();
    for (std::size_t i = 0; i < row.size(); ++i) object[columns[i]] = to_json(row[i]);
    found.push_back(std::move(object));
  });
  return found;
}

void require_view(const std::string& view) {
  const std::vector<std::string>& names = view_names();
  if (std::find(names.begin(), names.end(), view) == names.end())
    throw Error(ErrorKind::usage, fmt::format("there is no view '{}'{}", view, suggestion(view, names)));
}

/// A text that may be NULL as JSON.
Json parsed(const Value& value) {
  return std::holds_alternative<std::monostate>(value) ? Json() : from_text(text(value));
}

std::vector<LayerRecord> layers_of(Database& database, std::int64_t stage) {
  std::vector<LayerRecord> layers;
  database.each(
      "SELECT layer, channels, base_channels, score_min, score_mean, score_max, threshold, floor_applied, cap_applied, "
      "coalesce(fixed, '') FROM layer "
      "WHERE stage = ? ORDER BY rowid",
      {stage}, [&](const Row& row) {
        layers.push_back({text(row[0]), static_cast<int>(integer(row[1])), static_cast<int>(integer(row[2])), real(row[3]), real(row[4]),
                          real(row[5]), real(row[6]), integer(row[7]) != 0, integer(row[8]) != 0, text(row[9])});
      });
  return layers;
}

std::vector<Metric> metrics_of(Database& database, std::int64_t stage) {
  std::vector<Metric> metrics;
  // In two halves, since each of the table's indices holds one of them.
  database.each(
      "SELECT split, name, value, epoch FROM ("
      "SELECT rowid AS number, split, name, value, epoch FROM metric WHERE stage = ? AND epoch IS NULL UNION ALL "
      "SELECT rowid, split, name, value, epoch FROM metric WHERE stage = ? AND epoch IS NOT NULL) ORDER BY number",
      {stage, stage}, [&](const Row& row) {
        const bool point = !std::holds_alternative<std::monostate>(row[3]);
        metrics.push_back(
            {text(row[0]), text(row[1]), real(row[2]).value(), point ? std::optional(static_cast<int>(integer(row[3]))) : std::nullopt});
      });
  return metrics;
}

std::vector<Artifact> artifacts_of(Database& database, std::int64_t stage) {
  std::vector<Artifact> artifacts;
  database.each("SELECT name, hash, bytes FROM artifact WHERE stage = ? ORDER BY rowid", {stage}, [&](const Row& row) {
    artifacts.push_back({text(row[0]), text(row[1]), integer(row[2])});
  });
  return artifacts;
}

/// What is stored of every stage, or of `only`.
std::map<std::string, StageStatus> statuses_of(Database& database, const std::vector<std::string>& metrics, const std::string& only) {
  std::map<std::string, StageStatus> statuses;
  const auto each = [&](const std::string& sql, std::vector<Value> values, const char* column, const char* rest, const auto& take) {
    if (only.empty()) return database.each(sql + rest, values, take);
    values.emplace_back(only);
    database.each(fmt::format("{} AND {} = ?{}", sql, column, rest), values, take);
  };
  each(
      "SELECT fingerprint, state, attempt, failure_kind, metric.value, params, macs, wall_s "
      "FROM stage LEFT JOIN architecture ON hash = stage.architecture "
      "LEFT JOIN metric ON metric.stage = stage.number AND metric.split = 'val' AND metric.name = 'accuracy' AND metric.epoch IS NULL "
      "WHERE true",
      {}, "fingerprint", "", [&](const Row& row) {
        StageStatus& status = statuses[text(row[0])];
        status = {stage_state_from_string(text(row[1])),
                  static_cast<int>(integer(row[2])),
                  text(row[3]),
                  real(row[7]).value_or(0),
                  real(row[4]),
                  {},
                  {},
                  {}};
        if (const auto params = real(row[5])) status.params = integer(row[5]);
        if (const auto macs = real(row[6])) status.macs = integer(row[6]);
      });
  for (const std::string& name : metrics) {
    const auto take = [&](const Row& row) {
      if (const auto value = real(row[1])) statuses[text(row[0])].metrics[name] = *value;
    };
    const std::size_t slash = name.find('/');
    if (name == "size")
      each("SELECT fingerprint, 1.0 * bytes FROM artifact JOIN stage ON stage.number = artifact.stage WHERE artifact.name = 'weights'", {},
           "fingerprint", "", take);
    else if (name.starts_with("latency_"))  // of the stage that made the net, by the last that timed it
      each(
          "SELECT made.fingerprint, metric.value FROM stage AS measuring "
          "JOIN metric ON metric.stage = measuring.number AND metric.split = '' AND metric.name = ? "
          "JOIN input ON input.stage = measuring.number AND input.role = 'net' JOIN stage AS made ON made.number = input.source "
          "WHERE measuring.kind = 'latency'",
          {name}, "made.fingerprint", " ORDER BY measuring.number", take);
    else if (slash != std::string::npos)
      each(
          "SELECT fingerprint, value FROM metric JOIN stage ON stage.number = metric.stage "
          "WHERE split = ? AND name = ? AND epoch IS NULL",
          {name.substr(0, slash), name.substr(slash + 1)}, "fingerprint", "", take);
  }
  return statuses;
}

}  // namespace

std::optional<ExperimentRecord> Repository::experiment() const {
  const auto row = database_->first("SELECT name, yaml, settings FROM experiment ORDER BY number DESC LIMIT 1");
  if (!row) return std::nullopt;
  return ExperimentRecord{text((*row)[0]), text((*row)[1]), parsed((*row)[2])};
}

std::map<std::string, StageStatus> Repository::stage_statuses(const std::vector<std::string>& metrics) const {
  return statuses_of(*database_, metrics, "");
}

StageStatus Repository::stage_status(const std::string& fingerprint, const std::vector<std::string>& metrics) const {
  const auto statuses = statuses_of(*database_, metrics, fingerprint);
  if (statuses.empty()) throw Error(ErrorKind::internal, fmt::format("no plan has stage '{}'", fingerprint));
  return statuses.begin()->second;
}

StageRecord Repository::stage(const std::string& fingerprint) const {
  const auto row = database_->first("SELECT number, kind, label, parameters FROM stage WHERE fingerprint = ?", {fingerprint});
  if (!row) throw Error(ErrorKind::internal, fmt::format("no plan has stage '{}'", fingerprint));
  StageRecord stage{fingerprint, text((*row)[1]), text((*row)[2]), text((*row)[3]), {}};
  from_text(stage.parameters);  // its readers need not ask
  database_->each("SELECT role, fingerprint FROM input JOIN stage ON stage.number = source WHERE input.stage = ? ORDER BY position",
                  {(*row)[0]}, [&](const Row& input) {
                    stage.inputs.push_back({text(input[0]), text(input[1])});
                  });
  return stage;
}

StageOutcome Repository::outcome(const std::string& fingerprint) const {
  const auto row = database_->first(
      "SELECT stage.number, state, failure_kind, failure, wall_s, result, hash, spec, parent, kept, params, macs "
      "FROM stage LEFT JOIN architecture ON hash = stage.architecture WHERE fingerprint = ?",
      {fingerprint});
  if (!row) throw Error(ErrorKind::internal, fmt::format("no plan has stage '{}'", fingerprint));
  const Row& column = *row;
  StageOutcome outcome;
  outcome.state = stage_state_from_string(text(column[1]));
  outcome.failure_kind = text(column[2]);
  outcome.failure = text(column[3]);
  outcome.wall_s = real(column[4]).value_or(0);
  outcome.values = parsed(column[5]);
  if (!text(column[6]).empty()) {
    outcome.architecture = ArchitectureRecord{text(column[6]),   parsed(column[7]),   text(column[8]),
                                              parsed(column[9]), integer(column[10]), integer(column[11])};
  }
  const std::int64_t stage = integer(column[0]);
  outcome.layers = layers_of(*database_, stage);
  outcome.metrics = metrics_of(*database_, stage);
  outcome.artifacts = artifacts_of(*database_, stage);
  return outcome;
}

bool Repository::has_artifacts(const std::string& fingerprint) const {
  bool complete = true;
  database_->each("SELECT hash FROM artifact JOIN stage ON stage.number = artifact.stage WHERE fingerprint = ?", {fingerprint},
                  [&](const Row& row) { complete = complete && ArtifactStore::contains(directory_ / "artifacts", text(row[0])); });
  return complete;
}

Json Repository::rows(const std::string& view) const {
  require_view(view);
  return objects(*database_, "SELECT * FROM " + view);
}

void Repository::each_row(const std::string& view, const std::vector<std::string>& columns,
                          const std::function<void(const std::vector<Json>&)>& take) const {
  require_view(view);
  const std::vector<std::string> known = database_->columns("SELECT * FROM " + view);
  for (const std::string& column : columns)
    if (std::find(known.begin(), known.end(), column) == known.end())
      throw Error(ErrorKind::usage, fmt::format("the view {} has no column '{}'{}", view, column, suggestion(column, known)));
  std::vector<Json> values(columns.size());
  database_->each(fmt::format("SELECT {} FROM {}", fmt::join(columns, ", "), view), {}, [&](const Row& row) {
    std::transform(row.begin(), row.end(), values.begin(), to_json);
    take(values);
  });
}

Json Repository::trial(const std::string& number_or_name) const {
  std::int64_t number = 0;
  const char* end = number_or_name.data() + number_or_name.size();
  const auto parse = std::from_chars(number_or_name.data(), end, number);
  Json found = Json::array();
  if (parse.ec == std::errc() && parse.ptr == end) found = objects(*database_, "SELECT * FROM trials WHERE trial = ?", {number});
  if (found.empty()) found = objects(*database_, "SELECT * FROM trials WHERE name = ?", {number_or_name});
  return found.empty() ? Json() : found[0];
}

std::string Repository::check() const {
  std::vector<std::string> lines;
  try {
    database_->each("PRAGMA integrity_check", {}, [&](const Row& row) { lines.push_back(text(row[0])); });
  } catch (const Error& error) {
    lines.push_back(error.what());
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

}  // namespace storage
