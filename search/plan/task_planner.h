// What the strategies share: the stages of one task (training, cutting, measuring) and the baselines. Adds them to a plan.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eval/data/dataset.h"
#include "search/experiment/source_nets.h"
#include "search/plan/plan_builder.h"

namespace search {

/// A net to be trained, as trials and labels call it.
struct NamedNet {
  NetRequest request;
  std::string label;
};

/// One cut: of the net that `parent` made, on the way from the net that `base` trained.
struct CutRequest {
  const NamedNet& net;
  std::string base, parent;  ///< fingerprints
  const Criterion& criterion;
  prune::PruneRequest request;
  int seed = 1;
  std::string label;
  double share = 1;         ///< of the base's multiply-accumulates that the parent is taken to have: for estimates
  std::string widths = {};  ///< fingerprint of the stage whose widths are taken, or ""
  int stop_after = 0;       ///< epochs of the retraining after which the stage ends, to be gone on with; 0: all
};

class TaskPlanner {
 public:
  /// Borrows the experiment, the task and the builder. `fold`: of a cross-validation.
  TaskPlanner(const Experiment& experiment, const Task& task, std::optional<int> fold, PlanBuilder& builder);

  /// The experiment's nets; those of one name and several widths are told apart by the width.
  std::vector<NamedNet> bases() const;

  /// A trial that starts with this net, trained and measured. Its name is "task/net/s1".
  storage::TrialRecord trial(const NamedNet& net, int seed);

  /// Names the trial after its criterion and schedule too: "task/net/criterion/schedule/s1".
  void name(storage::TrialRecord& trial, const Criterion& criterion, const std::string& schedule) const;

  /// Adds a trial whose stages were planned here.
  void add(storage::TrialRecord trial) { builder_.add(std::move(trial)); }

  /// The fingerprint of the cut's stage.
  std::string cut(const CutRequest& request);

  /// The stage that goes on with the retraining that `stage` (this cut, or such a stage) ended after `cut.stop_after` epochs, up to
  /// `epochs`.
  Stage extension(const CutRequest& cut, const std::string& stage, int epochs) const;

  /// Adds such a stage; returns its fingerprint.
  std::string extend(const CutRequest& cut, Stage extension);

  /// Whether an objective or a constraint is about latency, and that of the net of `stage` is still to come. Until then the net is not to
  /// be decided on.
  bool awaits_latency(const History& history, const std::string& stage, const NamedNet& net) const;

  /// Notes a cut, made here, as one that may become the trial's next step.
  void tries(const storage::TrialRecord& trial, std::string stage) { builder_.add(TriedCut{trial.name, std::move(stage)}); }

  /// A reason that the plan keeps.
  void decide(const storage::TrialRecord& trial, std::string choice, std::string reason);

  /// Plans what is measured of the step's net where that is reported, on test data and as `evaluate` asks. `share`: of the base's
  /// multiply-accumulates; `seed`: of the images that are perturbed.
  void measure(storage::TrialStep& step, const NamedNet& net, const std::string& label, double share, int seed);

  /// The trials of the baselines.
  void plan_baselines();

 private:
  /// Its options as stages of two kinds call them, and how many epochs it takes.
  struct Retraining {
    Parameter of_cut, of_extension;
    double epochs;
  };

  std::vector<NamedNet> nets_of(const Baseline& baseline) const;
  storage::TrialRecord trained(const NamedNet& net, const std::string& name, const std::string& role, const prune::TrainOptions& train,
                               int seed);
  std::string training(const NamedNet& net, const std::string& name, const prune::TrainOptions& train, int seed);
  Stage latency_stage(const std::string& stage, const NamedNet& net, const std::string& label, double share) const;
  std::string add_net(Stage stage, const CutRequest& cut);
  std::string robustness(const std::string& stage, const NamedNet& net, const std::string& label, double share, int seed);
  const SourceNet& source_by_name(const std::string& name) const;
  NamedNet source_net(const SourceNet& source) const;
  std::string source_stage(const SourceNet& source, int seed);
  std::string suffix(int seed) const;
  std::string shown(const std::string& label) const;
  const Retraining& retraining(int stop_after) const;
  double macs(const NamedNet& net) const;
  double training_cost(double epochs, double macs_of_net) const;

  const Experiment& experiment_;
  const Task& task_;
  std::optional<int> fold_;
  PlanBuilder& builder_;
  const eval::DatasetInfo& info_;
  std::vector<SourceNet> sources_;
  bool decides_by_latency_ = false;
  Parameter data_, limits_;
  StageParameters evaluation_;                                     ///< of the stages that measure a net on test data
  mutable std::map<int, Retraining> retrainings_;                  ///< by the epoch that they stop after
  mutable std::map<std::pair<std::string, double>, double> macs_;  ///< of one image, by the net's name and width: computed once
};

/// The share of the base that a request is taken to leave of a net with the share `before`: for estimates.
double kept_share(const prune::PruneRequest& request, double before);

/// The stage's entry where it is done with a validation accuracy, or null.
const storage::StageStatus* done_net(const History& history, const std::string& stage);

/// Whether the stage has failed for good.
bool has_failed(const History& history, const std::string& stage);

/// To four decimals, so that equal requests are equal numbers.
double rounded_share(double share);

/// Throws storage::Error(invalid) where there is none.
const Criterion& criterion_by_label(const Experiment& experiment, const std::string& label);

/// Calls `plan` for every task, fold by fold where the data ask for it, and plans the baselines after it.
Plan plan_tasks(const Experiment& experiment, const std::function<void(TaskPlanner&)>& plan);

}  // namespace search
