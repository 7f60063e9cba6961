#include <catch2/catch.hpp>

#include "tests/support/scripted_search.h"

using search::Json;
using search::RunSummary;

namespace {

struct TargetFixture : support::ScriptedSearch {
  TargetFixture() { choose("target"); }

  /// The base has 0.9; a cut that is asked to keep at least `holds` too, others 0.8.
  RunSummary go(double holds) {
    return support::ScriptedSearch::go(
        [holds](const Json& parameters) { return !parameters.contains("request") || parameters["request"]["keep"] >= holds ? 0.9 : 0.8; });
  }
};

}  // namespace

TEST_CASE_METHOD(TargetFixture, "the search cuts in halves, takes back what does not hold, and tries more gently") {
  const RunSummary summary = go(0.3);
  // Half: holds. Half of that, 0.25: not. By the root of a half, 0.7071: 0.3536 holds, then 0.25 again, now from 0.3536: not. By the fourth
  // root, 0.8409: 0.2973, not. The eighth root is above 0.9: the end.
  CHECK(asked_shares() == std::vector<double>{0.5, 0.25, 0.3536, 0.25, 0.2973});
  CHECK(summary.end == RunSummary::End::finished);
  REQUIRE(repository.rows("steps").size() == 3);  // the base and the two cuts that held
  CHECK(summary.stages == 1 + 5 + 2);
  CHECK(count("evaluate") == 2);  // test data are touched for the base and for the net that the search ends with
  CHECK(repository.rows("trials").at(0).at("schedule") == "target");
}

TEST_CASE_METHOD(TargetFixture, "what was decided is stored with its reason, once") {
  go(0.3);
  go(0.3);
  const Json rows = repository.rows("decisions");
  REQUIRE(rows.size() == 5);
  CHECK(rows[0].at("subject") == "fashion/vgg11_bn/l1/target/s1");
  CHECK(rows[0].at("choice") == "keep cut 1 to 0.5");
  CHECK(rows[1].at("choice") == "take back cut 2 to 0.25");
  CHECK(rows[1].at("reason") == "accuracy_val 0.8000, wanted 0.8900; a gentler cut leaves 0.7071");
  CHECK(rows[4].at("reason") == "accuracy_val 0.8000, wanted 0.8900; a cut that leaves more than 0.9 ends the search");
}

TEST_CASE_METHOD(TargetFixture, "started again, a finished search asks for nothing") {
  go(0.3);
  asked.clear();
  const RunSummary summary = go(0.3);
  CHECK(asked.empty());
  CHECK(summary.executed == 0);
}

TEST_CASE_METHOD(TargetFixture, "one trial is found alone as among the others") {
  experiment.criteria = {criterion("taylor"), criterion("l1")};
  experiment.seeds = 2;
  const auto part = search::only(search::make_strategy("target"), "fashion/vgg11_bn/l1/target/s2");
  support::FakeExecutor executor(2, [&](const search::Job& job, int) {
    return outcome(
        job, [](const Json& parameters) { return !parameters.contains("request") || parameters["request"]["keep"] >= 0.3 ? 0.9 : 0.8; });
  });
  search::run(experiment, *part, repository, executor, {}, stop, observer);
  CHECK(asked_shares() == std::vector<double>{0.5, 0.25, 0.3536, 0.25, 0.2973});  // as above
  for (const Json& cut : asked) CHECK((cut.at("criterion").at("name") == "l1" && cut.at("seed") == 2));
  CHECK(repository.rows("stages").size() == 1 + 5 + 2);
  REQUIRE(repository.rows("trials").size() == 1);
  CHECK(repository.rows("decisions").size() == 5);
  go(0.3);  // the rest, with what is there
  CHECK(asked.size() == 4 * 5);
}

TEST_CASE_METHOD(TargetFixture, "where no cut holds, the base is the answer") {
  go(1);
  CHECK(asked_shares() == std::vector<double>{0.5, 0.7071, 0.8409});
  CHECK(repository.rows("steps").size() == 1);
}

TEST_CASE_METHOD(TargetFixture, "the number of cuts is bounded") {
  choose("target", {{"max_cuts", 3}});
  go(0);
  CHECK(asked_shares() == std::vector<double>{0.5, 0.25, 0.125});
}

TEST_CASE_METHOD(TargetFixture, "a search that is stopped goes on where it was") {
  choose("target", {{"max_cuts", 2}});
  go(0);
  choose("target", {{"max_cuts", 3}});  // as if it had been stopped after the second
  asked.clear();
  go(0);
  CHECK(asked_shares() == std::vector<double>{0.125});
}

TEST_CASE_METHOD(TargetFixture, "the search ends where nothing more can be cut, though all that is asked for would hold") {
  floor = 0.3;
  go(0);
  CHECK(asked_shares() == std::vector<double>{0.5, 0.25, 0.125});  // the second leaves 0.3, the third takes nothing
  const Json rows = repository.rows("decisions");
  REQUIRE(rows.size() == 3);
  CHECK(rows[2].at("choice") == "take back cut 3 to 0.125");
  CHECK(rows[2].at("reason") == "nothing more can be cut");
  CHECK(repository.rows("steps").size() == 3);
}

TEST_CASE_METHOD(TargetFixture, "no share is asked for that rounds to nothing or to what there is") {
  choose("target", {{"step", 0.01}, {"max_cuts", 30}});
  go(0);
  CHECK(asked_shares() == std::vector<double>{0.01, 0.0001});
}

TEST_CASE_METHOD(TargetFixture, "a cut that loses just what it may holds, whatever doubles make of the difference") {
  experiment.tolerance = 0.02;  // 0.5016 - 0.02 is a little more than 0.4816
  support::ScriptedSearch::go([](const Json& parameters) { return parameters.contains("request") ? 0.4816 : 0.5016; });
  CHECK(repository.rows("decisions").at(0).at("choice") == "keep cut 1 to 0.5");
}
