#include "search/plan/task_planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "search/experiment/nets.h"
#include "search/plan/pareto.h"
#include "storage/base/named.h"

namespace search {

TaskPlanner::TaskPlanner(const Experiment& experiment, const Task& task, std::optional<int> fold, PlanBuilder& builder)
    : experiment_(experiment),
      task_(task),
      fold_(fold),
      builder_(builder),
      info_(info_of(experiment, task)),
      sources_(source_nets(experiment)),
      decides_by_latency_(names_latency(experiment.objectives, experiment.constraints)),
      names_(experiment, task, fold),
      stages_(experiment, task, fold) {}

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
  trial.name = names_.trial(trial.net, criterion.label, schedule, trial.seed);
}

/// Before stages that may read it.
void TaskPlanner::plan_latency_table(const NamedNet& net) {
  if (estimates_latency(experiment_)) builder_.add(stages_.latency_table(net));
}

std::string TaskPlanner::add_net(Stage stage, const CutRequest& cut) {
  const std::string net = builder_.add(std::move(stage));
  if (decides_by_latency_) builder_.add(stages_.latency({net, cut.net, cut.label, kept_ratio(cut.request, cut.parent_ratio)}));
  return net;
}

bool TaskPlanner::awaits_latency(const History& history, const std::string& stage, const NamedNet& net) const {
  if (!decides_by_latency_) return false;
  const Stage timing = stages_.latency({stage, net, "", 1});
  const auto known = history.find(timing.fingerprint);
  const bool is_timed = known != history.end() && known->second.state == storage::StageState::done;
  return !is_timed && !is_lost(history, timing.fingerprint);
}

bool TaskPlanner::is_reportable(const History& history, const storage::TrialRecord& trial, const std::string& stage, const NamedNet& net) {
  if (experiment_.constraints.empty()) return true;
  const storage::StageStatus* result = awaits_latency(history, stage, net) ? nullptr : done_net(history, stage);
  if (result == nullptr) return false;
  const std::optional<Candidate> found = candidate(*result, {}, experiment_.constraints);
  const bool is_feasible = found && found->violation == 0;
  if (!is_feasible) log_decision(trial, "leave", "beyond a constraint");
  return is_feasible;
}

void TaskPlanner::log_decision(const storage::TrialRecord& trial, std::string choice, std::string reason) {
  builder_.add(storage::Decision{trial.name, std::move(choice), std::move(reason)});
}

void TaskPlanner::measure(storage::TrialStep& step, const NamedNet& net, const std::string& label, double ratio, int seed) {
  const MadeNet made{step.stage, net, label, ratio};
  step.evaluation = builder_.add(stages_.evaluation(made));
  if (experiment_.evaluate.latency) {
    plan_latency_table(net);
    step.measurements.push_back(builder_.add(stages_.latency(made)));
  }
  if (experiment_.evaluate.robustness) step.measurements.push_back(builder_.add(stages_.robustness(made, attacked_nets(seed), seed)));
}

void TaskPlanner::plan_baselines() {
  for (storage::TrialRecord& shape : shapes_) builder_.add(std::move(shape));
  shapes_.clear();
  const std::vector<NamedNet> all = bases();
  for (const Baseline& baseline : experiment_.baselines) {
    if (baseline.scratch) continue;
    const std::vector<NamedNet> nets = nets_of(baseline);
    for (std::size_t n = 0; n < nets.size(); ++n) {
      for (int seed = experiment_.seed; seed < experiment_.seed + experiment_.seeds; ++seed)
        builder_.add(trained(nets[n], baseline_name(nets[n]), "baseline", baseline.train, seed, teacher_of(baseline.train, all[n], seed)));
    }
  }
}

void TaskPlanner::plan_scratch(const storage::TrialRecord& trial, const NamedNet& net, double ratio, bool is_last) {
  for (const Baseline& baseline : experiment_.baselines) {
    if (!baseline.scratch || (baseline.last_only && !is_last)) continue;
    const std::string label = scratch_prefix + net.label + (baseline.equal_flops ? flops_suffix : ""),
                      step = fmt::format("{} {}", trial.schedule, trial.steps.back().step);
    const std::string name = fmt::format("{} {} {} seed {}", label, trial.criterion, step, trial.seed);
    storage::TrialRecord made{
        .name = names_.trial(label, trial.criterion, fmt::format("{}-{}", trial.schedule, trial.steps.back().step), trial.seed),
        .role = "baseline",
        .task = task_.name,
        .net = label,
        .criterion = trial.criterion,
        .schedule = step,
        .width = net.request.width,
        .seed = trial.seed,
        .fold = fold_};
    const MadeNet shape{trial.steps.back().stage, net, name, ratio};
    const std::optional<Teacher> teacher = teacher_of(baseline.train, net, trial.seed);
    const std::vector<const Stage*> path = baseline.equal_flops ? builder_.path_to(shape.stage) : std::vector<const Stage*>();
    made.steps = {{0, builder_.add(stages_.from_scratch(shape, baseline.train, trial.seed, teacher, path)), ""}};
    measure(made.steps[0], net, name, ratio, trial.seed);
    shapes_.push_back(std::move(made));
  }
}

/// The base with this index made narrow, to be pretrained as it or not at all.
NetRequest TaskPlanner::narrow(const NetRequest& base, const prune::PruneRequest& share, bool pretrained, int index) const {
  NetRequest made = narrowed(base, info_, share);
  if (pretrained) made.pretrain = control_pretraining(experiment_, index);
  return made;
}

