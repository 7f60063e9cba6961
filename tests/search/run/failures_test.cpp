// What the run loop does where stages fail, are given up or take too long.
#include <catch2/catch.hpp>

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

TEST_CASE_METHOD(LoopRun, "a failure blocks what follows it while the rest goes on") {
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
  const std::set<std::string> lost{"bad", "after", "later"};
  CHECK(observer.lost_stages == lost);
  observer.lost_stages.clear();
  go({bad, after, later, good}, executor);  // what failed before is told of too
  CHECK(observer.lost_stages == lost);
}

TEST_CASE_METHOD(LoopRun, "a stage is run again as often as its failure kind allows") {
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

TEST_CASE_METHOD(LoopRun, "what comes of an attempt that was given up is dropped, said, and not recorded") {
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

TEST_CASE_METHOD(LoopRun, "a GPU that does not answer costs no stage, but where it is the last") {
  limits.reliability = {.retries = {{"lost", 1}}, .max_failures = 2};
  const std::vector<Stage> stages{stage("a"), stage("b"), stage("c"), stage("d")};
  const auto script = [](const Job&, int) { return done(); };
  SECTION("beside another") {
    FakeExecutor executor({{"cuda:0", 1, "node"}, {"cuda:1", 1, "node"}}, script);
    executor.gone = {1};
    const RunSummary summary = go(stages, executor);
    CHECK(summary.executed == 4);
    CHECK(executor.started.size() == 5);
    CHECK(observer.finishes == std::vector<std::string>{"a done", "b interrupted, again", "c done", "b done", "d done"});
    CHECK(observer.notes == std::vector<std::string>{"cuda:1 of node does not answer: the run goes on without it"});
  }
  SECTION("alone") {
    FakeExecutor executor({{"cuda:0", 1, "node"}}, script);
    executor.gone = {0};
    CHECK(go(stages, executor).end == RunSummary::End::max_failures);
    CHECK(executor.started.size() == 4);
    CHECK(observer.notes.empty());
  }
  SECTION("as a job of a queue, whose next one may get another") {
    FakeExecutor executor({{"cuda", 1, "", "seat 0"}, {"cuda", 1, "", "seat 1"}}, script);
    executor.gone = {0, 1};
    CHECK(go(stages, executor).end == RunSummary::End::max_failures);
    CHECK(observer.notes.empty());
  }
}

TEST_CASE_METHOD(LoopRun, "a worker that gives a stage up unasked has lost it") {
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

TEST_CASE_METHOD(LoopRun, "a run stops when too many stages have failed") {
  limits.reliability.max_failures = 2;
  const std::vector<Stage> stages{stage("a"), stage("b"), stage("c"), stage("d")};
  FakeExecutor executor(1, [](const Job&, int) { return failed("diverged"); });
  const RunSummary summary = go(stages, executor);
  CHECK(summary.end == RunSummary::End::max_failures);
  CHECK(executor.started.size() == 2);
  CHECK(summary.failed == 2);
}

TEST_CASE_METHOD(LoopRun, "a failed stage stays failed until it is reset") {
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

TEST_CASE_METHOD(LoopRun, "a stage that was cut off with its parent runs again") {
  const Stage a = stage("a");
  repository.record_plan({}, {}, {search::to_record(a)}, {});
  repository.start_stage(a.fingerprint, {0, "cpu", 1, "host"});  // and no more: the parent died
  FakeExecutor executor(1, [](const Job&, int) { return done(); });
  CHECK(go({a}, executor).executed == 1);
  CHECK(status(a).attempt == 2);
}

TEST_CASE_METHOD(LoopRun, "a stage that takes too long fails, and the rest goes on") {
  limits.reliability.trial_timeout_s = 1;
  const Stage slow = stage("slow", {}, 9), quick = stage("quick");
  FakeExecutor executor(1, [](const Job& job, int) { return name(job) == "slow" ? std::nullopt : std::optional(done()); });
  const RunSummary summary = go({slow, quick}, executor);
  CHECK(summary.executed == 1);
  CHECK(summary.failed == 1);
  CHECK(status(slow).failure_kind == "timeout");
  CHECK(repository.outcome(slow.fingerprint).failure == "it ran for longer than reliability.trial_timeout, 1 s");
}
