#include "search/report/evidence.h"

#include <catch2/catch.hpp>
#include <map>

#include "tests/support/two_seed_run.h"

using Catch::Contains;

TEST_CASE_METHOD(support::TwoSeedRun, "a run's evidence has every net over seeds, what it took, and its lead over the controls") {
  const std::string text = search::evidence(repository, search::read_snapshot(repository));
  CHECK_THAT(text, Contains("## e\n\nIs a net better?\n"));
  CHECK_THAT(text, Contains("| test | less narrow |\n"));
  // Test accuracies 0.88 and 0.89: t of one degree of freedom, 12.706, times 0.00707 / sqrt(2). Less narrow's 0.84 and 0.87: 0.04 and 0.02.
  CHECK_THAT(text, Contains("| n, base | 2 | 10.0 k | 1.0 k | 3 |  |  |  | 88.5 ± 6.4 | +3.0 (-9.7 to +15.7) |\n"));
  // After a cut with two epochs more: 0.87 and 0.89; 0.03 and 0.02 more than narrow.
  CHECK_THAT(text, Contains("| lda, slow 1 | 2 | 5.0 k | 500 | 5 |  |  |  | 88.0 ± 12.7 | +2.5 (-3.9 to +8.9) |\n"));
  CHECK_THAT(text, Contains("| lda, slow 2 | 2 | 1.0 k | 100 | 7 |"));
  CHECK_THAT(text, Contains("| random, slow 1 | 1 | 4.0 k | 500 | 5 |  |  |  | 70.0 | -14.0 |\n"));
  CHECK_THAT(text, Contains("| narrow | 2 | 1.0 k | 90 | 3 |  |  |  | 85.5 ± 19.1 |  |\n"));
  CHECK_THAT(text, Contains("18 stages, 0 failed, "));
}

TEST_CASE_METHOD(support::TwoSeedRun, "a run's evidence says how far accuracies before the retraining had the criteria's order after it") {
  const auto with_cut = [&](const std::string& criterion, double batch_norm, double refitted, double test) {
    outcomes.clear();
    net(criterion + "-cut", "base1", 500, 5000, 0.8, test);
    storage::StageOutcome& made = outcomes.front().second;
    made.metrics.push_back({"val", "accuracy_batch_norm", batch_norm, {}});
    made.metrics.push_back({"val", "accuracy_before_retraining", refitted, {}});
    trial("n", "pruned", criterion, 1, {"base1", criterion + "-cut"});
    record();
    return search::evidence(repository, search::read_snapshot(repository));
  };
  with_cut("a", 0.5, 0.8, 0.90);
  with_cut("b", 0.5, 0.6, 0.80);
  CHECK_THAT(with_cut("d", 0.3, 0.4, 0.70), !Contains("Kendall"));
  // Tested, a is ahead of c, c of b and b of d. Refitted, five of the six pairs stand so and one the other way round: 4/6. By batch norm a
  // and b are tied, four pairs stand so and one does not: 3 / sqrt(5 * 6).
  CHECK_THAT(with_cut("c", 0.4, 0.5, 0.85),
             Contains("by test accuracy, mean over seeds:\n\n| cut | seeds | by batch norm | by the refitted nets |\n"
                      "|---|---|---|---|\n| n, slow 1 | 1 | 0.55 | 0.67 |\n"));
}

TEST_CASE_METHOD(support::TwoSeedRun, "what a cut began its retraining with is refitted only where there was a refit") {
  const auto with_cut = [&](const std::string& criterion, double test, const std::map<std::string, double>& known) {
    outcomes.clear();
    net(criterion, "base1", 500, 5000, 0.8, test);
    for (const auto& [name, accuracy] : known) outcomes.front().second.metrics.push_back({"val", "accuracy_" + name, accuracy, {}});
    trial("n", "pruned", criterion, 1, {"base1", criterion});
    record();
  };
  with_cut("plain", 0.7, {{"before_retraining", 0.25}});
  with_cut("refitted", 0.75, {{"as_cut", 0.1}, {"batch_norm", 0.3}, {"before_retraining", 0.6}});
  const std::string text = search::evidence(repository, search::read_snapshot(repository));
  CHECK_THAT(text, Contains("| plain, slow 1 | 1 | 5.0 k | 500 | 5 |  | 25.0 |  | 70.0 |"));
  CHECK_THAT(text, Contains("| refitted, slow 1 | 1 | 5.0 k | 500 | 5 | 10.0 | 30.0 | 60.0 | 75.0 |"));
}

