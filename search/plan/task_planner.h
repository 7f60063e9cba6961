// What the strategies share: puts the stages of one task (training, cutting, measuring), its trials and baselines into a plan.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "search/experiment/source_nets.h"
#include "search/plan/plan_builder.h"
#include "search/plan/stage_factory.h"

namespace search {

class TaskPlanner {
 public:
  /// Borrows the experiment, the task and the builder. `fold`: of a cross-validation.
  TaskPlanner(const Experiment& experiment, const Task& task, std::optional<int> fold, PlanBuilder& builder);

  /// The experiment's nets; those of one name and several widths are told apart by the width.
  std::vector<NamedNet> bases() const;

  /// A trial that starts with this net, trained and measured.
  storage::TrialRecord trial(const NamedNet& net, int seed);

  /// Names the trial after its criterion and schedule too.
  void name(storage::TrialRecord& trial, const Criterion& criterion, const std::string& schedule) const;

  /// Adds a trial whose stages were planned here.
  void add(storage::TrialRecord trial) { builder_.add(std::move(trial)); }

  /// The fingerprint of the cut's stage. Where the search looks at latency, the net is timed before it is decided on.
  std::string cut(const CutRequest& request) {
    plan_latency_table(request.net);
    return add_net(stages_.cut(request), request);
  }

  /// The stage that trains the net on the data of its pretraining; one for all seeds and tasks.
  std::string pretraining(const NamedNet& net);

  /// A cut of the net on the data of its pretraining, as shared; it and its parent were trained there.
  std::string cut_at_pretraining(const CutRequest& request);

  /// Such a cut's net trained on the task, taught by `base` where the experiment's retraining is.
  std::string transfer(const MadeNet& cut, const std::string& base, int seed);

  /// The fingerprint of a round of candidates.
  std::string candidates(const CandidatesRequest& request) {
    plan_latency_table(request.net);
    return builder_.add(stages_.candidates(request));
  }

  /// As StageFactory has it, not yet in the plan.
  Stage extension(const CutRequest& cut, const std::string& stage, int epochs) const { return stages_.extension(cut, stage, epochs); }

  /// Adds such a stage; returns its fingerprint.
  std::string extend(const CutRequest& cut, Stage extension) { return add_net(std::move(extension), cut); }

  /// Whether the stage, or one that it is made from, has failed for good.
  bool is_lost(const History& history, const std::string& stage) const { return builder_.is_lost(history, stage); }

  /// Whether an objective or a constraint is about latency, and that of the net of `stage`, as this plan times it, is still to come. Until
  /// then the net is not to be decided on.
  bool awaits_latency(const History& history, const std::string& stage, const NamedNet& net) const;

  /// Whether the net that a search ends with is measured on test data: it is done and within the constraints, or there are none. That it is
  /// beyond one is noted.
  bool is_reportable(const History& history, const storage::TrialRecord& trial, const std::string& stage, const NamedNet& net);

  /// Notes a cut, made here, as one that may become the trial's next step.
  void tries(const storage::TrialRecord& trial, std::string stage) { builder_.add(TriedCut{trial.name, std::move(stage)}); }

  /// A reason that the plan keeps.
  void log_decision(const storage::TrialRecord& trial, std::string choice, std::string reason);

  /// Plans what is measured of the step's net where that is reported, on test data and as `evaluate` asks. `ratio`: of the base's
  /// multiply-accumulates; `seed`: of the images that are perturbed.
  void measure(storage::TrialStep& step, const NamedNet& net, const std::string& label, double ratio, int seed);

  /// The trials of the baselines.
  void plan_baselines();

  /// Where the experiment asks for it, the shape of the net that the trial's last step made, trained from scratch: a trial of its own,
  /// among the baselines. `ratio`: of the base's multiply-accumulates; `is_last`: no cut follows.
  void plan_scratch(const storage::TrialRecord& trial, const NamedNet& net, double ratio, bool is_last = true);

 private:
  NetRequest narrow(const NetRequest& base, const prune::PruneRequest& share, bool pretrained, int index) const;
  std::vector<NamedNet> nets_of(const Baseline& baseline) const;
  storage::TrialRecord trained(const NamedNet& net, const std::string& name, const std::string& role, const prune::TrainOptions& train,
                               int seed, const std::optional<Teacher>& teacher = {});
  std::string training(const NamedNet& net, const std::string& name, const prune::TrainOptions& train, int seed,
                       const std::optional<Teacher>& teacher = {});
  std::optional<Teacher> teacher_of(const prune::TrainOptions& train, const NamedNet& base, int seed);
  void plan_latency_table(const NamedNet& net);
  std::string add_net(Stage stage, const CutRequest& cut);
  std::vector<AttackedNet> attacked_nets(int seed);
  AttackedNet attacked(const SourceNet& source, int seed);

  const Experiment& experiment_;
  const Task& task_;
  std::optional<int> fold_;
  PlanBuilder& builder_;
  const eval::DatasetInfo& info_;
  std::vector<SourceNet> sources_;
  bool decides_by_latency_ = false;
  TrialNames names_;
  StageFactory stages_;
  std::vector<storage::TrialRecord> shapes_;  ///< of cut nets, from scratch
};

/// The stage's entry where it is done with a validation accuracy, or null.
const storage::StageStatus* done_net(const History& history, const std::string& stage);

/// To four decimals, so that equal requests are equal numbers.
double rounded_ratio(double ratio);

/// Throws storage::Error(invalid) where there is none.
const Criterion& criterion_by_label(const Experiment& experiment, const std::string& label);

/// Calls `plan` for every task, fold by fold where the data ask for it, and plans the baselines after it.
Plan plan_tasks(const Experiment& experiment, const std::function<void(TaskPlanner&)>& plan);

}  // namespace search
