#include "search/report/evidence.h"

#include <catch2/catch.hpp>

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

TEST_CASE_METHOD(support::TwoSeedRun, "a run's evidence says how the retraining of cut nets went") {
  const std::string text = search::evidence(repository, search::read_snapshot(repository), {1, 2});
  CHECK_THAT(
      text,
      Contains("| refitted | after 1 | after 2 | taken | test | less narrow |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"));
  // Taken are nets of 0.89 and 0.90; after an epoch they had 0.1 less, and nothing is known of the second.
  CHECK_THAT(text, Contains("| lda, slow 1 | 2 | 5.0 k | 500 | 5 |  |  |  | 79.5 ± 6.4 |  | 89.5 ± 6.4 | 88.0 ± 12.7 |"));
  CHECK_THAT(text, Contains("| n, base | 2 | 10.0 k | 1.0 k | 3 |  |  |  |  |  | 90.5 ± 6.4 | 88.5 ± 6.4 |"));
}
