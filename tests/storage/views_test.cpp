// The documented views over support/small_plan.h, with rows worked out by hand.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "storage/base/error.h"
#include "storage/repository.h"
#include "tests/support/small_plan.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/throws.h"

using namespace storage;
using namespace support;

namespace {

StageOutcome failed_with(const std::string& message) {
  StageOutcome outcome;
  outcome.failure_kind = "crash";
  outcome.failure = message;
  return outcome;
}

/// The values of one column, in the order of the rows.
Json column(const Repository& repository, const std::string& view, const std::string& name) {
  Json values = Json::array();
  for (const Json& row : repository.rows(view)) values.push_back(row.at(name));
  return values;
}

/// Everything ran but what waits for l1cut1, which failed, and the test of cut2.
class Run {
 public:
  Run() {
    SmallPlan().record(repository);
    run_stage(repository, "base", made_net("A0", 1000, 20000, 0.9));
    run_stage(repository, "cut1", made_net("A1", 500, 8000, 0.875));
    run_stage(repository, "cut2", made_net("A2", 250, 3000, 0.75));
    run_stage(repository, "narrow", made_net("A3", 400, 5000, 0.625));
    run_stage(repository, "l1cut1", failed_with("killed by signal 9"));
    run_stage(repository, "test-base", measured(0.89));
    run_stage(repository, "test-cut1", measured(0.86));
    run_stage(repository, "test-narrow", measured(0.61));
  }

  TemporaryDirectory directory;
  Repository repository{directory.path(), Repository::Access::write};
};

}  // namespace

TEST_CASE("trials derive their state from their stages and from what these wait for") {
  Run run;
  CHECK(column(run.repository, "trials", "trial") == Json({1, 2, 3, 4, 5}));
  CHECK(column(run.repository, "trials", "name") == Json({"long", "short", "l1", "random", "narrow"}));
  CHECK(column(run.repository, "trials", "state") == Json({"pending", "done", "failed", "failed", "done"}));
  CHECK(column(run.repository, "trials", "steps") == Json({2, 1, 2, 1, 0}));
  CHECK(column(run.repository, "trials", "failure") == Json({nullptr, nullptr, "killed by signal 9", "killed by signal 9", nullptr}));

  const Json narrow = run.repository.rows("trials")[4];
  CHECK(narrow["role"] == "baseline");
  CHECK(narrow["criterion"].is_null());
  CHECK(narrow["schedule"].is_null());
  CHECK(narrow["fold"] == 3);
  const Json first = run.repository.rows("trials")[0];
  CHECK(first["task"] == "clothes");
  CHECK(first["net"] == "vgg");
  CHECK(first["criterion"] == "lda");
  CHECK(first["schedule"] == "gradual");
  CHECK(first["seed"] == 7);
  CHECK(first["fold"].is_null());

  run.repository.start_stage("test-cut2", {0, "cpu", 1, "here"});
  CHECK(column(run.repository, "trials", "state")[0] == "running");
  CHECK(run.repository.release_running_stages() == 1);
  CHECK(column(run.repository, "trials", "state")[0] == "interrupted");
  run_stage(run.repository, "test-cut2", failed_with("out of memory"));
  CHECK(column(run.repository, "trials", "state")[0] == "failed");
  CHECK(column(run.repository, "trials", "failure")[0] == "out of memory");
}

TEST_CASE("a trial tells its first failure") {
  Run run;
  run_stage(run.repository, "test-cut2", failed_with("second"));
  CHECK(run.repository.trial("long")["failure"] == "second");
  TrialRecord both = SmallPlan().trials[0];
  both.name = "both";
  both.steps = {{0, "base", "test-base"}, {1, "cut2", "test-cut2"}, {2, "l1cut1", "test-l1cut1"}};
  run.repository.record_plan(SmallPlan().experiment, {}, {}, {both});
  CHECK(run.repository.trial("both")["failure"] == "second");
  both.steps = {{0, "base", "test-base"}, {1, "l1cut1", "test-l1cut1"}, {2, "cut2", "test-cut2"}};
  run.repository.record_plan(SmallPlan().experiment, {}, {}, {both});
  CHECK(run.repository.trial("both")["failure"] == "killed by signal 9");
}

