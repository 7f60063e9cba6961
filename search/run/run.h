// The loop of a run: strategy -> stage graph -> schedule -> executor -> record in one transaction -> unlock successors.
// Called by `nas-run run`.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>

#include "search/plan/strategy.h"
#include "search/run/executors/executor.h"
#include "storage/repository.h"

namespace search {

/// What the loop tells whoever watches: a progress line, bars, a log. All calls come from the loop's thread.
class RunObserver {
 public:
  virtual ~RunObserver() = default;

  /// Once for each plan of the strategy. `done` has one entry a stage of the plan: already done, will not run.
  virtual void planned(const Plan& plan, const std::vector<bool>& done) = 0;

  /// After that, and before a failure is told: each stage that will not run, since it or an input of it failed. More than once.
  virtual void lost(const Stage& /*stage*/) {}

  /// At its start with 0 and "", then what its worker says.
  virtual void progressed(const Stage& stage, double fraction, const std::string& message) = 0;

  /// `will_retry`: it has not come to its end, and this run starts it again.
  virtual void finished(const Stage& stage, const storage::StageOutcome& outcome, bool will_retry) = 0;

  /// A line for the log.
  virtual void noted(const std::string& text) = 0;

  /// Some times a second, whether anything happened or not.
  virtual void waiting() {}
};

struct RunLimits {
  Reliability reliability;
  std::optional<std::chrono::seconds> budget;  ///< wall time after which nothing more is started and running stages are interrupted;
                                               ///< besides, Experiment::budget ends the run without interrupting what runs
  std::chrono::seconds grace{20};              ///< for running stages to checkpoint after an interrupt; then they are killed
};

struct RunSummary {
  enum class End { finished, interrupted, max_failures, budget };
  End end = End::finished;
  int stages = 0;      ///< distinct stages of the plan
  int reused = 0;      ///< done before this run
  int executed = 0;    ///< done by this run
  int failed = 0;      ///< by this run or an earlier one
  int blocked = 0;     ///< never run because an input failed
  int signal = 0;      ///< of an interrupt: SIGINT, SIGTERM or SIGHUP
  bool spent = false;  ///< the budget that ended it is the experiment's
};

/// Set by the signal handlers of `nas-run`: the last signal, and how many came.
struct StopRequest {
  std::atomic<int> signal{0};
  std::atomic<int> count{0};
};

/// Runs what is not done yet of the strategy's plan. `repository` must hold the run's lock.
///
/// Failures: a stage that ends with a failure kind of Reliability::retries is run again, up to that many times of that kind in one call of
/// run(); each such end is recorded as `interrupted`, with its reason. Then it is `failed`, stays so in later runs until
/// Repository::reset_failures, and what follows it is blocked; the rest goes on. A stage that ran when nas-run itself was killed has not
/// failed: the next call runs it again, with all its retries, or waits for it where a worker still holds it. One that a worker ends as
/// `interrupted` though nobody asked has failed, as `lost`; one whose place was taken away from it (`preempted`) runs again and keeps its
/// retries. What comes of an attempt that was given up is dropped: only the attempt under way is recorded.
///
/// A stage that ran out of memory, or was lost twice, is run again alone on its device; one that is to run alone always does. One that
/// takes longer than `trial_timeout` fails as `timeout`.
///
/// Stops: at the first signal, at the budget and when `max_failures` stages have failed in this call, nothing more is started, running
/// stages get `grace` to checkpoint, and what is left is recorded as interrupted. A second signal ends the grace.
/// A storage::Error on the way (full disk, worker missing) leaves the same state behind before it goes on to the caller.
RunSummary run(const Experiment& experiment, const Strategy& strategy, storage::Repository& repository, Executor& executor,
               const RunLimits& limits, const StopRequest& stop, RunObserver& observer);

}  // namespace search
