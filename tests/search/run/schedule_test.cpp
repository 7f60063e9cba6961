#include "search/run/schedule.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "storage/base/error.h"
#include "tests/support/fake_run.h"

using search::Stage;
using search::StageSchedule;
using State = search::StageSchedule::State;
using support::stage;

TEST_CASE("the longest critical path goes first, the plan's order among equals") {
  const Stage a = stage("a", {}, 3), b = stage("b", {}, 5), c = stage("c", {}, 1), after_c = stage("after c", {c}, 9),
              d = stage("d", {}, 5);
  StageSchedule schedule({a, b, c, after_c, d});
  CHECK(schedule.next() == 2);  // 1 + 9
  CHECK(schedule.next() == 1);
  CHECK(schedule.next() == 4);
  CHECK(schedule.next() == 0);
  CHECK(schedule.next() == std::nullopt);
  CHECK(schedule.count(State::running) == 4);
  schedule.mark_done(2);
  CHECK(schedule.next() == 3);
}

TEST_CASE("a stage is ready when all its inputs are done") {
  const Stage a = stage("a"), b = stage("b"), both = stage("both", {a, b});
  StageSchedule schedule({a, b, both});
  schedule.next();
  schedule.next();
  schedule.mark_done(0);
  CHECK(schedule.state(2) == State::pending);
  CHECK(schedule.next() == std::nullopt);
  schedule.mark_done(1);
  CHECK(schedule.state(2) == State::ready);
  CHECK(schedule.next() == 2);
}

TEST_CASE("one stage may be an input in two roles") {
  const Stage a = stage("a"), b = stage("b", {a, a});
  StageSchedule schedule({a, b});
  schedule.next();
  schedule.mark_done(0);
  CHECK(schedule.next() == 1);
}

TEST_CASE("a failure blocks what follows, and nothing else") {
  const Stage a = stage("a"), b = stage("b", {a}), c = stage("c", {b}), other = stage("other"), joined = stage("joined", {other, c}),
              free = stage("free", {other});
  StageSchedule schedule({a, b, c, other, joined, free});
  schedule.next();
  schedule.mark_failed(0);
  CHECK(schedule.state(0) == State::failed);
  CHECK(schedule.count(State::blocked) == 3);
  CHECK(schedule.next() == 3);
  schedule.mark_done(3);
  CHECK(schedule.state(4) == State::blocked);
  CHECK(schedule.next() == 5);
  CHECK(schedule.next() == std::nullopt);
}

TEST_CASE("a released stage runs again") {
  StageSchedule schedule({stage("a")});
  CHECK(schedule.next() == 0);
  CHECK(schedule.next() == std::nullopt);
  schedule.release(0);
  CHECK(schedule.next() == 0);
  schedule.mark_done(0);
  CHECK(schedule.next() == std::nullopt);
  CHECK(schedule.count(State::done) == 1);
}

TEST_CASE("what earlier runs did is taken over in any order") {
  const Stage a = stage("a"), b = stage("b", {a}), c = stage("c", {b}), d = stage("d", {a});
  StageSchedule schedule({a, b, c, d});
  schedule.mark_done(1);  // its input is not known to be done yet
  CHECK(schedule.state(2) == State::ready);
  schedule.mark_done(0);
  CHECK(schedule.state(1) == State::done);
  schedule.mark_failed(3);
  CHECK(schedule.next() == 2);
  CHECK(schedule.next() == std::nullopt);
}

TEST_CASE("changes that do not fit are refused") {
  StageSchedule schedule({stage("a")});
  CHECK_THROWS_AS(schedule.release(0), storage::Error);
  schedule.next();
  schedule.mark_done(0);
  CHECK_THROWS_AS(schedule.mark_done(0), storage::Error);
  CHECK_THROWS_AS(schedule.mark_failed(0), storage::Error);
}

TEST_CASE("a plan of 100,000 stages runs through, every stage after its inputs") {
  // A chain of 50,000 with an evaluation of each link.
  std::vector<Stage> stages;
  for (int i = 0; i < 50'000; ++i) {
    Stage link, evaluation;
    link.fingerprint = fmt::format("link {}", i);
    if (i > 0) link.inputs = {{"net", fmt::format("link {}", i - 1)}};
    evaluation.fingerprint = fmt::format("evaluation {}", i);
    evaluation.inputs = {{"net", link.fingerprint}};
    stages.push_back(link);
    stages.push_back(evaluation);
  }
  StageSchedule schedule(stages);
  std::vector<int> position(stages.size(), -1);
  int taken = 0;
  while (const auto next = schedule.next()) {
    position[static_cast<std::size_t>(*next)] = taken++;
    schedule.mark_done(*next);
  }
  REQUIRE(taken == 100'000);
  int early = 0;
  for (std::size_t i = 2; i < position.size(); i += 2) early += position[i] < position[i - 2];
  for (std::size_t i = 1; i < position.size(); i += 2) early += position[i] < position[i - 1];
  CHECK(early == 0);
}
