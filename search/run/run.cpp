#include "search/run/run.h"

#include <fmt/format.h>

#include <deque>
#include <map>
#include <utility>

#include "search/run/hypervolumes.h"
#include "search/run/placement.h"
#include "search/run/plan_record.h"
#include "search/run/retries.h"
#include "search/run/schedule.h"
#include "search/run/spending.h"
#include "search/run/stage_inputs.h"
#include "storage/artifacts.h"
#include "storage/base/error.h"
#include "storage/base/time.h"

namespace search {

namespace {

using storage::StageOutcome;
using storage::StageState;
using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPatience{500};   ///< between two looks at the stop request and the budget
constexpr std::chrono::seconds kProgressInterval{2};  ///< between two records of a stage's progress
constexpr int kMostPreemptions = 50;                  ///< of one stage in one run: then it is one that fits no allocation

class Loop {
 public:
  Loop(const Experiment& experiment, const Strategy& strategy, storage::Repository& repository, Executor& executor, const RunLimits& limits,
       const StopRequest& stop, RunObserver& observer)
      : experiment_(experiment),
        strategy_(strategy),
        repository_(repository),
        executor_(executor),
        limits_(limits),
        stop_(stop),
        observer_(observer),
        hypervolumes_(experiment),
        spending_(experiment.budget),
        placement_(executor.slots()),
        last_recorded_(executor.slots().size()),
        retries_(limits.reliability.retries) {}

  RunSummary run() {
    const std::vector<Adopted> found = take_over();
    History known = history();
    Plan first = strategy_.next(experiment_, settled(known));
    adopt(std::move(first), std::move(known), found);
    record_missing_hypervolumes(repository_, experiment_, plan_, hypervolumes_);
    work();
    using State = StageSchedule::State;
    // By exclusion: whatever state a stage is in that did not get its result, there is something left.
    const auto size = static_cast<int>(plan_.stages.size());
    bool all_done = schedule_->count(State::done) + schedule_->count(State::failed) + schedule_->count(State::blocked) == size;
    if (all_done && spent_ && strategy_.learns()) {
      History latest = history();
      Plan last = strategy_.next(experiment_, settled(latest));
      all_done = has_same_stages(last, plan_);
      if (all_done && !is_same(last, plan_)) adopt(std::move(last), std::move(latest));
    }
    if (all_done) summary_.end = RunSummary::End::finished;
    summary_.spent = !all_done && spent_ && !ending_;
    if (summary_.spent) summary_.end = RunSummary::End::budget;
    summary_.stages = size;
    summary_.reused = schedule_->count(State::done) - summary_.executed;
    summary_.failed = schedule_->count(State::failed);
    summary_.blocked = schedule_->count(State::blocked);
    return summary_;
  }

 private:
  History history() const { return stored_history(repository_, experiment_); }

  const Stage& stage(int index) const { return plan_.stages[static_cast<std::size_t>(index)]; }

  /// Where the plan has a stage, if it does.
  std::optional<int> index_of(const std::string& fingerprint) const {
    for (std::size_t i = 0; i < plan_.stages.size(); ++i)
      if (plan_.stages[i].fingerprint == fingerprint) return static_cast<int>(i);
    return std::nullopt;
  }

  /// What workers still hold of an earlier nas-run that died; stages that nobody holds are released.
  std::vector<Adopted> take_over() {
    std::vector<Adopted> found = executor_.adopted();
    std::vector<storage::Attempt> kept;
    for (const Adopted& each : found) {
      kept.push_back({each.fingerprint, each.attempt});
      attempts_[each.fingerprint] = each.attempt;
    }
    repository_.release_running_stages(kept);
    if (!found.empty()) take_early();
    return found;
  }

  /// What came already, of attempts that the database has under way. The end of others, as of those before --fresh, would be taken for that
  /// of new ones.
  void take_early() {
    while (std::optional<Event> event = executor_.wait(std::chrono::milliseconds{0}))
      if (event->kind == Event::Kind::note || repository_.is_running({event->fingerprint, event->attempt}))
        early_.push_back(*std::move(event));
  }

