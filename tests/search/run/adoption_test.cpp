// What the run loop does with stages that workers hold for an earlier nas-run, or lose with their place.
#include <catch2/catch.hpp>

#include "tests/support/loop_run.h"

using search::Job;
using search::RunSummary;
using search::Stage;
using storage::StageState;
using support::done;
using support::FakeExecutor;
using support::LoopRun;
using support::names;
using support::stage;

namespace {

using Names = std::vector<std::string>;

std::optional<storage::StageOutcome> at_once(const Job&, int) {
  return done();
}

struct Adoption : LoopRun {
  const Stage a = stage("a"), b = stage("b", {a});
  FakeExecutor executor{2, at_once};

  /// A nas-run that started `a` in slot 1 and was killed.
  void leave_a_running() {
    FakeExecutor dead(2, [](const Job&, int) -> std::optional<storage::StageOutcome> { throw std::runtime_error("killed"); });
    CHECK_THROWS(go({a, b}, dead));  // records the plan
    repository.start_stage(a.fingerprint, {1, "cpu", 1, ""});
    executor.held = {{1, a.fingerprint, 2}};
    executor.done_later = done({{"made by", "the earlier one"}});
  }
};

}  // namespace

TEST_CASE_METHOD(Adoption, "a stage that a worker still holds is waited for, not started again") {
  leave_a_running();
  const RunSummary summary = go({a, b}, executor);
  CHECK(names(executor.started) == Names{"b"});
  CHECK(summary.executed == 2);
  CHECK(status(a).state == StageState::done);
  CHECK(status(a).attempt == 2);
  CHECK(repository.outcome(a.fingerprint).values == search::Json{{"made by", "the earlier one"}});
  CHECK(observer.notes == Names{"a still runs, in slot 1"});
}

TEST_CASE_METHOD(Adoption, "what a worker holds that nobody wants any more is ended, and its result dropped") {
  leave_a_running();
  SECTION("an attempt that was given up") {
    executor.held[0].attempt = 1;
    go({a, b}, executor);
    CHECK(names(executor.started) == Names{"a", "b"});
    CHECK(repository.outcome(a.fingerprint).values == search::Json::object());
  }
  SECTION("a stage that the plan lacks") {
    const Stage c = stage("c");
    go({c}, executor);
    CHECK(names(executor.started) == Names{"c"});
    CHECK(status(a).state == StageState::interrupted);
  }
  CHECK(executor.aborted == std::vector<int>{1});
}

TEST_CASE_METHOD(Adoption, "a result of before --fresh is not taken for that of an attempt of the same number") {
  executor.held = {{1, a.fingerprint, 1}};
  executor.done_later = done({{"made by", "the earlier one"}});
  go({a, b}, executor);
  CHECK(names(executor.started) == Names{"a", "b"});
  CHECK(repository.outcome(a.fingerprint).values == search::Json::object());
  CHECK(status(a).attempt == 1);
}

TEST_CASE_METHOD(Adoption, "the end of a stage from before --fresh that still ran is not taken for that of an attempt of the same number") {
  executor.held = {{0, a.fingerprint, 1}};
  go({a, b}, executor);
  CHECK(executor.aborted == std::vector<int>{0});
  CHECK(names(executor.started) == Names{"a", "b"});
  CHECK(status(a).state == StageState::done);
  CHECK(status(a).attempt == 1);
}

TEST_CASE_METHOD(Adoption, "a stage whose place was taken away runs again, and that counts against nothing") {
  int taken = 3;
  FakeExecutor preempting(1, [&](const Job&, int start) {
    storage::StageOutcome outcome = done();
    if (start <= taken) outcome.state = StageState::interrupted;
    if (start <= taken) outcome.failure_kind = "preempted";
    return outcome;
  });
  SECTION("three times") {
    go({a}, preempting);
    CHECK(status(a).state == StageState::done);
    CHECK(status(a).attempt == 4);
    CHECK(observer.finishes == Names{"a interrupted, again", "a interrupted, again", "a interrupted, again", "a done"});
  }
  SECTION("but not for ever") {
    taken = 1000;
    go({a}, preempting);
    CHECK(status(a).state == StageState::failed);
    CHECK(status(a).attempt == 51);
    CHECK(status(a).failure_kind == "lost");
    REQUIRE(observer.finishes.size() == 51);
    CHECK(observer.finishes[49] == "a interrupted, again");
    CHECK(observer.finishes[50] == "a failed");
  }
}

TEST_CASE_METHOD(Adoption, "the time that a stage waits for a worker is not its own") {
  executor.queued = GENERATE(true, false);
  go({a}, executor);
  CHECK((repository.outcome(a.fingerprint).wall_s == 0) == executor.queued);
}
