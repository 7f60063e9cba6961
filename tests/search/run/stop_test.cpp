// How a run ends before all is done: signals, budgets, and what the next start finds.
#include <catch2/catch.hpp>
#include <csignal>

#include "tests/support/loop_run.h"

using search::Job;
using search::RunSummary;
using search::Stage;
using storage::StageState;
using support::done;
using support::failed;
using support::FakeExecutor;
using support::LoopRun;
using support::name;
using support::names;
using support::stage;

TEST_CASE_METHOD(LoopRun, "the first signal interrupts, and the next run goes on without doing anything twice") {
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
    CHECK(observer.finishes == std::vector<std::string>{"a done", "b interrupted"});  // not again, in that run
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

TEST_CASE_METHOD(LoopRun, "what finishes during the grace is recorded as done") {
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

TEST_CASE_METHOD(LoopRun, "a failure during the grace is judged when the stage is run again") {
  limits.reliability.retries = {{"crash", 1}};
  const Stage before = stage("before"), a = stage("a");
  FakeExecutor executor(2, [&](const Job& job, int) {
    stop.count = 1;  // seen when the first of them has ended
    return name(job) == "a" ? failed("crash") : done();
  });
  CHECK(go({before, a}, executor).failed == 0);
  CHECK(executor.started.size() == 2);
  CHECK(status(a).state == StageState::interrupted);
  CHECK(observer.finishes == std::vector<std::string>{"before done", "a interrupted"});
}

TEST_CASE_METHOD(LoopRun, "stages that do not answer an interrupt are killed") {
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

TEST_CASE_METHOD(LoopRun, "a run that is interrupted while its experiment's budget is spent is an interrupted one") {
  experiment.budget.stages = 1;
  FakeExecutor executor(1, [](const Job&, int) { return std::optional<storage::StageOutcome>(); });
  executor.on_start = [&](const Job&) { stop.count = 1; };
  RunSummary summary = go({stage("a"), stage("b")}, executor);
  CHECK(summary.end == RunSummary::End::interrupted);
  CHECK_FALSE(summary.spent);
  stop.count = 0;
  FakeExecutor later(1, [](const Job&, int) { return done(); });
  summary = go({stage("a"), stage("b")}, later);
  CHECK(summary.end == RunSummary::End::budget);
  CHECK(summary.spent);
}

TEST_CASE_METHOD(LoopRun, "nothing is started after the budget") {
  limits.budget = std::chrono::seconds{0};
  FakeExecutor executor(1, [](const Job&, int) { return done(); });
  const RunSummary summary = go({stage("a")}, executor);
  CHECK(summary.end == RunSummary::End::budget);
  CHECK(executor.started.empty());
}