  /// Takes the adopted stage on where the plan and the database have it under way; else ends it: what comes of it is dropped.
  void keep_or_abort(const Adopted& each) {
    const std::optional<int> index = index_of(each.fingerprint);
    const bool is_running = repository_.is_running({each.fingerprint, each.attempt});
    if (!is_running || !index || schedule_->state(*index) != StageSchedule::State::ready) {
      StageOutcome interrupted;
      interrupted.state = StageState::interrupted;
      if (is_running) repository_.finish_stage(each.fingerprint, each.attempt, interrupted);
      return executor_.abort(each.slot, storage::failure::lost, "it is no longer wanted");
    }
    schedule_->mark_running(*index);
    placement_.occupy(each.slot, *index, is_exclusive(*index));
    observer_.noted(fmt::format("{} still runs, in slot {}", stage(*index).label, each.slot));
  }

  /// Records the plan and takes over what is done of it and what runs. `statuses`: of the stages that are stored; `held`: what runs in the
  /// executor's slots that is not placed yet.
  void adopt(Plan plan, History statuses, const std::vector<Adopted>& held = {}) {
    std::map<int, std::string> running;  // fingerprints, by slot
    for (std::size_t slot = 0; slot < placement_.running().size(); ++slot)
      if (const auto& here = placement_.running()[slot]) running[static_cast<int>(slot)] = stage(here->stage).fingerprint;
    const Plan before = std::exchange(plan_, std::move(plan));
    record_plan(repository_, experiment_, plan_, before, statuses);
    hypervolumes_.adopt(plan_, settled(statuses));
    spending_.adopt(plan_, statuses);
    placement_.forget_reserved();  // it is ready again in the new schedule
    schedule_.emplace(plan_.stages);
    std::vector<bool> done(plan_.stages.size());
    for (std::size_t i = 0; i < done.size(); ++i) {
      done[i] = statuses.at(plan_.stages[i].fingerprint).state == StageState::done;
      if (done[i]) schedule_->mark_done(static_cast<int>(i));
    }
    for (std::size_t i = 0; i < done.size(); ++i)
      if (statuses.at(plan_.stages[i].fingerprint).state == StageState::failed) schedule_->mark_failed(static_cast<int>(i));
    for (const Adopted& each : held) keep_or_abort(each);
    if (!held.empty()) take_early();
    for (const auto& [slot, fingerprint] : running) {
      const std::optional<int> index = index_of(fingerprint);
      if (!index) throw storage::Error(storage::ErrorKind::internal, fmt::format("the new plan lacks the running stage {}", fingerprint));
      placement_.rename(slot, *index);
      schedule_->mark_running(*index);
    }
    has_news_ = false;
    observer_.planned(plan_, done);
    tell_lost();
  }

  void tell_lost() {
    for (int i = 0; i < static_cast<int>(plan_.stages.size()); ++i)
      if (const auto state = schedule_->state(i); state == StageSchedule::State::failed || state == StageSchedule::State::blocked)
        observer_.lost(stage(i));
  }

  /// Asks a strategy that learns for its plan after new results. True where that has more to do.
  bool plan_anew() {
    if (!strategy_.learns() || !has_news_) return false;
    has_news_ = false;
    History known = history();
    Plan plan = strategy_.next(experiment_, settled(known));
    if (is_same(plan, plan_)) {
      repository_.record_decisions(plan.decisions);
      return false;
    }
    adopt(std::move(plan), std::move(known));
    return true;
  }

  /// Runs what is ready until nothing runs and nothing can be started.
  void work() {
    while (true) {
      look_for_stop();
      if (!ending_) start_ready();
      if (!placement_.is_any_busy()) return;
      if (ending_ && (SteadyClock::now() >= deadline_ || stop_.count >= 2)) return give_up();
      end_overdue();
      if (const auto event = next_event()) handle(*event);
      observer_.waiting();
    }
  }

  std::optional<Event> next_event() {
    if (early_.empty()) return executor_.wait(kPatience);
    Event event = std::move(early_.front());
    early_.pop_front();
    return event;
  }

  void look_for_stop() {
    if (ending_) return;
    if (stop_.count > 0) {
      summary_.signal = stop_.signal;
      end(RunSummary::End::interrupted);
    } else if (limits_.reliability.max_failures > 0 && new_failures_ >= limits_.reliability.max_failures) {
      end(RunSummary::End::max_failures);
    } else if (limits_.budget && SteadyClock::now() - begin_ >= *limits_.budget) {
      end(RunSummary::End::budget);
    }
  }

  void end(RunSummary::End why) {
    ending_ = true;
    summary_.end = why;
    deadline_ = SteadyClock::now() + limits_.grace;
    release_reserved();
    executor_.interrupt();
  }

  void release_reserved() {
    if (const std::optional<int> waits = placement_.forget_reserved()) schedule_->release(*waits);
  }