TEST_CASE("steps has a row for each step whose net is made, with its ratios to the base") {
  Run run;
  CHECK(column(run.repository, "steps", "trial") == Json({1, 1, 1, 2, 2, 3, 4, 5}));
  CHECK(column(run.repository, "steps", "step") == Json({0, 1, 2, 0, 1, 0, 0, 0}));
  CHECK(column(run.repository, "steps", "stage") == Json({"base", "cut1", "cut2", "base", "cut1", "base", "base", "narrow"}));
  CHECK(column(run.repository, "steps", "accuracy_val") == Json({0.9, 0.875, 0.75, 0.9, 0.875, 0.9, 0.9, 0.625}));
  CHECK(column(run.repository, "steps", "accuracy_test") == Json({0.89, 0.86, nullptr, 0.89, 0.86, 0.89, 0.89, 0.61}));
  CHECK(column(run.repository, "steps", "params") == Json({1000, 500, 250, 1000, 500, 1000, 1000, 400}));
  CHECK(column(run.repository, "steps", "params_ratio") == Json({1.0, 0.5, 0.25, 1.0, 0.5, 1.0, 1.0, 1.0}));
  CHECK(column(run.repository, "steps", "macs_ratio") == Json({1.0, 0.4, 0.15, 1.0, 0.4, 1.0, 1.0, 1.0}));

  const Json cut = run.repository.rows("steps")[1];
  CHECK(cut["architecture"] == "A1");
  CHECK(cut["macs"] == 8000);
  CHECK(cut["wall_s"] == 2.5);
  CHECK(cut["role"] == "pruned");
  CHECK(cut["schedule"] == "gradual");
}

TEST_CASE("baselines are the trials that nothing cut") {
  Run run;
  CHECK(run.repository.rows("baselines") == Json::array({{{"task", "clothes"},
                                                          {"net", "vgg"},
                                                          {"width", 0.5},
                                                          {"seed", 7},
                                                          {"fold", 3},
                                                          {"params", 400},
                                                          {"macs", 5000},
                                                          {"accuracy_val", 0.625},
                                                          {"accuracy_test", 0.61},
                                                          {"trial", 5}}}));
}

TEST_CASE("each_row hands out the columns that are asked for, in their order") {
  Run run;
  std::vector<std::vector<Json>> rows;
  run.repository.each_row("steps", {"step", "stage", "accuracy_test"}, [&](const std::vector<Json>& row) { rows.push_back(row); });
  REQUIRE(rows.size() == 8);
  CHECK(rows[1] == std::vector<Json>{1, "cut1", 0.86});
  CHECK(rows[2] == std::vector<Json>{2, "cut2", nullptr});
  const auto ask = [&](const char* view, const char* column) {
    return error_of([&] { run.repository.each_row(view, {column}, [](const std::vector<Json>&) {}); });
  };
  CHECK(ask("steps", "stpe").kind() == ErrorKind::usage);
  CHECK_THAT(ask("steps", "stpe").what(), Catch::Contains("the view steps has no column 'stpe' (did you mean 'step'?)"));
  CHECK_THAT(ask("stpes", "step").what(), Catch::Contains("there is no view 'stpes'"));
}

TEST_CASE("stages tells how each stage ran") {
  Run run;
  const Json rows = run.repository.rows("stages");
  REQUIRE(rows.size() == 14);
  CHECK(rows[1]["stage"] == "base");
  CHECK(rows[1]["fingerprint"] == "base");
  CHECK(rows[1]["number"] == 2);
  CHECK(rows[1]["kind"] == "train");
  CHECK(rows[1]["label"] == "label of base");
  CHECK(rows[1]["state"] == "done");
  CHECK(rows[1]["attempt"] == 1);
  CHECK(rows[1]["wall_s"] == 2.5);
  CHECK(rows[1]["device"] == "cpu");
  CHECK(rows[1]["threads"] == 1);
  CHECK(rows[1]["host"] == "here");
  CHECK(rows[1]["failure"].is_null());
  // 2024-05-06T07:08:09.123Z
  const auto utc = Catch::Matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z");
  CHECK_THAT(rows[1]["started_at"].get<std::string>(), utc);
  CHECK_THAT(rows[1]["finished_at"].get<std::string>(), utc);

  CHECK(rows[7]["stage"] == "l1cut1");
  CHECK(rows[7]["state"] == "failed");
  CHECK(rows[7]["failure_kind"] == "crash");
  CHECK(rows[9]["state"] == "pending");
  CHECK(rows[9]["started_at"].is_null());
}

