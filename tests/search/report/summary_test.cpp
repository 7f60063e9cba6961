#include "search/report/summary.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "search/plan/stage.h"
#include "search/report/measured_nets.h"
#include "search/report/pareto.h"
#include "search/report/table_text.h"
#include "tests/support/small_plan.h"
#include "tests/support/snapshot_of.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/two_seed_run.h"

using search::SummaryRow;
using storage::Json;

namespace {

/// A row of the view `steps`.
Json step(int seed, const char* schedule, const char* criterion, int number, double val, double test, double params, double macs) {
  return {{"task", "t"},
          {"net", "n"},
          {"seed", seed},
          {"fold", nullptr},
          {"role", "pruned"},
          {"step", number},
          {"schedule", schedule},
          {"criterion", criterion},
          {"accuracy_val", val},
          {"accuracy_test", test},
          {"params", params},
          {"macs", macs},
          {"stage", std::to_string(seed) + schedule + criterion + std::to_string(number)}};
}

Json baseline(const char* net, double width, int seed, double val, double test, double params, double macs) {
  return {{"task", "t"},           {"net", net},       {"width", width}, {"seed", seed}, {"fold", nullptr}, {"accuracy_val", val},
          {"accuracy_test", test}, {"params", params}, {"macs", macs}};
}

/// Of rows of the views `steps` and `baselines`.
std::vector<SummaryRow> summary_rows(const Json& steps, const Json& baselines, double tolerance, const std::string& size) {
  return search::summary_rows(support::snapshot_of(steps, baselines), tolerance, size);
}

SummaryRow row(const std::vector<SummaryRow>& rows, const std::string& what) {
  for (const SummaryRow& each : rows)
    if (each.what == what) return each;
  FAIL("no row " << what);
  return {};
}

/// Two seeds of one schedule x criterion.
const Json two_seeds = {
    step(1, "slow", "lda", 0, 0.90, 0.88, 1000, 200), step(1, "slow", "lda", 1, 0.91, 0.89, 500, 120),
    step(1, "slow", "lda", 2, 0.89, 0.87, 300, 50),   step(1, "slow", "lda", 3, 0.80, 0.79, 100, 20),
    step(2, "slow", "lda", 0, 0.92, 0.90, 1000, 200), step(2, "slow", "lda", 1, 0.90, 0.89, 500, 100),
    step(2, "slow", "lda", 2, 0.90, 0.86, 300, 60),   step(2, "slow", "lda", 3, 0.85, 0.84, 100, 20),
};

}  // namespace

TEST_CASE("columns of a table are aligned by letters, not by bytes") {
  const std::vector<std::vector<std::string>> table{{"net", "±", "n"}, {"größer", "1", ""}};
  CHECK(search::aligned(table, search::Side::left) == "net     ±  n\ngrößer  1\n");
  CHECK(search::aligned({{"a", "b"}, {"ab", "±10"}}, search::Side::right) == "a     b\nab  ±10\n");
}

TEST_CASE("the base is averaged over seeds") {
  const SummaryRow base = row(summary_rows(two_seeds, Json::array(), 0.01, "macs"), "base");
  CHECK(base.task == "t");
  CHECK(base.net == "n");
  CHECK(base.seeds == 2);
  CHECK(base.accuracy_val == Approx(0.91));
  CHECK(base.accuracy_test.mean == Approx(0.89));
  CHECK(base.accuracy_test.deviation == Approx(std::sqrt(2 * 0.01 * 0.01)));  // .88 and .90 about .89, over n - 1 = 1
  CHECK(base.params == 1000);
  CHECK(base.macs_ratio == 1);
}

