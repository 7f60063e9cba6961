// Makes the stages of one task: what each is told, what it reads, what it is taken to cost. Used by TaskPlanner, which puts them into a
// plan.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eval/data/dataset.h"
#include "search/plan/estimates.h"
#include "search/plan/stage.h"
#include "search/plan/trial_names.h"

namespace search {

/// One cut: of the net that `parent` made, on the way from the net that `base` trained.
struct CutRequest {
  const NamedNet& net;
  std::string base, parent;  ///< fingerprints
  const Criterion& criterion;
  prune::PruneRequest request;
  int seed = 1;
  std::string label;
  double parent_ratio = 1;  ///< of the base that the parent is taken to have: for estimates, and for how deep the cut is
  std::string widths = {};  ///< fingerprint of the stage whose widths are taken, or ""
  int candidate = -1;       ///< of the list that a stage `candidates` gives as widths; -1: `widths` is a net
  bool is_between = false;  ///< another cut follows in any case
  bool is_last = false;     ///< of its schedule: constraints on what is known before training are to hold after it
  int stop_after = 0;       ///< epochs of the retraining after which the stage ends, to be gone on with; 0: all
};

/// Width vectors to be tried without training.
struct CandidatesRequest {
  const NamedNet& net;
  std::string base;  ///< fingerprint
  const Criterion& criterion;
  prune::PruneRequest request;
  int seed = 1;
  std::string label;
  int candidates = 100, images = 500;
  std::string judge = "auto";
  std::string earlier = {};  ///< fingerprint of the round before, whose best are varied, or ""
};

/// A net that a stage made, to be measured.
struct MadeNet {
  std::string stage;  ///< fingerprint
  const NamedNet& net;
  std::string label;
  double ratio = 1;  ///< of the base's multiply-accumulates that it is taken to have: for estimates
};

/// A net from whose scores another learns.
struct Teacher {
  std::string stage;  ///< fingerprint
  NetRequest net;
};

/// A net that attacks are made on, and the stage that trains it.
struct AttackedNet {
  std::string name;  ///< as `source` gives it
  NetRequest net;
  std::string stage;
};

class StageFactory {
 public:
  /// Borrows the experiment. `fold`: of a cross-validation.
  StageFactory(const Experiment& experiment, const Task& task, std::optional<int> fold);

  /// Of the data of a pretraining, which it borrows too: after every cut a net is trained as it says.
  StageFactory(const Experiment& experiment, const Pretraining& pretraining);

  /// A measurement of the precision in which the net is to be trained.
  Stage probe(const NamedNet& net, int batch) const;

  /// The times of the net's layers, one for all tasks, seeds and weights of its shape. Stages that read it name it as input.
  Stage latency_table(const NamedNet& net) const;

  /// The net trained. `inputs`: the stage that probes the "precision" where that is open, the net to "start" from.
  Stage training(const NamedNet& net, const std::string& name, const prune::TrainOptions& train, int seed,
                 std::vector<storage::StageInput> inputs, const std::optional<Teacher>& teacher = {}) const;

  /// The shape of a net that was cut, trained with fresh weights. `path`: the stages that trained the net and those before it, and its
  /// candidates, where its own training is to take as many multiply-accumulates as theirs did, in place of train.epochs.
  Stage from_scratch(const MadeNet& made, const prune::TrainOptions& train, int seed, const std::optional<Teacher>& teacher,
                     const std::vector<const Stage*>& path = {}) const;

  Stage candidates(const CandidatesRequest& asked) const;

  Stage cut(const CutRequest& cut) const;

  /// Goes on with the retraining that `stage` (this cut, or such a stage) ended after `cut.stop_after` epochs, up to `epochs`.
  Stage extension(const CutRequest& cut, const std::string& stage, int epochs) const;

  /// The net of a cut at the pretraining, its classes anew, trained on the task.
  Stage transfer(const MadeNet& cut, int seed, const std::optional<Teacher>& teacher) const;

  /// On test data.
  Stage evaluation(const MadeNet& made) const;
  Stage latency(const MadeNet& made) const;  ///< and its estimate, where the experiment has them

  /// `attacked`: of each net but the measured one that the experiment's attacks name. `seed`: of the images.
  Stage robustness(const MadeNet& made, const std::vector<AttackedNet>& attacked, int seed) const;

 private:
  /// Its options as stages of two kinds call them, and how many epochs it takes.
  struct Retraining {
    Parameter of_cut, of_extension;
    double epochs;
  };

  const Retraining& retraining(int stop_after, bool is_between = false) const;

  /// Adds to what the stage is taken to cost. `macs`: of the net that is trained, for one image; `teacher`: null where there is none.
  void add_training(Stage& stage, double epochs, double macs, const NetRequest* teacher) const;

  /// "data", "criterion", "allocation", "limits", "request" and "seed" of what cuts.
  std::vector<Parameter> cutting(const Criterion& criterion, const prune::PruneRequest& request, int seed) const;

  const Experiment& experiment_;
  const prune::TrainOptions *retrain_, *between_;  ///< after cuts, and after those that others follow
  std::string lr_start_;                           ///< of both
  const eval::DatasetInfo& info_;
  TrialNames names_;
  Estimates estimates_;
  Parameter data_, limits_;
  StageParameters evaluation_;                                      ///< of the stages that measure a net on test data
  mutable std::map<std::pair<int, bool>, Retraining> retrainings_;  ///< by the epoch that they stop after, and whether another cut follows
};

}  // namespace search
