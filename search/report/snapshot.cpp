#include "search/report/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "search/experiment/experiment.h"
#include "search/plan/pareto.h"
#include "search/report/table_text.h"
#include "storage/base/error.h"

namespace search {

namespace {

using storage::Repository;
using Values = std::vector<Json>;

double number(const Json& value) {
  return value.is_number() ? value.get<double>() : 0;
}

std::optional<double> maybe(const Json& value) {
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

void read_stages(const Repository& repository, Snapshot& run) {
  repository.each_row("stages",
                      {"stage", "kind", "label", "state", "started_at", "device", "host", "failure_kind", "failure", "wall_s", "dropped"},
                      [&](const Values& row) {
                        run.stage_index.emplace(text_of(row[0]), static_cast<int>(run.stages.size()));
                        run.stages.push_back({text_of(row[0]),
                                              text_of(row[1]),
                                              text_of(row[2]),
                                              text_of(row[3]),
                                              text_of(row[4]),
                                              text_of(row[5]),
                                              text_of(row[6]),
                                              text_of(row[7]),
                                              text_of(row[8]),
                                              number(row[9]),
                                              {},
                                              -1,
                                              row[10] == 1});
                      });
  repository.each_row("inputs", {"stage", "role", "source"}, [&](const Values& row) {
    const int reader = run.stage_index.at(text_of(row[0])), source = run.stage_index.at(text_of(row[2]));
    run.stages[static_cast<std::size_t>(reader)].inputs.push_back({text_of(row[1]), source});
  });
}

void read_nets(const Repository& repository, Snapshot& run) {
  repository.each_row("nets",
                      {"stage", "parent", "params", "macs", "accuracy_val", "accuracy_before_retraining", "eta", "criterion", "request"},
                      [&](const Values& row) {
                        StoredNet net{.stage = run.stage_index.at(text_of(row[0])), .params = number(row[2]), .macs = number(row[3])};
                        net.parent = run.net_of(text_of(row[1]));
                        net.val = maybe(row[4]);
                        net.before = maybe(row[5]);
                        net.eta = maybe(row[6]);
                        net.criterion = text_of(row[7]);
                        net.request = text_of(row[8]);
                        run.stages[static_cast<std::size_t>(net.stage)].net = static_cast<int>(run.nets.size());
                        run.nets.push_back(std::move(net));
                      });
  for (StoredStage& stage : run.stages) {
    if (stage.net >= 0) continue;
    for (const Input& input : stage.inputs)
      if (input.role == "net") stage.net = run.stages[static_cast<std::size_t>(input.stage)].net;
  }
}

/// What of an earlier experiment in this directory is no rival of the last one's trials.
struct Outdated {
  bool all = false;                           ///< it trained or cut in another way
  std::set<std::string> criteria, schedules;  ///< names that have another meaning now

  /// Whether a trial's schedule is one of these, or is named by one: "slow 2" of a net from scratch, "slow-greedy" of halving's
  /// allocations.
  bool has_schedule(const std::string& of_trial) const {
    const std::string name = of_trial.substr(0, of_trial.find(' '));
    const auto is_named_by = [&](const char* allocation) {
      return name.ends_with(allocation) && schedules.contains(name.substr(0, name.size() - std::string_view(allocation).size()));
    };
    return schedules.contains(name) || is_named_by("-eta") || is_named_by("-greedy") || is_named_by("-uniform");
  }
};

/// The names of entries that are something else in the other list.
std::set<std::string> redefined(const Json& earlier, const Json& last, const char* key) {
  std::set<std::string> names;
  for (const Json& a : earlier)
    for (const Json& b : last)
      if (a.is_object() && b.is_object() && a.contains(key) && a.value(key, Json()) == b.value(key, Json()) && a != b)
        names.insert(text_of(a[key]));
  return names;
}

/// By the numbers of the experiments that were run in this directory. More criteria and schedules are more trials.
std::map<int, Outdated> outdated_of(const Repository& repository) {
  struct Settings {
    Json way, criteria, schedules;
  };
  std::map<int, Settings> ways;
  repository.each_row("experiments", {"experiment", "settings"}, [&](const Values& row) {
    const Json settings = Json::parse(text_of(row[1]), nullptr, /*allow_exceptions=*/false);
    Settings& found = ways[static_cast<int>(number(row[0]))];
    for (const char* key : {"train", "prune"})
      if (settings.is_object() && settings.contains(key)) found.way[key] = settings[key];
    if (!found.way.is_object() || !found.way.contains("prune") || !found.way["prune"].is_object()) return;
    Json& prune = found.way["prune"];
    found.criteria = prune.value("criteria", Json::array());
    found.schedules = prune.value("schedules", Json::array());
    prune.erase("criteria");
    prune.erase("schedules");
  });
  std::map<int, Outdated> outdated;
  for (const auto& [experiment, settings] : ways) {
    const Settings& last = ways.rbegin()->second;
    Outdated& now = outdated[experiment] = {settings.way != last.way, redefined(settings.criteria, last.criteria, "label"),
                                            redefined(settings.schedules, last.schedules, "name")};
    for (const Json& criterion : settings.criteria)  // whose widths are those of another
      if (criterion.is_object() && criterion.contains("label") && now.criteria.contains(text_of(criterion.value("widths", Json()))))
        now.criteria.insert(text_of(criterion["label"]));
  }
  return outdated;
}

std::unordered_map<int, std::size_t> read_trials(const Repository& repository, Snapshot& run) {
  std::unordered_map<int, std::size_t> index;
  const std::map<int, Outdated> outdated = outdated_of(repository);
  repository.each_row(
      "trials",
      {"trial", "name", "role", "task", "net", "criterion", "schedule", "state", "failure", "width", "seed", "fold", "steps", "experiment"},
      [&](const Values& row) {
        StoredTrial trial{static_cast<int>(number(row[0])),
                          text_of(row[1]),
                          text_of(row[2]),
                          text_of(row[3]),
                          text_of(row[4]),
                          text_of(row[5]),
                          text_of(row[6]),
                          text_of(row[7]),
                          text_of(row[8]),
                          number(row[9]),
                          static_cast<int>(number(row[10])),
                          {},
                          /*outdated=*/false,
                          static_cast<int>(number(row[12])),
                          {},
                          {}};
        if (row[11].is_number()) trial.fold = row[11].get<int>();
        if (const auto found = outdated.find(static_cast<int>(number(row[13]))); found != outdated.end())
          trial.outdated =
              found->second.all || found->second.criteria.contains(trial.criterion) || found->second.has_schedule(trial.schedule);
        index.emplace(trial.number, run.trials.size());
        run.trials.push_back(std::move(trial));
      });
  return index;
}

void read_steps(const Repository& repository, const std::unordered_map<int, std::size_t>& index, Snapshot& run) {
  repository.each_row("steps", {"trial", "step", "stage", "accuracy_test"}, [&](const Values& row) {
    const auto found = index.find(static_cast<int>(number(row[0])));
    const int net = run.net_of(text_of(row[2]));
    if (found == index.end() || net < 0) return;
    StoredTrial& trial = run.trials[found->second];
    const auto step = static_cast<std::size_t>(number(row[1]));
    if (trial.nets.size() <= step) {
      trial.nets.resize(step + 1, -1);
      trial.tested.resize(step + 1, false);
    }
    trial.nets[step] = net;
    StoredNet& made = run.nets[static_cast<std::size_t>(net)];
    if (made.trial < 0) {
      made.trial = static_cast<int>(found->second);
      made.step = static_cast<int>(step);
    }
    if (!row[3].is_number()) return;
    trial.tested[step] = true;
    made.test = row[3].get<double>();
  });
}

/// Marks the nets that the constraints of the experiment rule out.
void mark_beyond(const Repository& repository, Snapshot& run) {
  std::vector<Constraint> constraints;
  const std::optional<storage::ExperimentRecord> experiment = repository.experiment();
  const Json stored = experiment ? experiment->settings.value("constraints", Json::array()) : Json::array();
  for (const Json& text : stored) constraints.push_back(constraint_from_string(text));
  if (constraints.empty()) return;
  const std::map<std::string, storage::StageStatus> statuses = repository.stage_statuses(stored_metrics({}, constraints));
  for (StoredNet& net : run.nets) {
    const auto status = statuses.find(run.stages[static_cast<std::size_t>(net.stage)].fingerprint);
    const std::optional<Candidate> measured = status == statuses.end() ? std::nullopt : candidate(status->second, {}, constraints);
    net.beyond = !measured || measured->violation != 0;
  }
}

}  // namespace

int Snapshot::net_of(const std::string& fingerprint) const {
  const auto stage = stage_index.find(fingerprint);
  if (stage == stage_index.end()) return -1;
  const int net = stages[static_cast<std::size_t>(stage->second)].net;
  return net >= 0 && nets[static_cast<std::size_t>(net)].stage == stage->second ? net : -1;
}

const StoredTrial* Snapshot::trial_of(const StoredNet& net) const {
  return net.trial < 0 ? nullptr : &trials[static_cast<std::size_t>(net.trial)];
}

storage::ExperimentRecord experiment_of(const storage::Repository& repository) {
  std::optional<storage::ExperimentRecord> experiment = repository.experiment();
  if (!experiment)
    throw storage::Error(storage::ErrorKind::usage, fmt::format("{}: no experiment is stored yet", repository.directory().string()));
  return *std::move(experiment);
}

double stored_tolerance(const storage::Repository& repository) {
  const std::optional<storage::ExperimentRecord> experiment = repository.experiment();
  const Json search =
      experiment && experiment->settings.is_object() ? experiment->settings.value("search", Json::object()) : Json::object();
  return search.value("tolerance", Experiment().tolerance);
}

Snapshot read_snapshot(const Repository& repository) {
  Snapshot run;
  read_stages(repository, run);
  read_nets(repository, run);
  read_steps(repository, read_trials(repository, run), run);
  mark_beyond(repository, run);
  return run;
}

}  // namespace search
