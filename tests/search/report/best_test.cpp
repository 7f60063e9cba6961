#include "search/report/best.h"

#include <catch2/catch.hpp>

#include "storage/base/error.h"
#include "tests/support/small_plan.h"
#include "tests/support/temporary_directory.h"

using search::Best;
using search::BestRequest;
using storage::Json;

namespace {

/// A run with nets of one task, two seeds each: (validation, test) by seed.
struct Fixture {
  support::TemporaryDirectory directory;
  storage::Repository repository{directory.path(), storage::Repository::Access::write};
  std::vector<storage::StageRecord> stages;
  std::vector<storage::TrialRecord> trials;
  std::vector<std::pair<std::string, storage::StageOutcome>> outcomes;

  static storage::StageOutcome outcome(const char* split, double accuracy) {
    storage::StageOutcome made;
    made.state = storage::StageState::done;
    made.metrics = {{split, "accuracy", accuracy, {}}};
    return made;
  }

  void net(const std::string& name, const std::string& from, std::int64_t params, std::int64_t macs, double val, double test) {
    stages.push_back({name, from.empty() ? "train" : "prune", name, "{}", {}});
    if (!from.empty()) stages.back().inputs = {{"net", from}};
    stages.push_back({"test-" + name, "evaluate", name, "{}", {{"net", name}}});
    storage::StageOutcome made = outcome("val", val);
    made.architecture = storage::ArchitectureRecord{name, {{"net", name}}, "", Json::object(), params, macs};
    outcomes.emplace_back(name, made);
    outcomes.emplace_back("test-" + name, outcome("test", test));
  }

  void trial(const std::string& net, const std::string& role, const std::string& criterion, int seed,
             const std::vector<std::string>& steps) {
    storage::TrialRecord made;
    made.name = net + criterion + std::to_string(seed);
    made.task = "t";
    made.net = net;
    made.role = role;
    made.criterion = criterion;
    made.schedule = criterion.empty() ? "" : "slow";
    made.seed = seed;
    for (const std::string& step : steps) made.steps.push_back({static_cast<int>(made.steps.size()), step, "test-" + step});
    trials.push_back(made);
  }

  void record() {
    repository.record_plan({"e", "", {{"search", {{"tolerance", 0.02}}}}}, {{"t", "d", "", 10}}, stages, trials);
    for (const auto& [stage, outcome] : outcomes) support::run_stage(repository, stage, outcome);
  }

  /// The base has 0.90 and 0.91; lda 0.89, 0.90 at a half, 0.80 at a tenth; random, of one seed alone, 0.99 at a half; narrow 0.85, 0.86.
  Fixture() {
    for (const int seed : {1, 2}) {
      const std::string s = std::to_string(seed);
      const double more = 0.01 * (seed - 1);
      net("base" + s, "", 1000, 10000, 0.90 + more, 0.88 + more);
      net("half" + s, "base" + s, 500, 5000, 0.89 + more, 0.87 + 2 * more);
      net("tenth" + s, "half" + s, 100, 1000, 0.80 + more, 0.79 + more);
      net("narrow" + s, "", 90, 1000, 0.85 + more, 0.84 + 3 * more);
      trial("n", "pruned", "lda", seed, {"base" + s, "half" + s, "tenth" + s});
      trial("narrow-n", "baseline", "", seed, {"narrow" + s});
    }
    net("lucky", "base1", 500, 4000, 0.99, 0.70);
    trial("n", "pruned", "random", 1, {"base1", "lucky"});
    record();
  }

  std::optional<Best> best(const BestRequest& request = {}) {
    const std::vector<Best> all = search::best_nets(repository, search::read_snapshot(repository), request);
    return all.empty() ? std::nullopt : std::optional(all.at(0));
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "the answer is the smallest net near its base, over all seeds and not by one that was lucky") {
  const Best found = best().value();
  CHECK(found.net == "n, lda, slow, step 1");
  CHECK(found.trial == 3);  // of seed 2, which has the better validation accuracy
  CHECK(found.step == 1);
  CHECK(found.seeds == 2);
  CHECK(found.macs_ratio == 0.5);
  CHECK(found.accuracy_val == Approx(0.895));
  CHECK(found.accuracy_test.mean == Approx(0.88));  // 0.87 and 0.89
  REQUIRE(found.controls.size() == 2);
  CHECK(found.controls[0].name == "n, whole");
  CHECK(found.controls[0].difference.mean == Approx(-0.005));  // -0.01 and 0
  CHECK(found.controls[0].verdict == "undecided");
  CHECK(found.controls[1].name == "narrow-n, from scratch");
  CHECK(found.controls[1].difference.mean == Approx(0.025));  // 0.03 and 0.02
  CHECK(found.controls[1].verdict == "undecided");            // two pairs: 0.025 +- 12.7 * 0.005
  CHECK(found.controls[1].seeds_to_decide == 3);              // 4.303 * 0.00707 / sqrt(3) = 0.0176
}

TEST_CASE_METHOD(Fixture, "limits bound what is taken, and a net from scratch may be the answer") {
  CHECK(best(BestRequest{.max_macs = 1000}).value().net == "narrow-n, from scratch");
  CHECK(best(BestRequest{.max_macs = 1000}).value().controls.back().name == "n, lda, slow, step 2");
  CHECK(best(BestRequest{.max_params = 600}).value().net == "n, lda, slow, step 1");
  CHECK(best(BestRequest{.max_macs = 1e9}).value().net == "n, whole");
  CHECK(best(BestRequest{.min_accuracy = 0.8}).value().net == "narrow-n, from scratch");  // as small as step 2, and better
  CHECK(best(BestRequest{.min_accuracy = 0.89}).value().net == "n, lda, slow, step 1");
  CHECK_FALSE(best(BestRequest{.max_macs = 10}));
  CHECK_FALSE(best(BestRequest{.max_latency_ms = 5}));  // nothing was timed
  CHECK(best(BestRequest{.tolerance = 0.2}).value().net == "narrow-n, from scratch");
  CHECK(best(BestRequest{.tolerance = 0}).value().why == "no smaller net is within 0 points of its base, so the most accurate of them");
  CHECK_THROWS_WITH(best(BestRequest{.task = "u"}), Catch::Contains("task 'u' is not known"));
}

TEST_CASE_METHOD(Fixture, "the answer fits on a screen and ends with the command that exports it") {
  const std::string text = to_text(best().value(), "results/e");
  CHECK(std::count(text.begin(), text.end(), '\n') <= 15);
  CHECK_THAT(text, Catch::StartsWith("t: take n, lda, slow, step 1 (trial 3)\n"));
  CHECK_THAT(text, Catch::EndsWith("  nas-run export results/e 3 --step 1 --to torchscript -o small.pt\n"));
  CHECK_THAT(text, Catch::Contains("undecided; about 3 seeds would decide"));
  const Json json = to_json(best().value(), "results/e");
  CHECK(json.at("controls")[1].at("difference").get<double>() == Approx(0.025));
  CHECK(json.at("latency_ms").is_null());
}
