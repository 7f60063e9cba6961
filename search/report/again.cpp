#include "search/report/again.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace search {

using storage::Json;
using storage::Repository;

namespace {

/// A stage as a plan had it.
struct PlannedStage {
  std::string fingerprint, kind;
  Json parameters;
  std::vector<storage::StageInput> inputs;
};

PlannedStage planned(const Repository& repository, const std::string& fingerprint) {
  storage::StageRecord stage = repository.stage(fingerprint);
  return {fingerprint, std::move(stage.kind), Json::parse(stage.parameters), std::move(stage.inputs)};
}

/// A value in YAML's flow style, on one line: keys bare, texts in JSON's quotes, which YAML reads too.
std::string flow(const Json& value) {
  std::string text;
  if (value.is_object()) {
    for (const auto& [key, each] : value.items()) text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", key, flow(each));
    return "{" + text + "}";
  }
  if (value.is_array()) {
    for (const Json& each : value) text += (text.empty() ? "" : ", ") + flow(each);
    return "[" + text + "]";
  }
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<std::string> input_of(const PlannedStage& stage, const std::string& role) {
  for (const storage::StageInput& input : stage.inputs)
    if (input.role == role) return input.stage;
  return std::nullopt;
}

/// A criterion as `prune.criteria` lists it.
Json criterion_entry(const Json& parameters, const std::string& label) {
  Json entry = parameters.at("criterion").at("options");
  entry["name"] = parameters.at("criterion").at("name");
  if (!label.empty()) entry["label"] = label;
  // A threshold leaves no choice of the allocation.
  if (parameters.at("request").contains("keep")) entry["allocation"] = parameters.at("allocation");
  return entry;
}

/// The requests as the `keep` or `eta` of a schedule; nothing where they are not of one kind, or shares that do not fall.
std::optional<Json> schedule_of(const std::vector<PlannedStage>& cuts) {
  const Json& first = cuts.front().parameters.at("request");
  const char* kind = first.contains("eta") ? "eta" : "keep";
  Json schedule{{"name", "again"}, {kind, Json::array()}};
  if (first.contains("of")) schedule["of"] = first.at("of");
  for (const PlannedStage& cut : cuts) {
    const Json& request = cut.parameters.at("request");
    if (!request.contains(kind) || request.value("of", Json()) != first.value("of", Json())) return std::nullopt;
    Json& values = schedule[kind];
    if (request.contains("keep") && !values.empty() && request.at("keep") >= values.back()) return std::nullopt;
    values.push_back(request.at(kind));
  }
  return schedule;
}

/// Why the cuts are not those of a sweep with one criterion and one schedule; "" where they are.
std::string obstacle(const PlannedStage& base, const std::vector<PlannedStage>& cuts) {
  std::string before = base.fingerprint;
  for (const PlannedStage& cut : cuts) {
    if (cut.kind != "prune" || cut.parameters.at("retrain").contains("stop_after")) return "its nets were trained on in several goes";
    for (const char* key : {"criterion", "limits", "retrain", "refit", "substeps"})
      if (cut.parameters.value(key, Json()) != cuts.front().parameters.value(key, Json())) return "its cuts are not all of one criterion";
    const bool by_threshold = cut.parameters.at("request").contains("eta");
    if (!by_threshold && cut.parameters.at("allocation") != cuts.front().parameters.at("allocation"))
      return "its cuts are not all of one allocation";
    if (input_of(cut, "net") != before) return "its cuts do not follow each other";
    before = cut.fingerprint;
  }
  return !cuts.empty() && !schedule_of(cuts) ? "its cuts are not those of one schedule" : "";
}

Json prune_section(const Repository& repository, const std::vector<PlannedStage>& cuts) {
  const Json& parameters = cuts.front().parameters;
  Json section = parameters.at("limits");
  section["retrain"] = parameters.at("retrain");
  section["criteria"] = Json::array();
  if (parameters.contains("substeps")) section["substeps"] = parameters["substeps"];
  section["refit"] = parameters.value("refit", Json(false));
  if (parameters.contains("refit"))
    for (Json& option : section["refit"])
      if (option.is_null()) option = "auto";
  Json entry = criterion_entry(parameters, "");
  if (const std::optional<std::string> widths = input_of(cuts.front(), "widths")) {
    section["criteria"].push_back(criterion_entry(planned(repository, *widths).parameters, "widths"));
    entry["widths"] = "widths";
    entry.erase("allocation");
  }
  section["criteria"].push_back(std::move(entry));
  section["schedules"] = {*schedule_of(cuts)};
  return section;
}

/// What a trained net's arithmetic was: that of its probe, or what its training asked for.
std::string arithmetic(const Repository& repository, const PlannedStage& base) {
  std::string precision = base.parameters.at("train").at("precision");
  if (const std::optional<std::string> probe = input_of(base, "precision"))
    precision = repository.outcome(*probe).values.value("precision", precision);
  for (const Json& stage : repository.rows("stages")) {
    if (stage.at("stage") != base.fingerprint || stage.at("threads").is_null()) continue;
    const int threads = stage.at("threads");
    return fmt::format("{}, {} thread{}", precision, threads, threads == 1 ? "" : "s");
  }
  return precision;
}

std::string dataset_of(const Repository& repository, const Json& task) {
  for (const Json& row : repository.rows("tasks"))
    if (row.at("task") == task) return row.at("dataset");
  return "data";
}

}  // namespace

Again run_again(const Repository& repository, const Json& trial) {
  const Json& steps = trial.at("steps");
  if (steps.empty() || steps[0].at("step") != 0) return {"", "none of its steps is done yet", ""};
  std::vector<PlannedStage> cuts;
  for (const Json& step : steps) cuts.push_back(planned(repository, step.at("stage")));
  const PlannedStage base = cuts.front();
  cuts.erase(cuts.begin());
  Again again;
  again.arithmetic = arithmetic(repository, base);
  again.reason = obstacle(base, cuts);
  if (!again.reason.empty()) return again;

  const std::string dataset = dataset_of(repository, trial.at("task"));
  const Json& data = base.parameters.at("data");
  Json settings = data.at("settings");
  settings.erase("fold");
  Json task{{"name", trial.at("task")}, {"dataset", dataset}};
  if (data.at("target") != "") task["target"] = data.at("target");
  Json net = base.parameters.at("net");
  if (net.contains("weights")) net["weights"] = net.at("weights").at("path");

  again.yaml = fmt::format("# Makes this trial alone again: {}\n", trial.at("name").get<std::string>());
  const auto add = [&again](const char* key, const Json& value) { again.yaml += fmt::format("{}: {}\n", key, flow(value)); };
  add("schema", 1);
  add("name", fmt::format("trial-{}", trial.at("trial").get<int>()));
  add("seed", base.parameters.at("seed"));
  add("tasks", Json::array({task}));
  add("data", {{dataset, settings}});
  add("nets", Json::array({net}));
  add("train", base.parameters.at("train"));
  if (!cuts.empty()) add("prune", prune_section(repository, cuts));
  add("search", {{"strategy", "sweep"}, {"seeds", 1}});
  return again;
}

}  // namespace search
