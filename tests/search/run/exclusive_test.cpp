// Stages that get a device to themselves, in the run loop; placement_test.cpp has the rules by themselves.
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

TEST_CASE_METHOD(LoopRun, "a stage that ran out of memory is run again alone on its device") {
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

TEST_CASE_METHOD(LoopRun, "a stage that was lost twice is run again alone on its device") {
  limits.reliability.retries = {{"lost", 2}};
  const Stage greedy = stage("greedy", {}, 9), b = stage("b"), c = stage("c"), d = stage("d");
  FakeExecutor executor(2, [](const Job& job, int start) { return name(job) == "greedy" && start < 3 ? failed("lost") : done(); });
  std::vector<std::string> beside;
  executor.on_start = [&](const Job& job) { beside.push_back(name(job) + " " + std::to_string(executor.running())); };
  go({greedy, b, c, d}, executor);
  CHECK(beside == std::vector<std::string>{"greedy 0", "b 1", "greedy 1", "c 1", "greedy 0", "d 0"});
  CHECK(status(greedy).attempt == 3);
}

TEST_CASE_METHOD(LoopRun, "a stage that measures time runs alone, one after the other, and nothing starts while it waits") {
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

TEST_CASE_METHOD(LoopRun, "a stage that runs alone has its own device to itself, not the others") {
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

TEST_CASE_METHOD(LoopRun, "an exclusive stage that waits for a device of several slots is started when all else is done") {
  Stage timed = stage("timed");
  timed.kind = search::StageKind::latency;
  const Stage a = stage("a", {}, 9), b = stage("b", {}, 8), c = stage("c", {}, 7);
  FakeExecutor executor({{"cuda:0", 1}, {"cuda:1", 1}, {"cuda:0", 1}, {"cuda:1", 1}}, [](const Job&, int) { return done(); });
  const RunSummary summary = go({timed, a, b, c}, executor);
  CHECK(names(executor.started) == std::vector<std::string>{"a", "b", "c", "timed"});
  CHECK(summary.executed == 4);
  CHECK(summary.end == RunSummary::End::finished);
}

TEST_CASE_METHOD(LoopRun, "a run that is stopped while an exclusive stage waits has not finished") {
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