TEST_CASE("the best of each seed is chosen by validation, the smaller of equals") {
  // Seed 1: step 1. Seed 2: steps 1 and 2 are equal, 2 is smaller.
  const SummaryRow best = row(summary_rows(two_seeds, Json::array(), 0.01, "macs"), "slow / lda, best");
  CHECK(best.seeds == 2);
  CHECK(best.accuracy_val == Approx((0.91 + 0.90) / 2));
  CHECK(best.accuracy_test.mean == Approx((0.89 + 0.86) / 2));
  CHECK(best.accuracy_test.deviation == Approx(0.03 / std::sqrt(2)));  // of two values: their difference over root 2
  CHECK(best.params == Approx((500 + 300) / 2));
  CHECK(best.macs == Approx((120 + 60) / 2));
  CHECK(best.macs_ratio == Approx((0.6 + 0.3) / 2));
  CHECK(best.params_ratio == Approx((0.5 + 0.3) / 2));
}

TEST_CASE("the smallest is within the tolerance of its own seed's base") {
  // Seed 1: base .90, so .89 is just good enough: step 2. Seed 2: base .92, so .91 is wanted, and no cut has it.
  const SummaryRow smallest = row(summary_rows(two_seeds, Json::array(), 0.01, "macs"), "slow / lda, smallest");
  CHECK(smallest.seeds == 1);
  CHECK(smallest.of_seeds == 2);
  CHECK(smallest.macs == 50);
  CHECK(smallest.macs_ratio == Approx(0.25));
  CHECK(smallest.accuracy_test.mean == Approx(0.87));
  // Three points of tolerance: step 2 of both.
  CHECK(row(summary_rows(two_seeds, Json::array(), 0.03, "macs"), "slow / lda, smallest").macs == Approx((50 + 60) / 2));
}

TEST_CASE("the last is the net after all cuts, told where there are several") {
  const SummaryRow last = row(summary_rows(two_seeds, Json::array(), 0.01, "macs"), "slow / lda, last");
  CHECK(last.seeds == 2);
  CHECK(last.macs == 20);
  CHECK(last.accuracy_test.mean == Approx((0.79 + 0.84) / 2));
}

TEST_CASE("the smallest is taken in the size that is asked for") {
  const Json steps{step(1, "s", "c", 0, 0.9, 0.9, 1000, 1000), step(1, "s", "c", 1, 0.9, 0.8, 300, 500),
                   step(1, "s", "c", 2, 0.9, 0.7, 400, 200)};
  CHECK(row(summary_rows(steps, Json::array(), 0.01, "params"), "s / c, smallest").accuracy_test.mean == 0.8);
  CHECK(row(summary_rows(steps, Json::array(), 0.01, "macs"), "s / c, smallest").accuracy_test.mean == 0.7);
}

TEST_CASE("one seed has no deviation, and incomplete rows are left out") {
  Json steps{step(1, "s", "c", 0, 0.9, 0.9, 1000, 1000), step(1, "s", "c", 1, 0.8, 0.8, 500, 500), step(1, "s", "c", 2, 0.95, 0, 400, 400)};
  steps[2]["accuracy_test"] = nullptr;
  const auto rows = summary_rows(steps, Json::array(), 0.01, "macs");
  CHECK(row(rows, "s / c, best").accuracy_val == 0.8);
  CHECK(row(rows, "s / c, best").accuracy_test.deviation == 0);
  CHECK(summary_rows(Json::array(), Json::array(), 0.01, "macs").empty());
  // With a base alone there is nothing to choose from.
  CHECK(summary_rows(Json::array({steps[0]}), Json::array(), 0.01, "macs").size() == 1);
}

