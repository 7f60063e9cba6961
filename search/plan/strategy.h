// What to try: a strategy turns the experiment and what is stored so far into stages and trials.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "search/experiment/experiment.h"
#include "search/experiment/strategy_catalog.h"
#include "search/plan/stage.h"

namespace search {

/// The stage of a cut, and the name of the trial whose next step it may become.
struct TriedCut {
  std::string trial, stage;
};

/// Stages in an order in which inputs come first, each fingerprint once, and the trials that they make up.
struct Plan {
  std::vector<Stage> stages;
  std::vector<storage::TrialRecord> trials;
  std::vector<storage::Decision> decisions;  ///< that led here, in order; those of earlier plans are among them
  std::vector<TriedCut> tried;               ///< cuts that a search asked for; a trial has only those that it kept
  int stages_without_sharing = 0;            ///< the sum of the stages over the trials, each trial run by itself
  bool is_whole = true;                      ///< not that of one trial alone
};

/// Whether two plans have the same stages; and the same trials too.
bool has_same_stages(const Plan& one, const Plan& other);
bool is_same(const Plan& one, const Plan& other);

/// What is stored of the stages that earlier plans had, by fingerprint.
using History = std::map<std::string, storage::StageStatus>;

/// That of a run, with all that the strategy of this experiment looks at.
History stored_history(const storage::Repository& repository, const Experiment& experiment);

/// As a strategy is to see it: a net that is measured and is made once more, since its files were removed, comes out as it was.
History settled(History history);

class Strategy {
 public:
  virtual ~Strategy() = default;

  /// The whole plan as far as it is known, given what is stored. Pure: the same history gives the same plan. Every stage of an earlier plan
  /// is in the later ones.
  virtual Plan next(const Experiment& experiment, const History& history) const = 0;

  /// Results may change the plan: it is made anew whenever there are some and a slot is free.
  virtual bool learns() const { return false; }

  /// Whether each trial comes about without a look at the others, so that one of them can be made alone.
  virtual bool makes_trials_apart() const { return !learns(); }
};

/// Throws storage::Error(invalid) for an unknown name, with the nearest.
std::unique_ptr<Strategy> make_strategy(const std::string& name);

/// The strategy with plans of one trial alone: that, by name, and the stages that it needs, with the fingerprints that they have in the
/// whole plan. `next` throws storage::Error(usage) where there is no such trial, or where the strategy finds it by what others came to.
std::unique_ptr<Strategy> only(std::unique_ptr<Strategy> strategy, const std::string& trial);

}  // namespace search
