#include "search/run/search_progress.h"

#include <algorithm>

namespace search {

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
    add_net(stage.fingerprint, known->second);
  }
  for (auto& [name, task] : tasks_) task.hypervolume = hypervolume_of(task);
}

std::vector<storage::HypervolumeRecord> SearchProgress::finished(const Stage& stage, double wall_s, const Lookup& status) {
  ++stages_;
  epochs_ += epochs_of(stage);
  device_s_ += wall_s;
  std::vector<storage::HypervolumeRecord> grown;
  std::string net = stage.fingerprint;
  if (stage.kind == StageKind::latency && names_metric(experiment_.objectives, experiment_.constraints, "latency_ms"))
    for (const storage::StageInput& input : stage.inputs)
      if (input.role == "net") net = input.stage;  // only now it has all that the objectives ask for
  if (!tasks_of_.contains(net) || !add_net(net, status(net))) return grown;
  for (const std::string& name : tasks_of_.at(net)) {
    Task& task = tasks_.at(name);
    const double now = hypervolume_of(task);
    if (now == task.hypervolume) continue;
    task.hypervolume = now;
    grown.push_back({name, net, epochs_, now});
  }
  return grown;
}

/// Whether the front of a task may have changed.
bool SearchProgress::add_net(const std::string& stage, const storage::StageStatus& net) {
  const auto tasks = tasks_of_.find(stage);
  if (tasks == tasks_of_.end()) return false;
  const std::optional<Candidate> found = candidate(net, experiment_.objectives, experiment_.constraints);
  if (!found) return false;
  for (const std::string& name : tasks->second) {
    Task& task = tasks_[name];
    if (bases_.contains(stage)) {
      task.reference.resize(found->values.size());
      for (std::size_t i = 0; i < task.reference.size(); ++i) task.reference[i] = std::max(task.reference[i], found->values[i]);
    }
    if (found->violation > 0) continue;
    std::vector<Candidate> nets{*found};
    for (const std::vector<double>& values : task.front) nets.push_back({values, 0});
    std::vector<std::vector<double>> front;
    for (const std::size_t member : pareto_front(nets)) front.push_back(nets[member].values);
    task.front = std::move(front);
  }
  return true;
}

double SearchProgress::hypervolume_of(const Task& task) const {
  return task.reference.empty() ? 0 : dominated_volume(experiment_.objectives, task.reference, task.front);
}

}  // namespace search
