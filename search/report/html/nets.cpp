// The nets and the trials as columns: parts of document.h.
#include <fmt/format.h>

#include <algorithm>

#include "search/report/html/columns.h"
#include "search/report/html/document.h"

namespace search::html {

namespace {

constexpr std::size_t kFingerprint = 12, kShortMessage = 300;

/// "lda-wilks", of a cut's criterion as JSON.
std::string criterion_name(const std::string& text) {
  const Json criterion = Json::parse(text, nullptr, false);
  if (!criterion.is_object()) return "";
  const std::string name = criterion.value("name", "");
  const Json variant = criterion.value("options", Json::object()).value("variant", Json());
  return variant.is_string() ? name + "-" + variant.get<std::string>() : name;
}

/// "to 0.3 of the macs", "by eta 0.1".
std::string request_text(const std::string& text) {
  const Json request = Json::parse(text, nullptr, false);
  if (!request.is_object()) return "";
  if (request.contains("eta")) return fmt::format("by eta {}", request.at("eta").dump());
  if (!request.contains("keep") || !request.contains("of")) return "";
  return fmt::format("to {} of the {}", request.at("keep").dump(),
                     request.at("of").is_string() ? request.at("of").get<std::string>() : "?");
}

}  // namespace

Json nets_part(const Snapshot& run) {
  Json part;
  for (const char* column :
       {"label", "stage", "parent", "trial", "step", "params", "macs", "val", "test", "before", "eta", "wall_s", "beyond"})
    part[column] = Json::array();
  DictionaryColumn kinds, criteria, requests;
  for (std::size_t i = 0; i < run.nets.size(); ++i) {
    const StoredNet& net = run.nets[i];
    const StoredStage& stage = run.stages[static_cast<std::size_t>(net.stage)];
    part["label"].push_back(stage.label);
    part["stage"].push_back(stage.fingerprint.substr(0, kFingerprint));
    kinds.add(stage.kind);
    criteria.add(criterion_name(net.criterion));
    requests.add(request_text(net.request));
    part["parent"].push_back(net.parent);
    part["trial"].push_back(net.trial);
    part["step"].push_back(net.step);
    part["params"].push_back(rounded(net.params, 12));
    part["macs"].push_back(rounded(net.macs, 12));
    part["val"].push_back(rounded(net.val));
    part["test"].push_back(rounded(net.test));
    part["before"].push_back(rounded(net.before));
    part["eta"].push_back(rounded(net.eta, 4));
    part["wall_s"].push_back(rounded(stage.wall_s, 4));
    if (net.beyond) part["beyond"].push_back(i);
  }
  part["kind"] = kinds.json();
  part["criterion"] = criteria.json();
  part["request"] = requests.json();
  part["count"] = run.nets.size();
  return part;
}

Json trials_part(const Snapshot& run) {
  Json part;
  for (const char* column : {"trial", "name", "width", "seed", "fold", "nets"}) part[column] = Json::array();
  DictionaryColumn roles, tasks, nets, criteria, schedules, states, failures;
  for (const StoredTrial& trial : run.trials) {
    part["trial"].push_back(trial.number);
    part["name"].push_back(trial.name);
    part["width"].push_back(rounded(trial.width));
    part["seed"].push_back(trial.seed);
    part["fold"].push_back(trial.fold ? Json(*trial.fold) : Json());
    part["nets"].push_back(trial.nets);
    roles.add(trial.role);
    tasks.add(trial.task);
    nets.add(trial.net);
    criteria.add(trial.criterion);
    schedules.add(trial.schedule);
    states.add(trial.state);
    failures.add(trial.failure.substr(0, std::min(trial.failure.find('\n'), kShortMessage)));
  }
  part["role"] = roles.json();
  part["task"] = tasks.json();
  part["net"] = nets.json();
  part["criterion"] = criteria.json();
  part["schedule"] = schedules.json();
  part["state"] = states.json();
  part["failure"] = failures.json();
  part["count"] = run.trials.size();
  return part;
}

}  // namespace search::html
