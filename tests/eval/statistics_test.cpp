#include "eval/statistics.h"

#include <catch2/catch.hpp>

#include "storage/base/error.h"

using eval::holm;
using eval::paired_difference;
using eval::summarise;

// References: scipy 1.10, stats.t.interval(0.95, 2, mean, sem) and stats.ttest_rel.
TEST_CASE("a summary has the mean, the sample deviation and Student's interval") {
  const eval::Summary summary = summarise({88.1, 88.9, 87.5});
  CHECK(summary.n == 3);
  CHECK(summary.mean == Approx(88.1666666667));
  CHECK(summary.deviation == Approx(0.7023769169));
  REQUIRE(summary.interval);
  CHECK(summary.interval->low == Approx(86.4218656796));
  CHECK(summary.interval->high == Approx(89.9114676538));
}

TEST_CASE("one value has a mean and no interval, none has nothing") {
  CHECK(summarise({0.5}).mean == 0.5);
  CHECK(summarise({0.5}).deviation == 0);
  CHECK_FALSE(summarise({0.5}).interval);
  CHECK(summarise({}).n == 0);
}

TEST_CASE("a paired difference is tested by Student's t") {
  const eval::PairedDifference difference = paired_difference({88.1, 88.9, 87.5}, {87.0, 88.5, 86.1});
  CHECK(difference.mean == Approx(0.9666666667));
  CHECK(difference.deviation == Approx(0.5131601439));
  CHECK(difference.interval->low == Approx(-0.3080937991));
  CHECK(difference.interval->high == Approx(2.2414271325));
  CHECK(difference.p == Approx(0.0824806041));
}

TEST_CASE("pairs that do not vary, are too few or do not pair up") {
  const eval::PairedDifference equal = paired_difference({0.9, 0.8}, {0.8, 0.7});  // 0.1 twice, but for rounding
  CHECK(equal.mean == Approx(0.1));
  CHECK_FALSE(equal.interval);  // two seeds that differ alike say nothing of the third
  CHECK(equal.p == 0.5);        // by hand: 2 / 2^2
  CHECK_FALSE(eval::pairs_to_decide(equal));
  CHECK(paired_difference({2, 1}, {2, 1}).p == 1);
  CHECK(paired_difference({3}, {2}).p == 1);
  CHECK(paired_difference({}, {}).p == 1);
  CHECK_THROWS_AS(paired_difference({1, 2}, {1}), storage::Error);
}

TEST_CASE("the sign test counts who is larger") {
  // By hand: 6 of 6 have 2 / 2^6; 5 of 6 have 2 (1 + 6) / 2^6; one pair that is equal does not count.
  CHECK(eval::sign_test({1, 1, 1, 1, 1, 1}, {0, 0, 0, 0, 0, 0}) == Approx(2 / 64.0));
  CHECK(eval::sign_test({0, 1, 1, 1, 1, 1, 7}, {1, 0, 0, 0, 0, 0, 7}) == Approx(14 / 64.0));
  CHECK(eval::sign_test({1, 0}, {0, 1}) == 1);
  CHECK(eval::sign_test({}, {}) == 1);
  CHECK_THROWS_AS(eval::sign_test({1}, {}), storage::Error);
}

TEST_CASE("Holm's correction multiplies the smallest p by the number of claims, the next by one less, and never falls") {
  // By hand: 0.01 * 4; 0.015 * 3 = 0.045; 0.02 * 2 = 0.04, raised to 0.045; 0.9 * 1.
  const std::vector<double> corrected = holm({0.02, 0.01, 0.9, 0.015});
  CHECK(corrected[0] == Approx(0.045));
  CHECK(corrected[1] == Approx(0.04));
  CHECK(corrected[2] == Approx(0.9));
  CHECK(corrected[3] == Approx(0.045));
  CHECK(holm({0.6, 0.7})[1] == 1);
  CHECK(holm({}).empty());
}

TEST_CASE("pairs that would decide a difference, by the table of Student's t") {
  eval::PairedDifference difference;
  difference.n = 2;
  difference.mean = difference.deviation = 1;
  CHECK(eval::pairs_to_decide(difference) == 7);  // t(6) = 2.447 < sqrt(7); t(5) = 2.571 > sqrt(6)
  difference.mean = -1;
  CHECK(eval::pairs_to_decide(difference) == 7);
  difference.mean = 0.01;
  CHECK_FALSE(eval::pairs_to_decide(difference));
  difference.n = 1;
  CHECK_FALSE(eval::pairs_to_decide(difference));
}

TEST_CASE("Kendall's tau counts ties for neither side") {
  // scipy.stats.kendalltau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]) gives -0.4714045207910316.
  CHECK(*eval::kendall_tau({12, 2, 1, 12, 2}, {1, 4, 7, 1, 0}) == Approx(-0.4714045207910316));
  CHECK(*eval::kendall_tau({1, 2, 3}, {10, 20, 30}) == 1);
  CHECK_FALSE(eval::kendall_tau({1, 1}, {1, 2}).has_value());
  CHECK_FALSE(eval::kendall_tau({1}, {1}).has_value());
}