  void start_ready() {
    const Placement::Queue queue{.take = [this] { return take_ready(); },
                                 .is_exclusive = [this](int index) { return is_exclusive(index); },
                                 .put_back = [this](int index) { schedule_->release(index); }};
    while (const std::optional<Placement::Start> next = placement_.next(queue)) start(next->slot, next->stage);
  }

  std::optional<int> take_ready() {
    if (is_spent()) return std::nullopt;
    std::optional<int> next = schedule_->next();
    if (!next && plan_anew()) next = schedule_->next();
    return next;
  }

  /// A stage that measures time, or lacked memory beside others.
  bool is_exclusive(int index) const { return traits_of(stage(index).kind).exclusive || retries_.wants_room(stage(index).fingerprint); }

  void start(int slot, int index) {
    const Slot& place = executor_.slots()[static_cast<std::size_t>(slot)];
    const int attempt = repository_.start_stage(stage(index).fingerprint, {slot, place.device, place.threads, place.host});
    attempts_[stage(index).fingerprint] = attempt;
    last_recorded_[static_cast<std::size_t>(slot)] = {};
    const bool runs = executor_.start(slot, make_job(stage(index), attempt, repository_));
    placement_.set_waiting(slot, !runs);
    observer_.progressed(stage(index), 0, "");
  }

  bool is_spent() {
    std::vector<Spending::Running> running;
    for (const auto& each : placement_.running())
      if (each) running.push_back({&stage(each->stage), storage::in_seconds(each->ran())});
    spent_ = spending_.is_spent(running);
    return spent_;
  }

  void end_overdue() {
    if (limits_.reliability.trial_timeout_s <= 0 || ending_) return;
    const std::chrono::seconds longest(limits_.reliability.trial_timeout_s);
    for (std::size_t slot = 0; slot < placement_.running().size(); ++slot)
      if (const auto& running = placement_.running()[slot]; running && running->ran() >= longest)
        executor_.abort(static_cast<int>(slot), storage::failure::timeout,
                        fmt::format("it ran for longer than reliability.trial_timeout, {} s", longest.count()));
  }

  void handle(const Event& event) {
    if (event.kind == Event::Kind::note) return observer_.noted(event.message);
    const std::optional<Placement::Running>& running = placement_.running().at(static_cast<std::size_t>(event.slot));
    const auto started = attempts_.find(event.fingerprint);
    if (started == attempts_.end() || event.attempt > started->second)
      throw storage::Error(storage::ErrorKind::internal, fmt::format("slot {} reports a stage that was not started", event.slot));
    if (!running || stage(running->stage).fingerprint != event.fingerprint || event.attempt < started->second)
      return observer_.noted(fmt::format("slot {} reports attempt {} at stage {}, which was given up: it is not recorded", event.slot,
                                         event.attempt, event.fingerprint));
    switch (event.kind) {
      case Event::Kind::note:
        return;
      case Event::Kind::started:
        placement_.set_waiting(event.slot, false);
        repository_.record_place({event.fingerprint, event.attempt}, event.place);
        return;
      case Event::Kind::progress:
        record_progress(event);
        observer_.progressed(stage(running->stage), event.fraction, event.message);
        return;
      case Event::Kind::finished:
        finish(event.slot, event.outcome, event.device_gone && leave_out(event.slot));
        return;
    }
  }

  /// For `nas-run status`; not every word, since each write waits for the disk.
  void record_progress(const Event& event) {
    SteadyClock::time_point& last = last_recorded_[static_cast<std::size_t>(event.slot)];
    const auto now = SteadyClock::now();
    if (last != SteadyClock::time_point() && now - last < kProgressInterval) return;
    last = now;
    repository_.record_progress(event.fingerprint, event.attempt, event.fraction, event.message);
  }

  /// Starts nothing more on the slot's device. False where it is the last one, or where the slot is no place: a job of a cluster's queue
  /// may come to another node.
  bool leave_out(int slot) {
    const Slot& place = executor_.slots()[static_cast<std::size_t>(slot)];
    if (place.host.empty() || !placement_.close(slot)) return false;
    release_reserved();
    observer_.noted(fmt::format("{} of {} does not answer: the run goes on without it", place.device, place.host));
    return true;
  }

