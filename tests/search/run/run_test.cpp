#include "search/run/run.h"

#include <catch2/catch.hpp>
#include <csignal>

#include "storage/artifacts.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "tests/support/fake_executor.h"
#include "tests/support/fake_run.h"
#include "tests/support/temporary_directory.h"

using search::Job;
using search::RunSummary;
using search::Stage;
using storage::StageState;
using support::done;
using support::failed;
using support::FakeExecutor;
using support::stage;

namespace {

std::string name(const Job& job) {
  return job.parameters.at("name");
}

/// A run in a directory of its own. `go` may be called again, as a later start of the program.
struct Fixture {
  support::TemporaryDirectory directory;
  storage::Repository repository{directory.path(), storage::Repository::Access::write};
  search::Experiment experiment;
  search::RunLimits limits;
  search::StopRequest stop;
  support::RecordingObserver observer;

  RunSummary go(const std::vector<Stage>& stages, FakeExecutor& executor) {
    return search::run(experiment, support::FixedStrategy(stages), repository, executor, limits, stop, observer);
  }

  storage::StageStatus status(const Stage& of) const { return repository.stage_statuses().at(of.fingerprint); }
};

std::vector<std::string> names(const std::vector<Job>& jobs) {
  std::vector<std::string> all;
  for (const Job& job : jobs) all.push_back(name(job));
  return all;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a run records a result before it starts what waits for it") {
  const Stage a = stage("a"), b = stage("b", {a}), c = stage("c", {b});
  FakeExecutor executor(2, [](const Job& job, int) { return done({{"made by", name(job)}}); });
  std::vector<StageState> seen;
  executor.on_start = [&](const Job& job) {
    if (name(job) == "b") seen.push_back(status(a).state);
    if (name(job) == "c") seen.push_back(status(b).state);
  };
  const RunSummary summary = go({a, b, c}, executor);
  CHECK(seen == std::vector{StageState::done, StageState::done});
  CHECK(names(executor.started) == std::vector<std::string>{"a", "b", "c"});
  CHECK(summary.end == RunSummary::End::finished);
  CHECK(summary.stages == 3);
  CHECK(summary.executed == 3);
  CHECK(summary.reused == 0);
  CHECK(observer.finishes == std::vector<std::string>{"a done", "b done", "c done"});
}

TEST_CASE_METHOD(Fixture, "a job carries what its inputs left behind") {
  const Stage a = stage("a"), b = stage("b", {a});
  FakeExecutor executor(1, [](const Job&, int) {
    storage::StageOutcome outcome = done({{"precision", "bf16"}});
    outcome.architecture = storage::ArchitectureRecord{"hash", {{"layers", 1}}, "", {{"conv", {0, 1}}}, 10, 20};
    outcome.artifacts.push_back({"weights", "abc", 3});
    return outcome;
  });
  go({a, b}, executor);
  REQUIRE(executor.started.size() == 2);
  CHECK(executor.started[1].fingerprint == b.fingerprint);
  CHECK(executor.started[1].kind == search::StageKind::train);
  CHECK(executor.started[1].parameters == search::Json{{"name", "b"}});
  CHECK(executor.started[1].inputs ==
        search::Json{
            {"0",
             {{"stage", a.fingerprint},
              {"values", {{"precision", "bf16"}}},
              {"architecture",
               {{"hash", "hash"}, {"spec", {{"layers", 1}}}, {"parent", ""}, {"kept", {{"conv", {0, 1}}}}, {"params", 10}, {"macs", 20}}},
              {"artifacts", {{"weights", "abc"}}}}}});
}

TEST_CASE_METHOD(Fixture, "a failure blocks what follows it while the rest goes on") {
  const Stage bad = stage("bad", {}, 9), after = stage("after", {bad}), later = stage("later", {after}), good = stage("good");
  FakeExecutor executor(1, [](const Job& job, int) { return name(job) == "bad" ? failed("diverged") : done(); });
  const RunSummary summary = go({bad, after, later, good}, executor);
  CHECK(names(executor.started) == std::vector<std::string>{"bad", "good"});
  CHECK(summary.end == RunSummary::End::finished);
  CHECK(summary.failed == 1);
  CHECK(summary.blocked == 2);
  CHECK(summary.executed == 1);
  CHECK(status(bad).state == StageState::failed);
  CHECK(status(bad).failure_kind == "diverged");
  CHECK(status(after).state == StageState::pending);
  CHECK(repository.outcome(bad.fingerprint).failure == "made to fail as diverged");
}

TEST_CASE_METHOD(Fixture, "a stage is run again as often as its failure kind allows") {
  limits.reliability.retries = {{"crash", 2}, {"lost", 1}};
  const Stage a = stage("a");
  const auto starts_of = [&](std::vector<storage::StageOutcome> ends) {
    FakeExecutor executor(1, [&](const Job&, int start) { return ends.at(static_cast<std::size_t>(start - 1)); });
    go({a}, executor);
    return executor.started.size();
  };
  SECTION("and succeeds") {
    CHECK(starts_of({failed("crash"), failed("crash"), done()}) == 3);
    CHECK(status(a).state == StageState::done);
    CHECK(status(a).attempt == 3);
    CHECK(observer.finishes == std::vector<std::string>{"a interrupted, again", "a interrupted, again", "a done"});
  }
  SECTION("and fails") {
    CHECK(starts_of({failed("crash"), failed("crash"), failed("crash")}) == 3);
    CHECK(status(a).state == StageState::failed);
  }
  SECTION("each kind by itself") {
    CHECK(starts_of({failed("crash"), failed("lost"), failed("crash"), done()}) == 4);
    CHECK(status(a).state == StageState::done);
  }
  SECTION("and not at all for other kinds") {
    CHECK(starts_of({failed("diverged")}) == 1);
    CHECK(status(a).state == StageState::failed);
  }
}

TEST_CASE_METHOD(Fixture, "what comes of an attempt that was given up is dropped, said, and not recorded") {
  limits.reliability = {.retries = {{"lost", 1}}};
  const Stage a = stage("a");
  FakeExecutor executor(1, [](const Job&, int start) { return start == 1 ? failed("lost") : done({{"by", "the second"}}); });
  executor.on_start = [&](const Job& job) {
    if (job.attempt != 2) return;
    search::Event late{.kind = search::Event::Kind::progress, .slot = 0, .fingerprint = job.fingerprint, .attempt = 1, .fraction = 0.9};
    executor.late.push_back(late);
    late.kind = search::Event::Kind::finished;
    late.outcome = done({{"by", "the first"}});
    executor.late.push_back(late);
  };
  const RunSummary summary = go({a}, executor);
  CHECK(summary.executed == 1);
  CHECK(repository.outcome(a.fingerprint).values == search::Json{{"by", "the second"}});
  CHECK(repository.rows("attempts").at(1).at("fraction").is_null());
  CHECK(observer.finishes == std::vector<std::string>{"a interrupted, again", "a done"});
  const std::string note = "slot 0 reports attempt 1 at stage " + a.fingerprint + ", which was given up: it is not recorded";
  CHECK(observer.notes == std::vector<std::string>{note, note});
}

TEST_CASE_METHOD(Fixture, "a worker that gives a stage up unasked has lost it") {
  limits.reliability.retries = {{"lost", 1}};
  storage::StageOutcome given_up;
  given_up.state = StageState::interrupted;
  const Stage a = stage("a");
  FakeExecutor executor(1, [&](const Job&, int) { return given_up; });
  const RunSummary summary = go({a}, executor);
  CHECK(executor.started.size() == 2);
  CHECK(summary.failed == 1);
  CHECK(status(a).failure_kind == "lost");
}

TEST_CASE_METHOD(Fixture, "the first signal interrupts, and the next run goes on without doing anything twice") {
  const Stage a = stage("a"), b = stage("b", {a}), c = stage("c", {b});
  {
    FakeExecutor executor(1, [&](const Job& job, int) -> std::optional<storage::StageOutcome> {
      if (name(job) == "a") return done();
      stop.signal = SIGTERM;
      stop.count = 1;
      return std::nullopt;  // b runs until it is interrupted
    });
    const RunSummary summary = go({a, b, c}, executor);
    CHECK(summary.end == RunSummary::End::interrupted);
    CHECK(summary.signal == SIGTERM);
    CHECK(summary.executed == 1);
    CHECK(executor.interrupts == 1);
    CHECK(executor.kills == 0);
    CHECK(status(b).state == StageState::interrupted);
    CHECK(status(c).state == StageState::pending);
  }
  stop.count = 0;
  FakeExecutor executor(1, [](const Job&, int) { return done(); });
  const RunSummary summary = go({a, b, c}, executor);
  CHECK(names(executor.started) == std::vector<std::string>{"b", "c"});
  CHECK(summary.end == RunSummary::End::finished);
  CHECK(summary.reused == 1);
  CHECK(summary.executed == 2);
  CHECK(observer.already_done.back() == std::vector<bool>{true, false, false});

  FakeExecutor idle(1, [](const Job&, int) { return done(); });
  CHECK(go({a, b, c}, idle).reused == 3);
  CHECK(idle.started.empty());
}

TEST_CASE_METHOD(Fixture, "what finishes during the grace is recorded as done") {
  const Stage a = stage("a"), b = stage("b", {a});
  FakeExecutor executor(1, [&](const Job&, int) {
    stop.signal = SIGINT;
    stop.count = 1;
    return done();
  });
  const RunSummary summary = go({a, b}, executor);
  CHECK(summary.end == RunSummary::End::interrupted);
  CHECK(status(a).state == StageState::done);
  CHECK(executor.started.size() == 1);
}

TEST_CASE_METHOD(Fixture, "a failure during the grace is judged when the stage is run again") {
  limits.reliability.retries = {{"crash", 1}};
  const Stage a = stage("a");
  FakeExecutor executor(1, [&](const Job&, int) {
    stop.count = 1;
    return failed("crash");
  });
  CHECK(go({a}, executor).failed == 0);
  CHECK(executor.started.size() == 1);
  CHECK(status(a).state == StageState::interrupted);
}

TEST_CASE_METHOD(Fixture, "stages that do not answer an interrupt are killed") {
  const Stage a = stage("a"), b = stage("b");
  FakeExecutor executor(2, [&](const Job&, int) -> std::optional<storage::StageOutcome> { return std::nullopt; });
  executor.deaf = true;
  SECTION("when the grace is over") {
    limits.grace = std::chrono::seconds{0};
    executor.on_start = [&](const Job&) { stop.count = 1; };
  }
  SECTION("at the second signal") {
    limits.grace = std::chrono::hours{1};
    executor.on_start = [&](const Job&) { ++stop.count; };
  }
  const RunSummary summary = go({a, b}, executor);
  CHECK(summary.end == RunSummary::End::interrupted);
  CHECK(executor.interrupts == 1);
  CHECK(executor.kills == 1);
  CHECK(status(a).state == StageState::interrupted);
  CHECK(status(b).state == StageState::interrupted);
}

TEST_CASE_METHOD(Fixture, "nothing is started after the budget") {
  limits.budget = std::chrono::seconds{0};
  FakeExecutor executor(1, [](const Job&, int) { return done(); });
  const RunSummary summary = go({stage("a")}, executor);
  CHECK(summary.end == RunSummary::End::budget);
  CHECK(executor.started.empty());
}

TEST_CASE_METHOD(Fixture, "a run stops when too many stages have failed") {
  limits.reliability.max_failures = 2;
  const std::vector<Stage> stages{stage("a"), stage("b"), stage("c"), stage("d")};
  FakeExecutor executor(1, [](const Job&, int) { return failed("diverged"); });
  const RunSummary summary = go(stages, executor);
  CHECK(summary.end == RunSummary::End::max_failures);
  CHECK(executor.started.size() == 2);
  CHECK(summary.failed == 2);
}

TEST_CASE_METHOD(Fixture, "a failed stage stays failed until it is reset") {
  const Stage a = stage("a"), b = stage("b", {a});
  FakeExecutor failing(1, [](const Job&, int) { return failed("diverged"); });
  go({a, b}, failing);
  FakeExecutor executor(1, [](const Job&, int) { return done(); });
  RunSummary summary = go({a, b}, executor);
  CHECK(executor.started.empty());
  CHECK(summary.failed == 1);
  CHECK(summary.blocked == 1);
  repository.reset_failures();
  summary = go({a, b}, executor);
  CHECK(summary.executed == 2);
}

TEST_CASE_METHOD(Fixture, "a stage that was cut off with its parent runs again") {
  const Stage a = stage("a");
  repository.record_plan({}, {}, {search::to_record(a)}, {});
  repository.start_stage(a.fingerprint, {0, "cpu", 1, "host"});  // and no more: the parent died
  FakeExecutor executor(1, [](const Job&, int) { return done(); });
  CHECK(go({a}, executor).executed == 1);
  CHECK(status(a).attempt == 2);
}

TEST_CASE_METHOD(Fixture, "a strategy is asked again for what new results call for") {
  class Growing : public search::Strategy {
   public:
    bool learns() const override { return true; }
    search::Plan next(const search::Experiment&, const search::History& history) const override {
      const Stage first = stage("first"), second = stage("second", {first});
      search::Plan plan;
      plan.stages = {first};
      const auto found = history.find(first.fingerprint);
      if (found != history.end() && found->second.state == StageState::done) plan.stages.push_back(second);
      return plan;
    }
  };
  FakeExecutor executor(1, [](const Job&, int) { return done(); });
  const RunSummary summary = search::run(experiment, Growing(), repository, executor, limits, stop, observer);
  CHECK(names(executor.started) == std::vector<std::string>{"first", "second"});
  CHECK(summary.stages == 2);
  CHECK(summary.executed == 2);
  CHECK(summary.reused == 0);
}

TEST_CASE_METHOD(Fixture, "a new plan leaves alone what runs") {
  // While `slow` runs, `quick` ends; the plan that follows from it comes in another order.
  class Growing : public search::Strategy {
   public:
    bool learns() const override { return true; }
    search::Plan next(const search::Experiment&, const search::History& history) const override {
      const Stage slow = stage("slow", {}, 5), quick = stage("quick");
      search::Plan plan;
      const auto found = history.find(quick.fingerprint);
      if (found != history.end() && found->second.state == StageState::done) plan.stages.push_back(stage("more"));
      plan.stages.push_back(quick);
      plan.stages.push_back(slow);
      return plan;
    }
  };
  FakeExecutor executor(2, [](const Job&, int) { return done(); });
  executor.in_order = false;  // the last started ends first
  const RunSummary summary = search::run(experiment, Growing(), repository, executor, limits, stop, observer);
  CHECK(names(executor.started) == std::vector<std::string>{"slow", "quick", "more"});
  CHECK(observer.finishes == std::vector<std::string>{"quick done", "more done", "slow done"});
  CHECK(summary.executed == 3);
  CHECK(summary.end == RunSummary::End::finished);
}

TEST_CASE_METHOD(Fixture, "a stage that ran out of memory is run again alone on its device") {
  limits.reliability.retries = {{"oom", 1}};
  const Stage greedy = stage("greedy", {}, 9), b = stage("b"), c = stage("c"), d = stage("d"), e = stage("e");
  FakeExecutor executor(2, [](const Job& job, int start) { return name(job) == "greedy" && start == 1 ? failed("oom") : done(); });
  std::vector<std::string> beside;  // how many stages ran when each was started
  executor.on_start = [&](const Job& job) { beside.push_back(name(job) + " " + std::to_string(executor.running())); };
  const RunSummary summary = go({greedy, b, c, d, e}, executor);
  // It runs out of memory beside b, waits until b is done, runs alone, and only then come the others, two at a time.
  CHECK(beside == std::vector<std::string>{"greedy 0", "b 1", "greedy 0", "c 0", "d 1", "e 1"});
  CHECK(summary.executed == 5);
  CHECK(status(greedy).attempt == 2);
}

TEST_CASE_METHOD(Fixture, "a stage that measures time runs alone, one after the other, and nothing starts while it waits") {
  Stage one = stage("one", {}, 5), other = stage("other", {}, 4);
  one.kind = other.kind = search::StageKind::latency;
  const Stage a = stage("a", {}, 9), b = stage("b", {}, 3), c = stage("c", {}, 2);
  FakeExecutor executor(3, [](const Job&, int) { return done(); });
  std::vector<std::string> beside;  // how many stages ran when each was started
  executor.on_start = [&](const Job& job) { beside.push_back(name(job) + " " + std::to_string(executor.running())); };
  const RunSummary summary = go({a, one, other, b, c}, executor);
  CHECK(beside == std::vector<std::string>{"a 0", "one 0", "other 0", "b 0", "c 1"});
  CHECK(summary.executed == 5);
}

TEST_CASE_METHOD(Fixture, "a stage that runs alone has its own device to itself, not the others") {
  Stage timed = stage("timed", {}, 9);
  timed.kind = search::StageKind::latency;
  const Stage a = stage("a"), b = stage("b"), c = stage("c");
  FakeExecutor executor({{"cuda:0", 1}, {"cuda:1", 1}, {"cuda:0", 1}}, [](const Job&, int) { return done(); });
  std::vector<std::string> beside;
  executor.on_start = [&](const Job& job) { beside.push_back(name(job) + " " + std::to_string(executor.running())); };
  go({timed, a, b, c}, executor);
  // a starts on the second device beside it; the third slot, of its device, stays empty until it is done.
  CHECK(beside == std::vector<std::string>{"timed 0", "a 1", "b 1", "c 2"});
}

TEST_CASE_METHOD(Fixture, "an exclusive stage that waits for a device of several slots is started when all else is done") {
  Stage timed = stage("timed");
  timed.kind = search::StageKind::latency;
  const Stage a = stage("a", {}, 9), b = stage("b", {}, 8), c = stage("c", {}, 7);
  FakeExecutor executor({{"cuda:0", 1}, {"cuda:1", 1}, {"cuda:0", 1}, {"cuda:1", 1}}, [](const Job&, int) { return done(); });
  const RunSummary summary = go({timed, a, b, c}, executor);
  CHECK(names(executor.started) == std::vector<std::string>{"a", "b", "c", "timed"});
  CHECK(summary.executed == 4);
  CHECK(summary.end == RunSummary::End::finished);
}

TEST_CASE_METHOD(Fixture, "a run that is stopped while an exclusive stage waits has not finished") {
  Stage timed = stage("timed");
  timed.kind = search::StageKind::latency;
  const Stage a = stage("a", {}, 9);
  FakeExecutor executor(2, [](const Job&, int) { return done(); });
  SECTION("by a signal") {
    executor.on_start = [&](const Job&) {
      stop.signal = SIGINT;
      stop.count = 1;
    };
    CHECK(go({timed, a}, executor).end == RunSummary::End::interrupted);
  }
  SECTION("by failures") {
    limits.reliability.max_failures = 1;
    FakeExecutor failing(2, [](const Job&, int) { return failed("crash"); });
    CHECK(go({timed, a}, failing).end == RunSummary::End::max_failures);
  }
  CHECK(repository.stage_statuses().at(timed.fingerprint).state == StageState::pending);
}

TEST_CASE_METHOD(Fixture, "a stage whose weights were removed is run again where another needs them, and only there") {
  const auto with_weights = [](const Job&, int) {
    storage::StageOutcome outcome = done();
    outcome.artifacts.push_back({"weights", "0123abcd", 3});  // no such file lies there
    return std::optional(outcome);
  };
  const Stage a = stage("a"), b = stage("b", {a}), other = stage("other");
  FakeExecutor first(1, with_weights);
  go({a, b, other}, first);
  FakeExecutor second(1, with_weights);
  CHECK(go({a, b, other}, second).executed == 0);  // nothing is to run, so nothing is missed
  const Stage c = stage("c", {b});
  FakeExecutor third(1, with_weights);
  go({a, b, other, c}, third);
  CHECK(names(third.started) == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE_METHOD(Fixture, "a stage that takes too long fails, and the rest goes on") {
  limits.reliability.trial_timeout_s = 1;
  const Stage slow = stage("slow", {}, 9), quick = stage("quick");
  FakeExecutor executor(1, [](const Job& job, int) { return name(job) == "slow" ? std::nullopt : std::optional(done()); });
  const RunSummary summary = go({slow, quick}, executor);
  CHECK(summary.executed == 1);
  CHECK(summary.failed == 1);
  CHECK(status(slow).failure_kind == "timeout");
  CHECK(repository.outcome(slow.fingerprint).failure == "it ran for longer than reliability.trial_timeout, 1 s");
}

TEST_CASE_METHOD(Fixture, "a stage's checkpoint is removed once its result is recorded, and not before") {
  const Stage a = stage("a"), b = stage("b"), c = stage("c");
  const auto checkpoint = [&](const Stage& of) { return storage::checkpoint_path(directory.path(), of.fingerprint); };
  for (const Stage& each : {a, b, c})
    storage::write_file((storage::make_directory(checkpoint(each).parent_path()), checkpoint(each)), "epoch 3");
  FakeExecutor executor(1, [&](const Job& job, int) {
    if (name(job) == "b") return std::optional(failed("diverged"));
    storage::StageOutcome outcome = done();
    if (name(job) == "c") outcome.metrics = {{"val", "accuracy", 0.5, {}}, {"val", "accuracy", 0.5, {}}};  // cannot be recorded
    return std::optional(outcome);
  });
  CHECK_THROWS_AS(go({a, b, c}, executor), storage::Error);
  CHECK_FALSE(std::filesystem::exists(checkpoint(a)));
  CHECK(std::filesystem::exists(checkpoint(b)));
  CHECK(std::filesystem::exists(checkpoint(c)));
}

TEST_CASE_METHOD(Fixture, "an error leaves no stage running") {
  const Stage a = stage("a");
  FakeExecutor executor(1, [](const Job&, int) { return done(); });
  executor.on_start = [](const Job&) { throw storage::Error(storage::ErrorKind::environment, "no worker"); };
  CHECK_THROWS_WITH(go({a}, executor), "no worker");
  CHECK(executor.kills == 1);
  CHECK(status(a).state == StageState::interrupted);
}