std::vector<NamedNet> TaskPlanner::nets_of(const Baseline& baseline) const {
  const std::string suffix = std::string(baseline.pretrained ? pretrained_suffix : "") + (baseline.train.distill ? distilled_suffix : "");
  if (!baseline.narrow) return {{baseline.net, baseline.net.name + suffix}};
  std::vector<NamedNet> nets;
  for (NamedNet net : bases()) {
    net.label = narrow_prefix + net.label + suffix;
    net.request = narrow(net.request, *baseline.narrow, baseline.pretrained, static_cast<int>(nets.size()));
    nets.push_back(std::move(net));
  }
  return nets;
}

/// The net trained, after its pretraining, and after a probe of the precision where that is open. Returns the stage that trains.
std::string TaskPlanner::training(const NamedNet& net, const std::string& name, const prune::TrainOptions& train, int seed,
                                  const std::optional<Teacher>& teacher) {
  std::vector<storage::StageInput> inputs;
  if (train.precision == "auto") inputs.push_back({"precision", builder_.add(stages_.probe(net, train.batch))});
  if (net.request.pretrain) inputs.push_back({"start", pretraining(net)});
  return builder_.add(stages_.training(net, name, train, seed, std::move(inputs), teacher));
}

std::string TaskPlanner::pretraining(const NamedNet& net) {
  const Pretraining& asked = *net.request.pretrain;
  const StageFactory stages(experiment_, asked);
  std::vector<storage::StageInput> inputs;
  std::optional<Teacher> teacher;
  if (asked.taught_by >= 0) {
    const NamedNet base = bases().at(static_cast<std::size_t>(asked.taught_by));
    teacher = Teacher{pretraining(base), base.request};
  }
  if (asked.train.precision == "auto") inputs.push_back({"precision", builder_.add(stages.probe(net, asked.train.batch))});
  return builder_.add(stages.training(net, baseline_name(net) + " pretraining", asked.train, experiment_.seed, std::move(inputs), teacher));
}

std::string TaskPlanner::cut_at_pretraining(const CutRequest& request) {
  const StageFactory stages(experiment_, *request.net.request.pretrain);
  if (estimates_latency(experiment_)) builder_.add(stages.latency_table(request.net));
  return builder_.add(stages.cut(request));
}

std::string TaskPlanner::transfer(const MadeNet& cut, const std::string& base, int seed) {
  std::optional<Teacher> teacher;
  if (experiment_.transfer.distill) teacher = Teacher{base, cut.net.request};
  return builder_.add(stages_.transfer(cut, seed, teacher));
}

/// The base net of a seed where it is to teach.
std::optional<Teacher> TaskPlanner::teacher_of(const prune::TrainOptions& train, const NamedNet& base, int seed) {
  if (!train.distill) return std::nullopt;
  return Teacher{training(base, base.label, experiment_.train, seed), base.request};
}

/// The trial of a net trained and measured.
storage::TrialRecord TaskPlanner::trained(const NamedNet& net, const std::string& name, const std::string& role,
                                          const prune::TrainOptions& train, int seed, const std::optional<Teacher>& teacher) {
  storage::TrialRecord trial;
  trial.name = names_.trial(name, seed);
  trial.role = role;
  trial.task = task_.name;
  trial.net = net.label;
  trial.width = net.request.width;
  trial.seed = seed;
  trial.fold = fold_;
  trial.steps = {{0, training(net, name, train, seed, teacher), ""}};
  measure(trial.steps[0], net, trained_label(name, seed), 1, seed);
  return trial;
}

/// The nets that the experiment's attacks name, each once. Where no trial has trained one yet, that is planned here.
std::vector<AttackedNet> TaskPlanner::attacked_nets(int seed) {
  std::vector<AttackedNet> nets;
  for (const eval::Perturbation& perturbation : experiment_.evaluate.robustness->perturbations) {
    const auto is_same = [&](const AttackedNet& each) { return each.name == perturbation.source; };
    if (perturbation.kind == "noise" || perturbation.source == "self" || std::any_of(nets.begin(), nets.end(), is_same)) continue;
    nets.push_back(attacked(storage::find_named(sources_, perturbation.source, "attacks: source", &SourceNet::name), seed));
  }
  return nets;
}

AttackedNet TaskPlanner::attacked(const SourceNet& source, int seed) {
  NamedNet net{source.net, source.is_baseline && !source.narrow ? source.net.name : source.name};
  if (source.narrow) net.request = narrow(source.net, *source.narrow, source.is_pretrained, source.base);
  const std::optional<Teacher> teacher = teacher_of(source.train, bases().at(static_cast<std::size_t>(source.base)), seed);
  return {source.name, net.request, training(net, source.is_baseline ? baseline_name(net) : net.label, source.train, seed, teacher)};
}

const storage::StageStatus* done_net(const History& history, const std::string& stage) {
  const auto known = history.find(stage);
  const bool is_done = known != history.end() && known->second.state == storage::StageState::done && known->second.accuracy_val;
  return is_done ? &known->second : nullptr;
}

double rounded_ratio(double ratio) {
  return std::round(ratio * 1e4) / 1e4;
}

const Criterion& criterion_by_label(const Experiment& experiment, const std::string& label) {
  return storage::find_named(experiment.criteria, label, "widths: criterion", &Criterion::label);
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
