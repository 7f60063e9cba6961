#include <catch2/catch.hpp>

#include "search/run.h"
#include "search/strategies/strategy.h"
#include "tests/support/fake_executor.h"
#include "tests/support/fake_run.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_idx.h"

using search::Experiment;
using search::Job;
using search::Json;
using search::RunSummary;

namespace {

/// One base and one criterion on tiny data, run by a script that knows the accuracy of every share.
struct Fixture {
  support::TemporaryDirectory directory, results;
  storage::Repository repository{results.path(), storage::Repository::Access::write};
  Experiment experiment;
  search::StopRequest stop;
  support::RecordingObserver observer;
  std::vector<double> asked;  ///< shares, in the order of the cuts

  Fixture() {
    support::write_tiny_idx(directory.path());
    experiment.name = "tiny";
    experiment.strategy = "target";
    experiment.tasks = {{"fashion", "tiny", ""}};
    experiment.data["tiny"] = {{"format", "idx"}, {"root", directory.path().string()}, {"pad", 2}, {"validation_images", 6}};
    experiment.nets = {{.name = "vgg11_bn", .width = 0.125}};
    experiment.train = experiment.retrain = {{"epochs", 1}, {"batch", 4}, {"precision", "fp32"}};
    experiment.criteria = {{"l1", "l1", Json::object(), "uniform", ""}};
    experiment.allocation = {{"floor", 0.1}};
    experiment.tolerance = 0.01;
    experiment.target = {.step = 0.5, .gentlest = 0.9};
  }

  /// The base has 0.9; a cut that is asked to keep at least `holds` too, others 0.8.
  RunSummary go(double holds) {
    support::FakeExecutor executor(1, [this, holds](const Job& job, int) {
      storage::StageOutcome outcome = support::done();
      const Json& parameters = job.request.at("parameters");
      const std::string kind = job.request.at("kind");
      if (kind == "evaluate") return outcome;
      const double share = kind == "prune" ? parameters.at("request").at("keep").get<double>() : 1;
      if (kind == "prune") asked.push_back(share);
      outcome.metrics = {{"val", "accuracy", share >= holds ? 0.9 : 0.8, {}}};
      return outcome;
    });
    return search::run(experiment, *search::make_strategy("target"), repository, executor, {}, stop, observer);
  }

  Json steps() const { return repository.rows("steps"); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "the search cuts in halves, takes back what does not hold, and tries more gently") {
  const RunSummary summary = go(0.3);
  // Half: holds. Half of that, 0.25: not. By the root of a half, 0.7071: 0.3536 holds, then 0.25 again, now from 0.3536: not. By the fourth
  // root, 0.8409: 0.2973, not. The eighth root is above 0.9: the end.
  CHECK(asked == std::vector<double>{0.5, 0.25, 0.3536, 0.25, 0.2973});
  CHECK(summary.end == RunSummary::End::finished);
  const Json rows = steps();
  REQUIRE(rows.size() == 3);  // the base and the two cuts that held
  CHECK(summary.stages == 1 + 5 + 2);
  // Test data are touched for the base and for the net that the search ends with.
  const Json stages = repository.rows("stages");
  CHECK(std::count_if(stages.begin(), stages.end(), [](const Json& stage) { return stage.at("kind") == "evaluate"; }) == 2);
  CHECK(repository.rows("trials").at(0).at("schedule") == "target");
}

TEST_CASE_METHOD(Fixture, "started again, a finished search asks for nothing") {
  go(0.3);
  asked.clear();
  const RunSummary summary = go(0.3);
  CHECK(asked.empty());
  CHECK(summary.executed == 0);
}

TEST_CASE_METHOD(Fixture, "where no cut holds, the base is the answer") {
  go(1);
  CHECK(asked == std::vector<double>{0.5, 0.7071, 0.8409});
  CHECK(steps().size() == 1);
}

TEST_CASE_METHOD(Fixture, "the number of cuts is bounded") {
  experiment.target.max_cuts = 3;
  go(0);
  CHECK(asked == std::vector<double>{0.5, 0.25, 0.125});
}

TEST_CASE_METHOD(Fixture, "a search that is stopped goes on where it was") {
  experiment.target.max_cuts = 2;
  go(0);
  experiment.target.max_cuts = 3;  // as if it had been stopped after the second
  asked.clear();
  go(0);
  CHECK(asked == std::vector<double>{0.125});
}