TEST_CASE("baselines stand under the base nets of their task, the narrow control under its own") {
  Json steps{step(1, "s", "c", 0, 0.9, 0.9, 1000, 1000), step(1, "s", "c", 0, 0.9, 0.9, 2000, 4000)};
  steps[1]["net"] = "m";
  const Json baselines{baseline("squeezenet1_1", 1, 1, 0.8, 0.7, 500, 100), baseline("narrow-n", 0.31, 1, 0.85, 0.84, 100, 100)};
  const auto rows = summary_rows(steps, baselines, 0.01, "macs");
  std::vector<std::string> order;
  for (const SummaryRow& each : rows) order.push_back(each.net + ": " + each.what);
  CHECK(order == std::vector<std::string>{"n: base", "n: squeezenet1_1", "n: narrow (width 0.31)", "m: base", "m: squeezenet1_1"});
  CHECK(rows[1].params_ratio == 0.5);
  CHECK(rows[4].params_ratio == 0.25);
  CHECK(rows[2].accuracy_test.mean == 0.84);
  CHECK(rows[2].macs_ratio == 0.1);
}

TEST_CASE("folds of one seed are runs of their own") {
  Json steps{step(1, "s", "c", 0, 0.9, 0.8, 10, 10), step(1, "s", "c", 0, 0.9, 0.6, 10, 10)};
  steps[0]["fold"] = 0;
  steps[1]["fold"] = 1;
  const SummaryRow base = row(summary_rows(steps, Json::array(), 0.01, "macs"), "base");
  CHECK(base.seeds == 2);
  CHECK(base.accuracy_test.mean == Approx(0.7));
}

TEST_CASE("the answers as a table") {
  const Json steps{step(1, "s", "c", 0, 0.9, 0.88, 923'456, 19'600'000), step(1, "s", "c", 1, 0.91, 0.9, 92'345, 1'960'000)};
  CHECK(search::to_table(summary_rows(steps, Json::array(), 0.01, "macs")) ==
        "t / n\n"
        "                 seeds  val %  test % (± 95 %)   params  of base     MACs  of base\n"
        "base                 1  90.00            88.00  923.5 k    1.000  19.60 M    1.000\n"
        "s / c, best          1  91.00            90.00   92.3 k    0.100   1.96 M    0.100\n"
        "s / c, smallest      1  91.00            90.00   92.3 k    0.100   1.96 M    0.100\n");
  // .88 and .90: half of the interval is their half difference times 12.706, Student's t of one degree of freedom.
  CHECK_THAT(search::to_table(summary_rows(two_seeds, Json::array(), 0.01, "macs")),
             Catch::Contains("base                       2  91.00    89.00 ± 12.71   1.0 k    1.000"));
  const Json bad{step(1, "s", "c", 0, 0.9, 0.88, 1000, 1000), step(1, "s", "c", 1, 0.5, 0.5, 100, 100)};
  CHECK_THAT(search::to_table(summary_rows(bad, Json::array(), 0.01, "macs")), Catch::Contains("s / c, smallest  0 of 1   none"));
}

