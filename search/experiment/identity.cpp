#include <fmt/format.h>

#include "eval/data/dataset.h"
#include "eval/formats/weights_identity.h"
#include "search/experiment/experiment.h"
#include "storage/base/fingerprint.h"

namespace search {

namespace {

Json to_json(const Pretraining& pretraining) {
  return {{"dataset", pretraining.dataset}, {"target", pretraining.target}, {"train", prune::to_json(pretraining.train)}};
}

Json to_json(const NetRequest& net) {
  Json json = located(net).identity;
  if (net.weights) json["weights"]["content"] = net.weights->content;
  if (net.pretrain) json["pretrain"] = to_json(*net.pretrain);
  return json;
}

Json to_json(const Baseline& baseline) {
  Json json = to_json(baseline.net);
  if (baseline.narrow) json = {{"name", "narrow"}, {"request", prune::to_json(*baseline.narrow)}};
  if (baseline.scratch) json = {{"name", "scratch"}};
  if (baseline.last_only) json["steps"] = "last";
  if (baseline.equal_flops) json["effort"] = "flops";
  if (baseline.pretrained) json["pretrain"] = "same";
  json["train"] = prune::to_json(baseline.train);
  return json;
}

Json to_json(const Criterion& criterion) {
  Json json{{"label", criterion.label}, {"name", criterion.name}, {"options", criterion.options}};
  if (criterion.widths_from.empty()) {
    json["allocation"] = criterion.allocation;
  } else {
    json["widths"] = criterion.widths_from;
  }
  return json;
}

Json to_json(const Schedule& schedule) {
  Json json{{"name", schedule.name}, {"steps", Json::array()}};
  for (const prune::PruneRequest& step : schedule.steps) json["steps"].push_back(prune::to_json(step));
  if (schedule.at_pretraining) json["at"] = "pretraining";
  return json;
}

/// The settings of a dataset with the identity of its files in place of where they lie.
Json to_json(const Data& data) {
  const Json described = located(data).identity;
  Json json = described.at("settings");
  json["identity"] = described.at("identity");
  if (is_synthetic(data)) json["synthetic"] = true;
  if (!data.content.empty()) json["content"] = data.content;
  return json;
}

/// The name of the first stored entry that `now` no longer has, though it has others of that name; or "".
std::string changed(const Json& stored, const Json& now) {
  for (const Json& old : stored) {
    bool same = false, namesake = false;
    for (const Json& entry : now) {
      same = same || entry == old;
      namesake = namesake || entry.at("name") == old.at("name");
    }
    if (namesake && !same) return old.at("name");
  }
  return "";
}

/// Takes the content of weights out of nets, by what else is known of their files: {the net's name, the content}. Those of which it was not
/// known are left out.
void take_contents(Json& nets, std::map<std::string, Json>& contents) {
  for (Json& net : nets) {
    if (!net.contains("weights")) continue;
    Json& weights = net["weights"];
    const Json content = weights.value("content", Json());
    weights.erase("content");
    if (!content.is_null()) contents[weights.dump()] = {net.at("name"), content};
  }
}

/// Why a net is not what it was, or a baseline's weights are not, or "". Other baselines are more baselines.
std::string changed_net(Json stored, Json now) {
  std::map<std::string, Json> before, after;
  for (const char* nets : {"nets", "baselines"}) {
    take_contents(stored[nets], before);
    take_contents(now[nets], after);
  }
  if (const std::string net = changed(stored["nets"], now["nets"]); !net.empty()) return fmt::format("net '{}' has changed since", net);
  for (const auto& [file, content] : after)
    if (const auto old = before.find(file); old != before.end() && old->second[1] != content[1])
      return fmt::format("weights of net '{}' have changed since: a file of the same name and size holds others",
                         content[0].get<std::string>());
  return "";
}

/// Why data are not what they were, or "". Their content is known only once they were opened.
std::string changed_data(const std::string& name, Json stored, Json now) {
  const Json before = stored.value("content", Json()), after = now.value("content", Json());
  stored.erase("content");
  now.erase("content");
  if (stored != now) return fmt::format("data '{}' has changed since", name);
  if (!before.is_null() && !after.is_null() && before != after)
    return fmt::format("images of data '{}' have changed since: files of the same names and sizes hold other pixels or labels", name);
  return "";
}

}  // namespace

Data describe_data(Json settings, const std::vector<std::string>& targets) {
  Data data{std::move(settings), {}, {}};
  data.files = eval::dataset_identity(data.settings);
  for (const std::string& target : targets) data.targets.try_emplace(target, eval::describe_dataset(data.settings, target));
  if (targets.empty()) data.targets[""] = eval::describe_dataset(data.settings);
  return data;
}

bool is_synthetic(const Data& data) {
  return data.targets.begin()->second.synthetic;
}

Located located(const Data& data, std::optional<int> fold) {
  Located json{{{"settings", data.settings}, {"identity", data.files}}, {}};
  if (fold) json.full["settings"]["fold"] = json.full["identity"]["options"]["fold"] = *fold;
  json.identity = json.full;
  for (const storage::Option& option : eval::dataset_entry(data.settings.at("format")).options)
    if (option.kind == storage::OptionKind::path) json.identity["settings"].erase(option.name);
  return json;
}

WeightsFile describe_weights(const std::filesystem::path& path) {
  return {path, eval::weights_identity(path), eval::weights_content(path)};
}

Located located(const NetRequest& net) {
  Json json{{"name", net.name}, {"width", net.width}};
  if (net.spec)
    json["spec"] = eval::to_json(*net.spec);
  else
    json.update({{"layout", net.layout}, {"dropout", net.dropout}});
  if (!net.weights) return {json, json};
  json["weights"]["identity"] = net.weights->identity;
  if (net.insert_batch_norm) json["weights"]["insert_batch_norm"] = true;
  Located with{json, json};
  with.full["weights"]["path"] = net.weights->path.string();
  with.full["weights"]["content"] = net.weights->content;
  return with;
}

Json to_json(const LatencyOptions& options) {
  Json json{{"batch", options.batch}, {"seconds", options.seconds}};
  if (options.onnx_runtime) json["runtime"] = "onnxruntime";
  return json;
}

Json to_json(const RobustnessOptions& options) {
  Json perturbations = Json::array();
  for (const eval::Perturbation& each : options.perturbations)
    perturbations.push_back(
        {{"kind", each.kind}, {"name", each.name}, {"level", each.level}, {"options", each.options}, {"source", each.source}});
  return {{"images", options.images}, {"perturbations", std::move(perturbations)}};
}

Json to_json(const Experiment& experiment) {
  Json json{{"schema", 1},
            {"name", experiment.name},
            {"seed", experiment.seed},
            {"tasks", Json::array()},
            {"data", Json::object()},
            {"nets", Json::array()},
            {"baselines", Json::array()},
            {"train", prune::to_json(experiment.train)},
            {"prune",
             {{"retrain", prune::to_json(experiment.retrain)},
              {"allocation", experiment.allocation},
              {"criteria", Json::array()},
              {"schedules", Json::array()}}},
            {"search", {{"strategy", experiment.strategy}, {"seeds", experiment.seeds}, {"tolerance", experiment.tolerance}}}};
  if (experiment.between) json["prune"]["between"] = prune::to_json(*experiment.between);
  if (experiment.lr_start != "restart") json["prune"]["lr_start"] = experiment.lr_start;
  if (experiment.refit) json["prune"]["refit"] = prune::to_json(*experiment.refit);
  if (experiment.substeps) json["prune"]["substeps"] = *experiment.substeps;
  json["search"].update(experiment.strategy_options);
  json["objectives"] = Json::array();
  for (const Objective& objective : experiment.objectives)
    json["objectives"].push_back({{"metric", objective.metric}, {"direction", objective.maximize ? "maximize" : "minimize"}});
  json["constraints"] = Json::array();
  for (const Constraint& constraint : experiment.constraints) json["constraints"].push_back(to_string(constraint));
  if (experiment.evaluate.latency) json["evaluate"]["latency"] = to_json(*experiment.evaluate.latency);
  if (experiment.evaluate.robustness) json["evaluate"]["robustness"] = to_json(*experiment.evaluate.robustness);
  for (const Task& task : experiment.tasks) {
    json["tasks"].push_back({{"name", task.name}, {"dataset", task.dataset}, {"target", task.target}});
  }
  for (const auto& [name, data] : experiment.data) json["data"][name] = to_json(data);
  for (const NetRequest& net : experiment.nets) json["nets"].push_back(to_json(net));
  for (const NetRequest& net : experiment.nets)  // not with the net, which is the same however it is retrained
    if (net.pretrain && net.pretrain->retrain != net.pretrain->train)
      json["prune"]["retrain_at_pretraining"].push_back(prune::to_json(net.pretrain->retrain));
  for (const Baseline& baseline : experiment.baselines) json["baselines"].push_back(to_json(baseline));
  for (const Criterion& criterion : experiment.criteria) json["prune"]["criteria"].push_back(to_json(criterion));
  for (const Schedule& schedule : experiment.schedules) json["prune"]["schedules"].push_back(to_json(schedule));
  return json;
}

std::string contradiction(const Json& stored, const Json& now) {
  if (stored.at("name") != now.at("name")) {
    return fmt::format("it holds the experiment '{}', not '{}'", stored.at("name").get<std::string>(), now.at("name").get<std::string>());
  }
  for (const auto& [name, settings] : now.at("data").items()) {
    if (!stored.at("data").contains(name)) continue;
    if (const std::string reason = changed_data(name, stored.at("data").at(name), settings); !reason.empty()) return reason;
  }
  if (const std::string task = changed(stored.at("tasks"), now.at("tasks")); !task.empty())
    return fmt::format("task '{}' has changed since", task);
  return changed_net(stored, now);
}

}  // namespace search