TEST_CASE_METHOD(support::TwoSeedRun, "a run's evidence says how the retraining of cut nets went") {
  const std::string text = search::evidence(repository, search::read_snapshot(repository), {1, 2});
  CHECK_THAT(
      text,
      Contains("| refitted | after 1 | after 2 | taken | test | less narrow |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"));
  // Taken are nets of 0.89 and 0.90; after an epoch they had 0.1 less, and nothing is known of the second.
  CHECK_THAT(text, Contains("| lda, slow 1 | 2 | 5.0 k | 500 | 5 |  |  |  | 79.5 ± 6.4 |  | 89.5 ± 6.4 | 88.0 ± 12.7 |"));
  CHECK_THAT(text, Contains("| n, base | 2 | 10.0 k | 1.0 k | 3 |  |  |  |  |  | 90.5 ± 6.4 | 88.5 ± 6.4 |"));
}

TEST_CASE_METHOD(support::TwoSeedRun, "a training that stopped early took the epochs that it has") {
  outcomes.clear();
  const auto with_cut = [&](const std::string& criterion, const std::string& retrain) {
    net(criterion, "base1", 500, 5000, 0.8, 0.7);  // with a row of its first epoch
    (stages.end() - 2)->parameters = retrain;
    trial("n", "pruned", criterion, 1, {"base1", criterion});
  };
  with_cut("patient", R"({"retrain": {"epochs": 9, "early_stop": 0}})");
  with_cut("early", R"({"retrain": {"epochs": 9, "early_stop": 1}})");
  record();
  const std::string text = search::evidence(repository, search::read_snapshot(repository));
  CHECK_THAT(text, Contains("| patient, slow 1 | 1 | 5.0 k | 500 | 12 |"));
  CHECK_THAT(text, Contains("| early, slow 1 | 1 | 5.0 k | 500 | 4 |"));  // three of the base and the one
}

TEST_CASE_METHOD(support::TwoSeedRun, "stages of trials of settings that were changed since do not count") {
  outcomes.clear();
  stages.clear();
  trials.clear();
  settings["prune"] = {{"substeps", 4}};
  net("anew", "base1", 500, 5000, 0.8, 0.7);
  trial("n", "pruned", "taylor", 1, {"base1", "anew"});
  record();
  // The base of the first seed and the cut, each with its test.
  CHECK_THAT(search::evidence(repository, search::read_snapshot(repository)), Contains("\n4 stages, 0 failed, "));
}

TEST_CASE_METHOD(support::TwoSeedRun, "leads that the seeds decide are bold, and epochs are means where seeds end apart") {
  outcomes.clear();
  for (const int seed : {1, 2}) {
    const std::string s = std::to_string(seed);
    net("bad" + s, "", 90, 4000, 0.5, seed == 1 ? 0.770 : 0.792);
    trial("bad", "baseline", "", seed, {"bad" + s});
    std::vector<std::string> steps{"base" + s, "half" + s};
    if (seed == 2) steps.push_back("tenth2");
    trial("n", "pruned", "l1", seed, steps, "target");
  }
  record();
  const std::string text = search::evidence(repository, search::read_snapshot(repository));
  // 0.87 and 0.89 less 0.770 and 0.792: 0.099 +- 12.706 * 0.001.
  CHECK_THAT(text, Contains("**+9.9 (+8.6 to +11.2)**"));
  // 3 epochs and 2 a cut: 5 of the one seed, 7 of the other; MACs 5,000 and 1,000.
  CHECK_THAT(text, Contains("| l1, target | 2 | 3.0 k | 300 | 6 |"));
}