  /// Records how the slot's stage ended, and only then lets the schedule go on from it. `excused`: it is ready again, whatever it ended as.
  void finish(int slot, StageOutcome outcome, bool excused = false) {
    const Placement::Running running = placement_.end(slot);
    const std::string& fingerprint = stage(running.stage).fingerprint;
    if (outcome.wall_s <= 0) outcome.wall_s = storage::in_seconds(running.ran());
    excused = excused || (outcome.failure_kind == storage::failure::preempted && ++preemptions_[fingerprint] <= kMostPreemptions);
    if (outcome.state == StageState::interrupted && !ending_ && !excused) {
      outcome.state = StageState::failed;
      outcome.failure_kind = storage::failure::lost;
      if (outcome.failure.empty()) outcome.failure = "the worker gave the stage up";
    }
    if (outcome.state == StageState::failed && (excused || retries_.take(fingerprint, outcome.failure_kind)))
      outcome.state = StageState::interrupted;
    if (outcome.state == StageState::done && traits_of(stage(running.stage).kind).keeps_layers)
      outcome.layers = kept_layers(stage(running.stage), outcome, repository_);
    const auto status = [&](const std::string& net) { return repository_.stage_status(net, metrics_); };
    if (outcome.state == StageState::done) spending_.add(stage(running.stage), outcome.wall_s);
    repository_.finish_stage(fingerprint, attempts_.at(fingerprint), outcome,
                             [&] { return hypervolumes_.finished(stage(running.stage), spending_.epochs(), status); });
    if (outcome.state == StageState::done) remove_checkpoint(fingerprint);
    has_news_ = true;
    if (outcome.state == StageState::done) {
      ++summary_.executed;
      schedule_->mark_done(running.stage);
    } else if (outcome.state == StageState::failed) {
      ++new_failures_;
      schedule_->mark_failed(running.stage);
      tell_lost();
    } else {
      schedule_->release(running.stage);
    }
    observer_.finished(stage(running.stage), outcome, outcome.state == StageState::interrupted && !ending_);
  }

  /// Only now that the result is recorded: until then a power cut would cost all its epochs.
  void remove_checkpoint(const std::string& fingerprint) const {
    std::error_code ignored;  // `nas-run gc` finds what stays
    const std::filesystem::path path = storage::checkpoint_path(repository_.directory(), fingerprint);
    std::filesystem::remove(path, ignored);
    std::filesystem::remove(storage::precision_note_path(path), ignored);
  }

  /// Ends what still runs and records it as interrupted.
  void give_up() {
    executor_.kill();
    while (const auto event = executor_.wait(std::chrono::milliseconds{0})) handle(*event);
    StageOutcome interrupted;
    interrupted.state = StageState::interrupted;
    for (std::size_t slot = 0; slot < placement_.running().size(); ++slot)
      if (placement_.running()[slot]) finish(static_cast<int>(slot), interrupted);
  }

  const Experiment& experiment_;
  const Strategy& strategy_;
  storage::Repository& repository_;
  Executor& executor_;
  const RunLimits& limits_;
  const StopRequest& stop_;
  RunObserver& observer_;

  const SteadyClock::time_point begin_ = SteadyClock::now();
  const std::vector<std::string> metrics_ = stored_metrics(experiment_.objectives, experiment_.constraints);
  Plan plan_;
  std::optional<StageSchedule> schedule_;
  Hypervolumes hypervolumes_;
  Spending spending_;
  Placement placement_;
  std::map<std::string, int> attempts_;                 ///< the last at each stage of this run, by fingerprint
  std::vector<SteadyClock::time_point> last_recorded_;  ///< progress, by slot
  std::deque<Event> early_;                             ///< that came before the plan was made
  Retries retries_;
  std::map<std::string, int> preemptions_;  ///< by fingerprint
  int new_failures_ = 0;                    ///< stages that failed for good in this run
  bool spent_ = false;                      ///< the experiment's budget is
  bool ending_ = false;                     ///< nothing more is started
  bool has_news_ = false;                   ///< a stage ended after the plan was made
  SteadyClock::time_point deadline_;        ///< of the grace
  RunSummary summary_;
};

}  // namespace

RunSummary run(const Experiment& experiment, const Strategy& strategy, storage::Repository& repository, Executor& executor,
               const RunLimits& limits, const StopRequest& stop, RunObserver& observer) {
  try {
    return Loop(experiment, strategy, repository, executor, limits, stop, observer).run();
  } catch (...) {
    executor.kill();
    try {
      repository.release_running_stages();
    } catch (const storage::Error&) {  // the first error is the one to report; the next run releases them
    }
    throw;
  }
}

}  // namespace search
