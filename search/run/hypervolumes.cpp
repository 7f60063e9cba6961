#include "search/run/hypervolumes.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "search/plan/pareto.h"

namespace search {

void Hypervolumes::adopt(const Plan& plan, const History& history) {
  tasks_of_.clear();
  bases_.clear();
  tasks_.clear();
  for (const storage::TrialRecord& trial : plan.trials) {
    if (trial.role != "pruned") continue;
    bases_.insert(trial.steps.front().stage);
    for (const storage::TrialStep& step : trial.steps) tasks_of_[step.stage].insert(trial.task);
  }
  for (const Stage& stage : plan.stages) {
    // A cut that no trial has come to, or that was taken back, is of its parent's tasks.
    if (traits_of(stage.kind).derives) {
      for (const storage::StageInput& input : stage.inputs) {
        if (input.role != "net" || !tasks_of_.contains(input.stage)) continue;
        const std::set<std::string> tasks = tasks_of_.at(input.stage);
        tasks_of_[stage.fingerprint].insert(tasks.begin(), tasks.end());
      }
    }
    const auto known = history.find(stage.fingerprint);
    if (known == history.end() || known->second.state != storage::StageState::done) continue;
    add_net(stage.fingerprint, known->second);
  }
  for (auto& [name, task] : tasks_) task.hypervolume = volume_of(task);
}

std::vector<storage::HypervolumeRecord> Hypervolumes::finished(const Stage& stage, double epochs, const Lookup& status) {
  std::vector<storage::HypervolumeRecord> grown;
  std::string net = stage.fingerprint;
  if (stage.kind == StageKind::latency && names_latency(experiment_.objectives, experiment_.constraints))
    for (const storage::StageInput& input : stage.inputs)
      if (input.role == "net") net = input.stage;  // only now it has all that the objectives ask for
  if (!tasks_of_.contains(net) || !add_net(net, status(net))) return grown;
  for (const std::string& name : tasks_of_.at(net)) {
    Task& task = tasks_.at(name);
    const double now = volume_of(task);
    if (now == task.hypervolume) continue;
    task.hypervolume = now;
    grown.push_back({name, net, epochs, now});
  }
  return grown;
}

double Hypervolumes::of(const std::string& task) const {
  const auto found = tasks_.find(task);
  return found == tasks_.end() ? 0 : found->second.hypervolume;
}

/// Whether the front of a task may have changed.
bool Hypervolumes::add_net(const std::string& stage, const storage::StageStatus& net) {
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

double Hypervolumes::volume_of(const Task& task) const {
  return task.reference.empty() ? 0 : dominated_volume(experiment_.objectives, task.reference, task.front);
}

std::vector<storage::HypervolumeRecord> growth(const Experiment& experiment, const Plan& plan, const History& history,
                                               const std::vector<std::string>& done) {
  std::unordered_map<std::string, const Stage*> stages;
  for (const Stage& stage : plan.stages) stages.emplace(stage.fingerprint, &stage);
  Hypervolumes hypervolumes(experiment);
  hypervolumes.adopt(plan, {});
  std::vector<storage::HypervolumeRecord> grown;
  double epochs = 0;
  for (const std::string& fingerprint : done) {
    const auto stage = stages.find(fingerprint);
    if (stage == stages.end()) continue;
    epochs += stage->second->epochs;
    const auto status = [&](const std::string& net) { return history.at(net); };
    for (storage::HypervolumeRecord& record : hypervolumes.finished(*stage->second, epochs, status)) grown.push_back(std::move(record));
  }
  return grown;
}

}  // namespace search
