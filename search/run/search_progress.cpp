#include "search/run/search_progress.h"

#include <algorithm>

namespace search {

namespace {

/// The net that an outcome left, as later plans will see it.
storage::StageStatus status_of(const storage::StageOutcome& outcome) {
  storage::StageStatus status;
  status.state = outcome.state;
  status.wall_s = outcome.wall_s;
  for (const storage::Metric& metric : outcome.metrics) {
    if (metric.epoch) continue;
    status.metrics[metric.split + "/" + metric.name] = metric.value;
    if (metric.split == "val" && metric.name == "accuracy") status.accuracy_val = metric.value;
  }
  for (const storage::Artifact& artifact : outcome.artifacts)
    if (artifact.name == "weights") status.metrics["size"] = static_cast<double>(artifact.bytes);
  if (outcome.architecture) {
    status.params = outcome.architecture->params;
    status.macs = outcome.architecture->macs;
  }
  return status;
}

}  // namespace

double epochs_of(const Stage& stage) {
  const bool trains = stage.kind == StageKind::train || stage.kind == StageKind::prune || stage.kind == StageKind::extend;
  if (!trains) return 0;
  const char* key = stage.kind == StageKind::prune ? "retrain" : "train";
  const Json parameters = stage.parameters.json();
  const auto options = parameters.find(key);
  if (options == parameters.end() || !options->contains("epochs")) return 0;
  return options->value("stop_after", options->at("epochs").get<double>()) - parameters.value("from", 0.0);
}

void SearchProgress::adopt(const Plan& plan, const History& history) {
  tasks_of_.clear();
  bases_.clear();
  tasks_.clear();
  stages_ = 0;
  epochs_ = device_s_ = 0;
  for (const storage::TrialRecord& trial : plan.trials) {
    if (trial.role != "pruned") continue;
    bases_.insert(trial.steps.front().stage);
    for (const storage::TrialStep& step : trial.steps) tasks_of_[step.stage].insert(trial.task);
  }
  for (const Stage& stage : plan.stages) {
    // A cut that no trial has come to, or that was taken back, is of its parent's tasks.
    if (stage.kind == StageKind::prune || stage.kind == StageKind::extend) {
      for (const storage::StageInput& input : stage.inputs) {
        if (input.role != "net" || !tasks_of_.contains(input.stage)) continue;
        const std::set<std::string> tasks = tasks_of_.at(input.stage);
        tasks_of_[stage.fingerprint].insert(tasks.begin(), tasks.end());
      }
    }
    const auto known = history.find(stage.fingerprint);
    if (known == history.end() || known->second.state != storage::StageState::done) continue;
    ++stages_;
    epochs_ += epochs_of(stage);
    device_s_ += known->second.wall_s;
    add_net(stage, known->second);
  }
  for (auto& [name, task] : tasks_) task.hypervolume = hypervolume_of(task);
}

std::vector<storage::HypervolumeRecord> SearchProgress::finished(const Stage& stage, const storage::StageOutcome& outcome) {
  ++stages_;
  epochs_ += epochs_of(stage);
  device_s_ += outcome.wall_s;
  std::vector<storage::HypervolumeRecord> grown;
  if (!outcome.architecture || !add_net(stage, status_of(outcome))) return grown;
  for (const std::string& name : tasks_of_.at(stage.fingerprint)) {
    Task& task = tasks_.at(name);
    const double now = hypervolume_of(task);
    if (now == task.hypervolume) continue;
    task.hypervolume = now;
    grown.push_back({name, stage.fingerprint, epochs_, now});
  }
  return grown;
}

/// Whether the front of a task may have changed.
bool SearchProgress::add_net(const Stage& stage, const storage::StageStatus& net) {
  const auto tasks = tasks_of_.find(stage.fingerprint);
  if (tasks == tasks_of_.end()) return false;
  const std::optional<Candidate> found = candidate(net, experiment_.objectives, experiment_.constraints);
  if (!found) return false;
  for (const std::string& name : tasks->second) {
    Task& task = tasks_[name];
    if (bases_.contains(stage.fingerprint)) {
      task.reference.resize(found->values.size());
      for (std::size_t i = 0; i < task.reference.size(); ++i) task.reference[i] = std::max(task.reference[i], found->values[i]);
    }
    if (found->violation > 0) continue;
    const Candidate& now = *found;
    if (std::any_of(task.front.begin(), task.front.end(), [&](const auto& other) { return dominates({other, 0}, now); })) continue;
    std::erase_if(task.front, [&](const auto& other) { return dominates(now, {other, 0}); });
    task.front.push_back(now.values);
  }
  return true;
}

double SearchProgress::hypervolume_of(const Task& task) const {
  return task.reference.empty() ? 0 : dominated_volume(experiment_.objectives, task.reference, task.front);
}

}  // namespace search
