#include "search/plan/strategies/surrogate.h"

#include <catch2/catch.hpp>

using search::Candidate;
using search::Cut;
using search::Surrogate;

namespace {

/// Accuracies are turned, so that less is better. The base has 0.9 and 100 multiply-accumulates.
const std::vector<search::Objective> objectives{{"accuracy_val", true}, {"macs", false}};
const Candidate base{{-0.9, 100}, 0};

}  // namespace

TEST_CASE("before the first cut, nothing is expected to be lost but size") {
  const Surrogate surrogate(objectives, {}, {base}, {{}});
  CHECK(surrogate.expected({0, 0, 0.25}).values == std::vector<double>{-0.9, 25});
  CHECK(surrogate.expected_improvement({0, 0, 0.25}) == Approx(0.9 * 0.75));  // the base alone costs as much as the reference
}

TEST_CASE("a criterion is expected to do a halving what it did before, and what all did, counted once") {
  const std::vector<Cut> cuts{{}, {0, 0, 0.5}, {0, 1, 0.25}};
  // Criterion 0 lost 0.1 in a halving; criterion 1 lost 0.6 in two, 0.3 a halving. In the mean 0.2.
  const Surrogate surrogate(objectives, {}, {base, Candidate{{-0.8, 50}, 0}, Candidate{{-0.3, 25}, 0}}, cuts);
  CHECK(surrogate.expected({0, 0, 0.5}).values[0] == Approx(-0.9 + (0.1 + 0.2) / 2));
  CHECK(surrogate.expected({0, 1, 0.5}).values[0] == Approx(-0.9 + (0.3 + 0.2) / 2));
  CHECK(surrogate.expected({0, 2, 0.5}).values[0] == Approx(-0.9 + 0.2));
  CHECK(surrogate.expected({1, 0, 0.25}).values[0] == Approx(-0.8 + 2 * 0.15));
  CHECK(surrogate.expected({1, 0, 0.25}).values[1] == Approx(12.5));
}

TEST_CASE("a net that is being made counts as what is expected of it, one that failed not at all") {
  const Surrogate pending(objectives, {}, {base}, {{}, {0, 0, 0.5}});
  CHECK(pending.expected_improvement({0, 1, 0.5}) == Approx(0));
  CHECK(pending.expected_improvement({0, 1, 0.25}) == Approx(0.9 * 0.75 - 0.9 * 0.5));
  const Surrogate failed(objectives, {}, {base, std::nullopt}, {{}, {0, 0, 0.5}});
  CHECK(failed.expected_improvement({0, 1, 0.5}) == Approx(0.9 * 0.5));
}

TEST_CASE("a net beyond a constraint dominates nothing") {
  const Surrogate surrogate(objectives, {}, {base, Candidate{{-0.9, 50}, 0.2}}, {{}, {0, 0, 0.5}});
  CHECK(surrogate.expected_improvement({0, 1, 0.5}) == Approx(0.9 * 0.5));
}

TEST_CASE("a cut that is expected to end beyond a constraint promises nothing") {
  const std::vector<search::Constraint> constraints{{"accuracy_val", false, 0.75}};
  const Candidate whole{{-0.9, 100, 0.9}, 0}, half{{-0.8, 50, 0.8}, 0};  // the last value is the accuracy that is bounded
  const Surrogate surrogate(objectives, constraints, {whole, half}, {{}, {0, 0, 0.5}});
  CHECK(surrogate.expected({1, 0, 0.5}).values[2] == Approx(0.7));
  CHECK(surrogate.expected({1, 0, 0.5}).violation == Approx(0.05 / 0.75));
  CHECK(surrogate.expected_improvement({1, 0, 0.5}) == 0);
  CHECK(surrogate.expected({1, 0, 0.8}).violation == 0);  // 0.322 of a halving: 0.768
  CHECK(surrogate.expected_improvement({1, 0, 0.8}) > 0);
  // Where the base is too large, nets that are being made count by what they are expected to cost, not by what the base does.
  const Candidate large{{-0.9, 100, 100}, 2.3};
  const Surrogate pending(objectives, {{"macs", true, 30}}, {large}, {{}, {0, 0, 0.25}});
  CHECK(pending.expected_improvement({0, 1, 0.25}) == Approx(0));
  CHECK(pending.expected_improvement({0, 0, 0.5}) == 0);
  CHECK(pending.expected_improvement({0, 0, 0.125}) > 0);
}
