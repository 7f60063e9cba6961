// The run loop: what it records, in which order, and what it asks its strategy for.
#include <catch2/catch.hpp>
#include <set>

#include "storage/artifacts.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
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

TEST_CASE_METHOD(LoopRun, "a run records a result before it starts what waits for it") {
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

TEST_CASE_METHOD(LoopRun, "a job carries what its inputs left behind") {
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

TEST_CASE_METHOD(LoopRun, "a strategy is asked again for what new results call for") {
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

TEST_CASE_METHOD(LoopRun, "a new plan leaves alone what runs") {
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

TEST_CASE_METHOD(LoopRun, "a stage whose weights were removed is run again where another needs them, and only there") {
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

namespace {

/// Notes in which state a stage is whenever it is asked for the plan.
struct Watching : support::FixedStrategy {
  Watching(std::vector<Stage> stages, std::string stage) : FixedStrategy(std::move(stages)), watched(std::move(stage)) {}
  search::Plan next(const search::Experiment& experiment, const search::History& history) const override {
    if (const auto known = history.find(watched); known != history.end()) seen.push_back(known->second.state);
    return FixedStrategy::next(experiment, history);
  }
  bool learns() const override { return true; }

  std::string watched;
  mutable std::vector<StageState> seen;
};

}  // namespace

TEST_CASE_METHOD(LoopRun, "a net whose files were removed is, while it is made once more, what it was to a strategy") {
  const auto net = [](const Job&, int) {
    storage::StageOutcome outcome = done();
    outcome.artifacts.push_back({"weights", "0123abcd", 3});  // no such file lies there
    outcome.metrics.push_back({"val", "accuracy", 0.9, {}});
    return std::optional(outcome);
  };
  const Stage a = stage("a"), other = stage("other", {}, 9), b = stage("b", {a});
  FakeExecutor first(1, net);
  go({a}, first);
  const Watching strategy({a, other, b}, a.fingerprint);
  FakeExecutor second(2, net);
  search::run(experiment, strategy, repository, second, limits, stop, observer);
  CHECK(names(second.started) == std::vector<std::string>{"other", "a", "b"});
  CHECK(strategy.seen.size() >= 3);  // at first, after `other`, while `a` runs, and in the end
  CHECK(std::set<StageState>(strategy.seen.begin(), strategy.seen.end()) == std::set<StageState>{StageState::done});
  CHECK(repository.rows("metrics").size() == 3);
}

TEST_CASE_METHOD(LoopRun, "a stage's checkpoint is removed once its result is recorded, and not before") {
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

TEST_CASE_METHOD(LoopRun, "an error leaves no stage running") {
  const Stage a = stage("a");
  FakeExecutor executor(1, [](const Job&, int) { return done(); });
  executor.on_start = [](const Job&) { throw storage::Error(storage::ErrorKind::environment, "no worker"); };
  CHECK_THROWS_WITH(go({a}, executor), "no worker");
  CHECK(executor.kills == 1);
  CHECK(status(a).state == StageState::interrupted);
}

TEST_CASE_METHOD(LoopRun, "stages that a later plan lacks and no trial needs are dropped") {
  const Stage a = stage("a"), b = stage("b"), c = stage("c");
  FakeExecutor executor(1, [](const Job& job, int) { return name(job) == "b" ? failed("invalid") : done(); });
  go({a, b}, executor);
  const auto dropped = [&] {
    std::vector<std::string> labels;
    for (const search::Json& row : repository.rows("stages"))
      if (row.at("dropped") == 1) labels.push_back(row.at("label"));
    return labels;
  };
  CHECK(dropped().empty());
  go({a, c}, executor);
  CHECK(dropped() == std::vector<std::string>{"b"});
  go({a, b}, executor);
  CHECK(dropped() == std::vector<std::string>{"c"});
}
