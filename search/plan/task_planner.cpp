#include "search/plan/task_planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "eval/attacks/catalog.h"
#include "eval/cost.h"
#include "search/experiment/nets.h"
#include "storage/base/error.h"

namespace search {

namespace {

using storage::StageInput;

/// Multiply-accumulates of a training pass over those of a forward pass: forward, gradient of the activations, gradient of the weights.
constexpr double kTrainingPasses = 3;
/// Batches that a probe of the precision is taken to run, and the share of a net that one eta step is taken to leave: for estimates only.
constexpr double kProbeBatches = 30, kEtaShare = 0.8;
/// Runs of each batch that a latency is taken to need: for estimates.
constexpr double kLatencyRuns = 50;

std::string trained_label(const std::string& name, int seed) {
  return fmt::format("{} seed {}", name, seed);
}

std::string baseline_name(const NamedNet& net) {
  return net.request.width == 1 ? net.label : fmt::format("{}-w{}", net.label, net.request.width);
}

/// What stages are told of the task's data, of one fold or as they are.
Parameter data_of(const Experiment& experiment, const Task& task, std::optional<int> fold) {
  Located data = located(experiment.data.at(task.dataset), fold);
  data.full["target"] = data.identity["target"] = task.target;
  return {"data", data.full, data.identity};
}

}  // namespace

TaskPlanner::TaskPlanner(const Experiment& experiment, const Task& task, std::optional<int> fold, PlanBuilder& builder)
    : experiment_(experiment),
      task_(task),
      fold_(fold),
      builder_(builder),
      info_(info_of(experiment, task)),
      sources_(source_nets(experiment)),
      decides_by_latency_(names_metric(experiment.objectives, experiment.constraints, "latency_ms")),
      data_(data_of(experiment, task, fold)),
      limits_("limits", experiment.allocation),
      evaluation_({data_, {"split", "test"}}) {}

std::vector<NamedNet> TaskPlanner::bases() const {
  std::vector<NamedNet> bases;
  for (const NetRequest& net : experiment_.nets) bases.push_back({net, base_name(experiment_, net)});
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
  const Retraining& retrain = retraining(cut.stop_after);
  std::vector<Parameter> parameters{data_,
                                    {"criterion", {{"name", cut.criterion.name}, {"options", cut.criterion.options}}},
                                    {"allocation", eta ? "eta" : cut.criterion.allocation},
                                    limits_,
                                    {"request", prune::to_json(cut.request)},
                                    retrain.of_cut,
                                    {"seed", cut.seed}};
  if (experiment_.refit) parameters.emplace_back("refit", prune::to_json(*experiment_.refit));
  if (experiment_.substeps > 1) parameters.emplace_back("substeps", experiment_.substeps);
  std::vector<StageInput> inputs{{"net", cut.parent}};
  if (!cut.widths.empty()) inputs.push_back({"widths", cut.widths});
  if (experiment_.retrain.distill) inputs.push_back({"teacher", cut.base});
  const double scoring = experiment_.substeps * static_cast<double>(info_.train) * cut.share * macs(cut.net) * kTrainingPasses;
  Stage stage = make_stage(StageKind::prune, shown(cut.label), std::move(parameters), std::move(inputs),
                           scoring + training_cost(retrain.epochs, kept_share(cut.request, cut.share) * macs(cut.net)));
  stage.epochs = retrain.epochs;
  return add_net(std::move(stage), cut);
}

Stage TaskPlanner::extension(const CutRequest& cut, const std::string& stage, int epochs) const {
  std::vector<StageInput> inputs{{"net", stage}};
  if (experiment_.retrain.distill) inputs.push_back({"teacher", cut.base});
  const Retraining& train = retraining(epochs);
  const double more = train.epochs - cut.stop_after;
  Stage made = make_stage(StageKind::extend, shown(fmt::format("{}, epoch {}", cut.label, epochs)),
                          std::vector<Parameter>{data_, train.of_extension, {"from", cut.stop_after}, {"seed", cut.seed}},
                          std::move(inputs), training_cost(more, kept_share(cut.request, cut.share) * macs(cut.net)));
  made.epochs = more;
  return made;
}

std::string TaskPlanner::extend(const CutRequest& cut, Stage extension) {
  return add_net(std::move(extension), cut);
}

/// Adds a stage that makes a net. Where the search looks at latency, the net is timed before it is decided on.
std::string TaskPlanner::add_net(Stage stage, const CutRequest& cut) {
  const std::string net = builder_.add(std::move(stage));
  if (decides_by_latency_) builder_.add(latency_stage(net, cut.net, cut.label, kept_share(cut.request, cut.share)));
  return net;
}

bool TaskPlanner::awaits_latency(const History& history, const std::string& stage, const NamedNet& net) const {
  if (!decides_by_latency_) return false;
  const auto known = history.find(stage);
  return (known == history.end() || !known->second.metrics.contains("latency_ms")) &&
         !has_failed(history, latency_stage(stage, net, "", 1).fingerprint);
}

void TaskPlanner::decide(const storage::TrialRecord& trial, std::string choice, std::string reason) {
  builder_.add(storage::Decision{trial.name, std::move(choice), std::move(reason)});
}

/// A retraining that ends after `stop_after` epochs; the learning rate follows its course over all of them.
const TaskPlanner::Retraining& TaskPlanner::retraining(int stop_after) const {
  const auto known = retrainings_.find(stop_after);
  if (known != retrainings_.end()) return known->second;
  prune::TrainOptions options = experiment_.retrain;
  if (stop_after < options.epochs) options.stop_after = stop_after;
  const Json json = prune::to_json(options);
  return retrainings_.emplace(stop_after, Retraining{{"retrain", json}, {"train", json}, static_cast<double>(options.last_epoch())})
      .first->second;
}

void TaskPlanner::measure(storage::TrialStep& step, const NamedNet& net, const std::string& label, double share, int seed) {
  step.evaluation = builder_.add(StageKind::evaluate, shown(label), evaluation_, {{"net", step.stage}},
                                 static_cast<double>(info_.test) * share * macs(net));
  if (experiment_.evaluate.latency) step.measurements.push_back(builder_.add(latency_stage(step.stage, net, label, share)));
  if (experiment_.evaluate.robustness) step.measurements.push_back(robustness(step.stage, net, label, share, seed));
}

Stage TaskPlanner::latency_stage(const std::string& stage, const NamedNet& net, const std::string& label, double share) const {
  const LatencyOptions& options = *experiment_.evaluate.latency;
  double images = 0;
  for (const int batch : options.batch) images += kLatencyRuns * batch;
  return make_stage(StageKind::latency, shown(label), to_json(options), {{"net", stage}}, images * share * macs(net));
}

std::string TaskPlanner::robustness(const std::string& stage, const NamedNet& net, const std::string& label, double share, int seed) {
  const RobustnessOptions& options = *experiment_.evaluate.robustness;
  const double images = std::min<double>(options.images, static_cast<double>(info_.test));
  std::vector<StageInput> inputs{{"net", stage}};
  double work = share * macs(net);  // of one image; the first pass is over the images as they are
  for (const eval::Perturbation& perturbation : options.perturbations) {
    work += share * macs(net);
    if (perturbation.kind == "noise") continue;
    const double passes = eval::attack_entry(perturbation.name).passes(perturbation.options);
    const std::string& source = perturbation.source;
    work += passes * (source == "self" ? share * macs(net) : macs(source_net(source_by_name(source))));
    const auto same_role = [&](const StageInput& input) { return input.role == source_role(source); };
    if (source != "self" && std::none_of(inputs.begin(), inputs.end(), same_role))
      inputs.push_back({source_role(source), source_stage(source_by_name(source), seed)});
  }
  std::vector<Parameter> parameters{data_, {"seed", seed}};
  const Json asked = to_json(options);
  for (const auto& [name, value] : asked.items()) parameters.emplace_back(name, value);
  return builder_.add(StageKind::robustness, shown(label), std::move(parameters), std::move(inputs), images * work);
}

void TaskPlanner::plan_baselines() {
  for (const Baseline& baseline : experiment_.baselines) {
    for (const NamedNet& net : nets_of(baseline)) {
      for (int i = 0; i < experiment_.seeds; ++i)
        builder_.add(trained(net, baseline_name(net), "baseline", baseline.train, experiment_.seed + i));
    }
  }
}

std::vector<NamedNet> TaskPlanner::nets_of(const Baseline& baseline) const {
  if (!baseline.narrow) return {{baseline.net, baseline.net.name}};
  std::vector<NamedNet> nets;
  for (NamedNet net : bases()) {
    net.label = narrow_prefix + net.label;
    net.request.width = narrow_width(net.request, info_, *baseline.narrow);
    nets.push_back(std::move(net));
  }
  return nets;
}

/// The net trained from scratch, after a probe of the precision where that is open. Returns the stage that trains.
std::string TaskPlanner::training(const NamedNet& net, const std::string& name, const prune::TrainOptions& train, int seed) {
  std::vector<StageInput> inputs;
  const Located request = located(net.request);
  const Parameter from{"net", request.full, request.identity};
  if (train.precision == "auto") {
    std::vector<Parameter> parameters{data_, from, {"batch", train.batch}};
    const double work = kProbeBatches * train.batch * macs(net) * kTrainingPasses;
    inputs.push_back({"precision", builder_.add(StageKind::probe, shown(net.label), std::move(parameters), {}, work)});
  }
  std::vector<Parameter> parameters{data_, from, {"train", prune::to_json(train)}, {"seed", seed}};
  Stage stage = make_stage(StageKind::train, shown(trained_label(name, seed)), std::move(parameters), std::move(inputs),
                           training_cost(train.last_epoch(), macs(net)));
  stage.epochs = train.last_epoch();
  return builder_.add(std::move(stage));
}

/// The trial of a net trained from scratch and measured.
storage::TrialRecord TaskPlanner::trained(const NamedNet& net, const std::string& name, const std::string& role,
                                          const prune::TrainOptions& train, int seed) {
  storage::TrialRecord trial;
  trial.name = fmt::format("{}/{}/{}", task_.name, name, suffix(seed));
  trial.role = role;
  trial.task = task_.name;
  trial.net = net.label;
  trial.width = net.request.width;
  trial.seed = seed;
  trial.fold = fold_;
  trial.steps = {{0, training(net, name, train, seed), ""}};
  measure(trial.steps[0], net, trained_label(name, seed), 1, seed);
  return trial;
}

/// A net that attacks are made on, as its own trials call it.
NamedNet TaskPlanner::source_net(const SourceNet& source) const {
  NamedNet net{source.net, source.is_baseline && !source.narrow ? source.net.name : source.name};
  if (source.narrow) net.request.width = narrow_width(source.net, info_, *source.narrow);
  return net;
}

/// The stage that trains it, which is planned here where no trial has done so yet.
std::string TaskPlanner::source_stage(const SourceNet& source, int seed) {
  const NamedNet net = source_net(source);
  return training(net, source.is_baseline ? baseline_name(net) : net.label, source.train, seed);
}

const SourceNet& TaskPlanner::source_by_name(const std::string& name) const {
  const auto found = std::find_if(sources_.begin(), sources_.end(), [&](const SourceNet& each) { return each.name == name; });
  if (found == sources_.end())
    throw storage::Error(storage::ErrorKind::invalid, fmt::format("attacks on '{}': there is no such net in the experiment", name));
  return *found;
}

std::string TaskPlanner::suffix(int seed) const {
  return fold_ ? fmt::format("s{}/f{}", seed, *fold_) : fmt::format("s{}", seed);
}

/// A label as it is shown: with the task where there are several, and with the fold.
std::string TaskPlanner::shown(const std::string& label) const {
  return (experiment_.tasks.size() == 1 ? "" : task_.name + " ") + label + (fold_ ? fmt::format(" fold {}", *fold_) : "");
}

double TaskPlanner::macs(const NamedNet& net) const {
  const auto [known, added] = macs_.try_emplace({net.request.name, net.request.width});
  if (added) known->second = static_cast<double>(eval::cost(make_net(net.request, info_)).macs);
  return known->second;
}

double TaskPlanner::training_cost(double epochs, double macs_of_net) const {
  return epochs * static_cast<double>(info_.train) * macs_of_net * kTrainingPasses;
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
    const int folds = info_of(experiment, task).folds;
    for (int fold = 0; fold < std::max(folds, 1); ++fold) {
      TaskPlanner planner(experiment, task, folds == 0 ? std::nullopt : std::optional(fold), builder);
      plan(planner);
      planner.plan_baselines();
    }
  }
  return std::move(builder).build();
}

}  // namespace search