TEST_CASE("metrics and layers say which numbers are not finite") {
  Run run;
  StageOutcome outcome = made_net("A4", 1, 1, std::nan(""));
  const double inf = std::numeric_limits<double>::infinity();
  outcome.metrics = {{"val", "accuracy", std::nan(""), {}}, {"train", "loss", inf, 4}, {"train", "loss", -inf, 5}};
  outcome.layers = {{"conv1", 3, 8, 0.5, std::nan(""), inf, {}, true, false}};
  run.repository.reset_failures();
  run_stage(run.repository, "l1cut1", outcome);

  Json mine = Json::array();
  for (const Json& row : run.repository.rows("metrics")) {
    if (row["stage"] == "l1cut1") mine.push_back(row);
  }
  CHECK(mine ==
        Json::array(
            {{{"stage", "l1cut1"}, {"split", "val"}, {"name", "accuracy"}, {"value", nullptr}, {"special", "nan"}, {"epoch", nullptr}},
             {{"stage", "l1cut1"}, {"split", "train"}, {"name", "loss"}, {"value", nullptr}, {"special", "inf"}, {"epoch", 4}},
             {{"stage", "l1cut1"}, {"split", "train"}, {"name", "loss"}, {"value", nullptr}, {"special", "-inf"}, {"epoch", 5}}}));
  CHECK(run.repository.rows("metrics")[0] ==
        Json({{"stage", "base"}, {"split", "val"}, {"name", "accuracy"}, {"value", 0.25}, {"special", nullptr}, {"epoch", 0}}));
  CHECK(run.repository.rows("layers") == Json::array({{{"architecture", "A4"},
                                                       {"layer", "conv1"},
                                                       {"channels", 3},
                                                       {"base_channels", 8},
                                                       {"score_min", 0.5},
                                                       {"score_mean", "nan"},
                                                       {"score_max", "inf"},
                                                       {"threshold", nullptr},
                                                       {"floor_applied", 1},
                                                       {"stage", "l1cut1"},
                                                       {"cap_applied", 0},
                                                       {"fixed", nullptr}}}));
}

TEST_CASE("the views beside the documented ones") {
  Run run;
  CHECK(run.repository.rows("tasks") ==
        Json::array({{{"task", "clothes"}, {"dataset", "fashion_mnist"}, {"target", "label"}, {"classes", 10}}}));
  CHECK(column(run.repository, "experiments", "name") == Json::array({"small"}));
  CHECK(column(run.repository, "architectures", "params") == Json({1000, 500, 250, 400}));
  CHECK(column(run.repository, "lineage", "stage") == Json({"base", "cut1", "cut2", "narrow"}));
  CHECK(run.repository.rows("artifacts") == Json::array());
  CHECK(run.repository.rows("inputs")[0] == Json({{"stage", "test-base"}, {"role", "net"}, {"source", "base"}}));
  CHECK(run.repository.rows("inputs").size() == 13);  // 7 tests, 4 cuts of one net, and random1 with two

  const Error unknown = error_of([&] { run.repository.rows("trails"); });
  CHECK(unknown.kind() == ErrorKind::usage);
  CHECK(unknown.what() == std::string("there is no view 'trails' (did you mean 'trials'?)"));
  CHECK(error_of([&] { run.repository.rows("stage"); }).kind() == ErrorKind::usage);
  CHECK(error_of([&] { run.repository.rows("trials; DROP TABLE trial"); }).kind() == ErrorKind::usage);
}

TEST_CASE("a trial is found by number and by name") {
  Run run;
  CHECK(run.repository.trial("5") == run.repository.rows("trials")[4]);
  CHECK(run.repository.trial("narrow") == run.repository.rows("trials")[4]);
  CHECK(run.repository.trial("6").is_null());
  CHECK(run.repository.trial("5x").is_null());
}
