#include "search/strategies/task_planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "eval/cost.h"
#include "search/strategies/narrow.h"
#include "storage/base/error.h"

namespace search {

namespace {

using storage::StageInput;

/// Multiply-accumulates of a training pass over those of a forward pass: forward, gradient of the activations, gradient of the weights.
constexpr double kTrainingPasses = 3;
/// Batches that a probe of the precision is taken to run, and the share of a net that one eta step is taken to leave: for estimates only.
constexpr double kProbeBatches = 30, kEtaShare = 0.8;

/// The data's settings of one fold, or as they are.
Json settings_of(const Experiment& experiment, const Task& task, std::optional<int> fold) {
  Json settings = experiment.data.at(task.dataset);
  if (fold) settings["fold"] = *fold;
  return settings;
}

}  // namespace

TaskPlanner::TaskPlanner(const Experiment& experiment, const Task& task, const eval::DatasetInfo& info, std::optional<int> fold,
                         PlanBuilder& builder)
    : experiment_(experiment), task_(task), fold_(fold), builder_(builder), info_(info) {
  const Json settings = settings_of(experiment, task, fold);
  data_ = {{"settings", settings}, {"identity", eval::dataset_identity(settings)}, {"target", task.target}};
  evaluation_ = Json{{"data", data_}, {"split", "test"}};
}

std::vector<NamedNet> TaskPlanner::bases() const {
  std::vector<NamedNet> bases;
  for (const NetRequest& net : experiment_.nets) {
    const auto same =
        std::count_if(experiment_.nets.begin(), experiment_.nets.end(), [&](const auto& other) { return other.name == net.name; });
    bases.push_back({net, same == 1 ? net.name : fmt::format("{}-w{}", net.name, net.width)});
  }
  return bases;
}

storage::TrialRecord TaskPlanner::trial(const NamedNet& net, int seed) {
  return trained(net, net.label, "pruned", experiment_.train, seed);
}

void TaskPlanner::name(storage::TrialRecord& trial, const Criterion& criterion, const std::string& schedule) const {
  trial.criterion = criterion.label;
  trial.schedule = schedule;
  trial.name = fmt::format("{}/{}/{}/{}/{}", task_.name, trial.net, criterion.label, schedule, suffix(trial.seed));
}

std::string TaskPlanner::cut(const CutRequest& cut) {
  const bool eta = cut.request.kind == prune::PruneRequest::Kind::eta;
  const Json parameters{{"data", data_},
                        {"criterion", {{"name", cut.criterion.name}, {"options", cut.criterion.options}}},
                        {"allocation", eta ? "eta" : cut.criterion.allocation},
                        {"limits", experiment_.allocation},
                        {"request", prune::to_json(cut.request)},
                        {"retrain", retraining(cut.stop_after)},
                        {"seed", cut.seed}};
  std::vector<StageInput> inputs{{"net", cut.parent}};
  if (!cut.widths.empty()) inputs.push_back({"widths", cut.widths});
  if (experiment_.retrain.contains("distill")) inputs.push_back({"teacher", cut.base});
  const double scoring = static_cast<double>(info_.train) * cut.share * macs(cut.net) * kTrainingPasses;
  return builder_.add(StageKind::prune, shown(cut.label), parameters, std::move(inputs),
                      scoring + training_work(parameters.at("retrain"), kept_share(cut.request, cut.share) * macs(cut.net)));
}

Stage TaskPlanner::extension(const CutRequest& cut, const std::string& stage, int epochs) const {
  std::vector<StageInput> inputs{{"net", stage}};
  if (experiment_.retrain.contains("distill")) inputs.push_back({"teacher", cut.base});
  const Json train = retraining(epochs);
  return make_stage(
      StageKind::extend, shown(fmt::format("{}, epoch {}", cut.label, epochs)),
      Json{{"data", data_}, {"train", train}, {"from", cut.stop_after}, {"seed", cut.seed}}, std::move(inputs),
      training_work(train, kept_share(cut.request, cut.share) * macs(cut.net)) * (1 - cut.stop_after / static_cast<double>(epochs)));
}

void TaskPlanner::decide(const storage::TrialRecord& trial, std::string choice, std::string reason) {
  builder_.add(storage::Decision{trial.name, std::move(choice), std::move(reason)});
}

/// The options of a retraining that ends after `stop_after` epochs; the learning rate follows its course over all of them.
Json TaskPlanner::retraining(int stop_after) const {
  Json options = experiment_.retrain;
  if (stop_after > 0 && stop_after < options.at("epochs").get<int>()) options["stop_after"] = stop_after;
  return options;
}

std::string TaskPlanner::evaluated(const std::string& stage, const NamedNet& net, const std::string& label, double share) {
  return builder_.add(StageKind::evaluate, shown(label), evaluation_, {{"net", stage}},
                      static_cast<double>(info_.test) * share * macs(net));
}

void TaskPlanner::plan_baselines() {
  for (const Baseline& baseline : experiment_.baselines) {
    for (const NamedNet& net : nets_of(baseline)) {
      const std::string name = net.request.width == 1 ? net.label : fmt::format("{}-w{}", net.label, net.request.width);
      for (int i = 0; i < experiment_.seeds; ++i) builder_.add(trained(net, name, "baseline", baseline.train, experiment_.seed + i));
    }
  }
}

std::vector<NamedNet> TaskPlanner::nets_of(const Baseline& baseline) const {
  if (!baseline.narrow) return {{baseline.net, baseline.net.name}};
  std::vector<NamedNet> nets;
  for (NamedNet net : bases()) {
    net.label = "narrow-" + net.label;
    net.request.width = narrow_width(net.request, info_, *baseline.narrow);
    nets.push_back(std::move(net));
  }
  return nets;
}

/// The net trained from scratch and measured, after a probe of the precision where that is open.
storage::TrialRecord TaskPlanner::trained(const NamedNet& net, const std::string& name, const std::string& role, const Json& train,
                                          int seed) {
  const std::string label = fmt::format("{} seed {}", name, seed);
  std::vector<StageInput> inputs;
  if (train.at("precision") == "auto") {
    const Json parameters{{"data", data_}, {"net", to_json(net.request)}, {"batch", train.at("batch")}};
    const double work = kProbeBatches * train.at("batch").get<double>() * macs(net) * kTrainingPasses;
    inputs.push_back({"precision", builder_.add(StageKind::probe, shown(net.label), parameters, {}, work)});
  }
  const Json parameters{{"data", data_}, {"net", to_json(net.request)}, {"train", train}, {"seed", seed}};
  const std::string stage = builder_.add(StageKind::train, shown(label), parameters, std::move(inputs), training_work(train, macs(net)));
  storage::TrialRecord trial;
  trial.name = fmt::format("{}/{}/{}", task_.name, name, suffix(seed));
  trial.role = role;
  trial.task = task_.name;
  trial.net = net.label;
  trial.width = net.request.width;
  trial.seed = seed;
  trial.fold = fold_;
  trial.steps = {{0, stage, evaluated(stage, net, label, 1)}};
  return trial;
}

std::string TaskPlanner::suffix(int seed) const {
  return fold_ ? fmt::format("s{}/f{}", seed, *fold_) : fmt::format("s{}", seed);
}

/// A label as it is shown: with the task where there are several, and with the fold.
std::string TaskPlanner::shown(const std::string& label) const {
  return (experiment_.tasks.size() == 1 ? "" : task_.name + " ") + label + (fold_ ? fmt::format(" fold {}", *fold_) : "");
}

double TaskPlanner::macs(const NamedNet& net) const {
  const auto [known, added] = macs_.try_emplace(to_json(net.request).dump());
  if (added) known->second = static_cast<double>(eval::cost(make_net(net.request, info_)).macs);
  return known->second;
}

double TaskPlanner::training_work(const Json& train, double macs_of_net) const {
  return train.value("stop_after", train.at("epochs").get<double>()) * static_cast<double>(info_.train) * macs_of_net * kTrainingPasses;
}

double kept_share(const prune::PruneRequest& request, double before) {
  switch (request.kind) {
    case prune::PruneRequest::Kind::eta:
      return before * kEtaShare;
    case prune::PruneRequest::Kind::keep:
      return std::min(before, request.value);
  }
  return before;
}

const storage::StageStatus* done_net(const History& history, const std::string& stage) {
  const auto known = history.find(stage);
  const bool is_done = known != history.end() && known->second.state == storage::StageState::done && known->second.accuracy_val;
  return is_done ? &known->second : nullptr;
}

bool has_failed(const History& history, const std::string& stage) {
  const auto known = history.find(stage);
  return known != history.end() && known->second.state == storage::StageState::failed;
}

double rounded_share(double share) {
  return std::round(share * 1e4) / 1e4;
}

const Criterion& criterion_by_label(const Experiment& experiment, const std::string& label) {
  for (const Criterion& criterion : experiment.criteria)
    if (criterion.label == label) return criterion;
  throw storage::Error(storage::ErrorKind::invalid, fmt::format("widths from '{}': there is no such criterion", label));
}

Plan plan_tasks(const Experiment& experiment, const std::function<void(TaskPlanner&)>& plan) {
  PlanBuilder builder;
  for (const Task& task : experiment.tasks) {
    const eval::DatasetInfo info = eval::describe_dataset(experiment.data.at(task.dataset), task.target);
    for (int fold = 0; fold < std::max(info.folds, 1); ++fold) {
      TaskPlanner planner(experiment, task, info, info.folds == 0 ? std::nullopt : std::optional(fold), builder);
      plan(planner);
      planner.plan_baselines();
    }
  }
  return std::move(builder).build();
}

}  // namespace search