TEST_CASE("answers are read from the stored views") {
  const support::TemporaryDirectory directory;
  storage::Repository repository(directory.path(), storage::Repository::Access::write);
  const auto train = search::make_stage(search::StageKind::train, "train", Json{{"seed", 1}}, {}, 1);
  const auto evaluate = search::make_stage(search::StageKind::evaluate, "evaluate", {}, {{"net", train.fingerprint}}, 1);
  const auto cut = search::make_stage(search::StageKind::prune, "cut", {}, {{"net", train.fingerprint}}, 1);
  const auto measure = search::make_stage(search::StageKind::evaluate, "measure", {}, {{"net", cut.fingerprint}}, 1);
  storage::TrialRecord trial, baseline;
  trial.name = "t/n/c/s/s1";
  trial.role = "pruned";
  trial.task = baseline.task = "t";
  trial.net = "n";
  trial.criterion = "c";
  trial.schedule = "s";
  trial.steps = {{0, train.fingerprint, evaluate.fingerprint}, {1, cut.fingerprint, measure.fingerprint}};
  baseline.name = "t/b/s1";
  baseline.role = "baseline";
  baseline.net = "b";
  baseline.steps = {{0, cut.fingerprint, measure.fingerprint}};
  repository.record_plan({"e", "", Json::object()}, {{"t", "d", "", 10}},
                         {to_record(train), to_record(evaluate), to_record(cut), to_record(measure)}, {trial, baseline});
  const auto finish = [&](const search::Stage& stage, std::optional<storage::ArchitectureRecord> net, const char* split, double accuracy) {
    storage::StageOutcome outcome;
    outcome.state = storage::StageState::done;
    outcome.architecture = std::move(net);
    outcome.metrics = {{split, "accuracy", accuracy, std::nullopt}};
    support::run_stage(repository, stage.fingerprint, outcome);
  };
  finish(train, storage::ArchitectureRecord{"A", Json::object(), "", Json::object(), 100, 1000}, "val", 0.9);
  finish(evaluate, std::nullopt, "test", 0.8);
  finish(cut, storage::ArchitectureRecord{"B", Json::object(), "A", Json::object(), 20, 100}, "val", 0.85);
  finish(measure, std::nullopt, "test", 0.75);

  const auto rows = search::summary_rows(search::read_snapshot(repository), 0.1, "macs");
  REQUIRE(rows.size() == 4);
  CHECK(row(rows, "base").accuracy_test.mean == 0.8);
  CHECK(row(rows, "s / c, best").accuracy_test.mean == 0.75);
  CHECK(row(rows, "s / c, best").params_ratio == Approx(0.2));
  CHECK(row(rows, "s / c, smallest").macs_ratio == Approx(0.1));
  CHECK(row(rows, "b").accuracy_val == 0.85);
}

TEST_CASE("the Pareto front keeps what nothing beats") {
  const auto point = [](const char* stage, const char* task, double accuracy, Json macs) {
    return Json{{"stage", stage},           {"task", task},           {"net", stage}, {"seed", 1}, {"step", 0},
                {"accuracy_val", accuracy}, {"macs", std::move(macs)}};
  };
  Json steps{
      point("a", "t", 0.90, 100), point("b", "t", 0.80, 50), point("c", "t", 0.85, 100),  // a is better at the same cost
      point("d", "t", 0.80, 60),                                                          // b is cheaper and as good
      point("e", "t", 0.70, 10),  point("f", "u", 0.10, 90), point("g", "t", 0.50, 60),  point("h", "t", 0.80, 50),  // as good as b in both
  };
  steps[6]["accuracy_val"] = nullptr;  // not known yet
  search::Snapshot run = support::snapshot_of(steps, Json::array());
  const auto front = [&run] {
    std::string names;
    for (const auto& [task, measures] : search::fronts_of(run, search::sizes_of(run)))
      for (const int net : measures.at("macs")) names += run.trial_of(run.nets[static_cast<std::size_t>(net)])->net;
    return names;
  };
  CHECK(front() == "ebhaf");
  run.nets[1].beyond = run.nets[4].beyond = true;
  CHECK(front() == "haf");
  CHECK(search::fronts_of({}, {}).empty());
}

TEST_CASE_METHOD(support::TwoSeedRun, "a cut beyond a constraint is left out, and where a later one is within it, that is the last") {
  const auto line = [&](const char* constraint) {
    settings["constraints"] = {constraint};
    outcomes.clear();
    record();
    const std::vector<search::ComparisonGroup> groups = search::measured_nets(search::read_snapshot(repository));
    for (const search::Series& each : groups.at(0).searched)
      if (each.name == "slow / lda") return each;
    FAIL("no such line");
    return search::Series();
  };
  const search::Replicate first{1, -1};
  const search::Series within = line("macs <= 3000");  // of 5000 and 1000
  CHECK(within.unfinished.empty());
  REQUIRE(within.nets.at(first).size() == 2);
  CHECK(within.nets.at(first)[1].step == 2);
  const search::Series beyond = line("macs >= 3000");
  CHECK(beyond.unfinished.size() == 2);
  REQUIRE(beyond.nets.at(first).size() == 2);
  CHECK(beyond.nets.at(first)[1].step == 1);
}
