#include "search/report/comparison.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "storage/base/error.h"

using search::Comparison;
using search::ComparisonGroup;
using search::MeasuredNet;
using search::Series;
using storage::Json;

namespace {

/// A net after a cut, with equal accuracy on validation and test data.
MeasuredNet cut(int step, double accuracy, double macs) {
  return {step, accuracy, accuracy, macs / 10, macs};
}

Series line(const char* criterion, const std::vector<std::vector<MeasuredNet>>& seeds) {
  Series made{std::string("slow / ") + criterion, criterion, "slow", "", {}, {}};
  for (std::size_t seed = 0; seed < seeds.size(); ++seed) made.nets[{static_cast<int>(seed), -1}] = seeds[seed];
  return made;
}

Series baseline(const std::vector<MeasuredNet>& seeds) {
  Series made{"tiny", "", "", "narrow-n", {}, {}};
  for (std::size_t seed = 0; seed < seeds.size(); ++seed) made.nets[{static_cast<int>(seed), -1}] = {seeds[seed]};
  return made;
}

ComparisonGroup group(std::vector<Series> searched, std::vector<Series> baselines = {}) {
  return {"t", "n", {}, std::move(searched), std::move(baselines)};
}

}  // namespace

// References: scipy 1.10, stats.ttest_rel([.881, .889, .875], [.87, .885, .861]) has p 0.08248060; with [.871, .879, .8651] for the second
// the differences are .01, .01, .0099: mean .0099667, standard error 3.3333e-5, t = 299 with 2 degrees of freedom.
TEST_CASE("two criteria are compared after the last cut of their schedule, seed by seed") {
  const auto one = line("a", {{cut(1, .95, 50), cut(2, .881, 20)}, {cut(2, .889, 20)}, {cut(2, .875, 20)}});
  const auto other = line("b", {{cut(2, .87, 20)}, {cut(2, .885, 20)}, {cut(2, .861, 20)}, {cut(2, .1, 20)}});
  const auto comparisons = search::compare({group({one, other})}, "");
  REQUIRE(comparisons.size() == 1);
  const Comparison& only = comparisons[0];
  CHECK(only.one == "a");
  CHECK(only.other == "b");
  CHECK(only.budget == "slow");
  CHECK(only.difference.n == 3);
  CHECK(only.difference.mean == Approx(0.0096666667));
  CHECK(only.p == Approx(0.0824806));
  CHECK(only.macs_ratio == Approx(1));
  CHECK(only.verdict == Comparison::Verdict::undecided);
  CHECK(search::to_json(comparisons)[0].at("difference") == Approx(0.96666667));  // points
}

TEST_CASE("a seed whose last cut failed is not compared by an earlier one") {
  Series one = line("a", {{cut(1, .9, 50), cut(2, .8, 20)}, {cut(1, .9, 50)}});
  const Series other = line("b", {{cut(1, .8, 50), cut(2, .7, 20)}, {cut(1, .8, 50), cut(2, .7, 20)}});
  one.unfinished = {{1, -1}};
  const auto comparisons = search::compare({group({one, other})}, "");
  REQUIRE(comparisons.size() == 1);
  CHECK(comparisons[0].difference.n == 1);
  CHECK(comparisons[0].macs_ratio == Approx(1));
}

TEST_CASE("the better of two is named where the difference is certain and it is not the larger") {
  const auto one = line("a", {{cut(1, .881, 20)}, {cut(1, .889, 20)}, {cut(1, .875, 20)}});
  const auto other = [](double macs) { return line("b", {{cut(1, .871, macs)}, {cut(1, .879, macs)}, {cut(1, .8651, macs)}}); };
  CHECK(search::compare({group({one, other(20)})}, "")[0].verdict == Comparison::Verdict::one);
  CHECK(search::compare({group({other(20), one})}, "")[0].verdict == Comparison::Verdict::other);
  CHECK(search::compare({group({one, other(10)})}, "")[0].verdict == Comparison::Verdict::unequal);
  CHECK(search::compare({group({one, other(40)})}, "")[0].verdict == Comparison::Verdict::one);
  CHECK(search::to_json(search::compare({group({one, other(20)})}, ""))[0].at("verdict") == "a");
}

TEST_CASE("one seed decides nothing") {
  const Json row = search::to_json(search::compare({group({line("a", {{cut(1, .9, 20)}}), line("b", {{cut(1, .1, 20)}})})}, ""))[0];
  CHECK(row.at("verdict") == "one seed");
  CHECK(row.at("low").is_null());
}

TEST_CASE("p values are corrected for all comparisons of a family") {
  // Three criteria make three pairs; a against b has the smallest p, which counts three times.
  const auto a = line("a", {{cut(1, .881, 20)}, {cut(1, .889, 20)}, {cut(1, .875, 20)}});
  const auto b = line("b", {{cut(1, .871, 20)}, {cut(1, .879, 20)}, {cut(1, .8651, 20)}});
  const auto c = line("c", {{cut(1, .87, 20)}, {cut(1, .885, 20)}, {cut(1, .861, 20)}});
  const auto comparisons = search::compare({group({a, b, c})}, "");
  REQUIRE(comparisons.size() == 3);
  CHECK(comparisons[0].p == Approx(3 * comparisons[0].difference.p));
  CHECK(comparisons[1].p == Approx(2 * 0.0824806));
  CHECK(search::compare({group({a, b, c})}, "b").size() == 2);
  CHECK_THROWS_AS(search::compare({group({a, b, c})}, "d"), storage::Error);
}

TEST_CASE("against a baseline the cut net of equal size is the most accurate that is small enough, of equal accuracy the smallest") {
  // All eight seeds: the baseline has 20 multiply-accumulates and .80. Of the cuts only that of 10 fits, and those of 40 and 100 are as
  // accurate.
  const std::vector<MeasuredNet> cuts{cut(0, .99, 200), cut(1, .95, 100), cut(2, .85, 40), cut(3, .70, 10)};
  const MeasuredNet small = cut(0, .80, 20);
  const auto comparisons = search::compare({group({line("a", std::vector(8, cuts))}, {baseline(std::vector(8, small))})}, "");
  REQUIRE(comparisons.size() == 3);
  CHECK(comparisons[0].budget == "MACs of tiny");
  CHECK(comparisons[0].difference.mean == Approx(-0.1));
  CHECK(comparisons[0].verdict == Comparison::Verdict::other);
  CHECK(comparisons[1].budget == "parameters of tiny");
  CHECK(comparisons[2].budget == "accuracy of tiny");
  CHECK(std::exp(comparisons[2].difference.mean) == Approx(2));
  CHECK(comparisons[2].difference.p == Approx(2 / 256.0));  // eight of eight are larger
  CHECK(comparisons[2].verdict == Comparison::Verdict::other);
}

TEST_CASE("one is compared against by its name in the comparison, or as trials have it") {
  const std::vector<MeasuredNet> cuts{cut(1, .85, 10)};
  const ComparisonGroup both = group({line("a", {cuts}), line("b", {cuts})}, {baseline({cut(0, .80, 20)})});
  CHECK(search::compare({both}, "").size() == 7);  // a with b, and each with the baseline thrice
  CHECK(search::compare({both}, "a").size() == 4);
  CHECK(search::compare({both}, "tiny").size() == 6);
  CHECK(search::compare({both}, "narrow-n").size() == 6);
  ComparisonGroup other = both;  // another net, whose baseline has the same name in the comparison
  other.net = "m";
  other.baselines[0].control = "narrow-m";
  CHECK(search::compare({both, other}, "tiny").size() == 12);
  const auto of_n = search::compare({both, other}, "narrow-n");
  CHECK(of_n.size() == 6);
  for (const Comparison& each : of_n) CHECK(each.net == "n");
}

TEST_CASE("a baseline that no cut net matches in size is not compared at that size") {
  const std::vector<MeasuredNet> cuts{cut(1, .5, 100)};
  const auto comparisons = search::compare({group({line("a", {cuts})}, {baseline({cut(0, .80, 20)})})}, "");
  REQUIRE(comparisons.size() == 1);
  CHECK(comparisons[0].budget == "accuracy of tiny");
  CHECK(comparisons[0].verdict == Comparison::Verdict::undecided);
  const std::vector<MeasuredNet> base{cut(0, .9, 100)};  // nothing was cut
  CHECK(search::compare({group({line("a", {base})}, {baseline({cut(0, .80, 20)})})}, "").empty());
}

TEST_CASE("a seed in which no cut is as accurate as the baseline counts against the criterion") {
  // In seven of ten seeds the cut net has .85 at a half of the baseline's size, in three none has its .80.
  std::vector<std::vector<MeasuredNet>> seeds(7, {cut(1, .85, 10)});
  seeds.insert(seeds.end(), 3, {cut(1, .70, 10)});
  const auto comparisons = search::compare({group({line("a", seeds)}, {baseline(std::vector(10, cut(0, .80, 20)))})}, "");
  REQUIRE(comparisons.size() == 3);
  CHECK(comparisons[2].budget == "accuracy of tiny");
  CHECK(comparisons[2].difference.n == 7);
  CHECK(comparisons[2].unmatched == 3);
  CHECK(comparisons[2].difference.p == Approx(2 * (1 + 10 + 45 + 120) / 1024.0));  // three of ten or fewer, on either side
  CHECK(comparisons[2].verdict == Comparison::Verdict::undecided);
  CHECK(search::to_json(comparisons)[2].at("unmatched") == 3);
}

TEST_CASE("who is smaller more often is smaller, whatever one seed does to the mean") {
  std::vector<std::vector<MeasuredNet>> seeds(11, {cut(1, .85, 18)});
  seeds.push_back({cut(1, .85, 100)});
  const auto comparisons = search::compare({group({line("a", seeds)}, {baseline(std::vector(12, cut(0, .80, 20)))})}, "");
  REQUIRE(comparisons.size() == 3);
  CHECK(comparisons[2].difference.mean > 0);
  CHECK(comparisons[2].verdict == Comparison::Verdict::one);
}

TEST_CASE("of one seed that has a match and many that have none the many decide") {
  std::vector<std::vector<MeasuredNet>> seeds(12, {cut(1, .70, 10)});
  seeds[0] = {cut(1, .85, 10)};
  const auto comparisons = search::compare({group({line("a", seeds)}, {baseline(std::vector(12, cut(0, .80, 20)))})}, "");
  REQUIRE(comparisons.size() == 3);
  CHECK(comparisons[2].difference.n == 1);
  CHECK(comparisons[2].verdict == Comparison::Verdict::other);
  CHECK(search::to_json(comparisons)[2].at("verdict") == "tiny");
}

TEST_CASE("two seeds that differ alike decide nothing, however many are compared") {
  std::vector<Series> lines;
  for (int i = 0; i < 5; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    lines.push_back(line(name.c_str(), {{cut(1, .80 + .01 * i, 20)}, {cut(1, .82 + .01 * i, 20)}}));
  }
  const auto comparisons = search::compare({group(lines)}, "");
  REQUIRE(comparisons.size() == 10);
  for (const Comparison& each : comparisons) {
    CHECK(each.verdict == Comparison::Verdict::undecided);
    CHECK_FALSE(each.difference.interval);
  }
}

TEST_CASE("a criterion none of whose cuts is as accurate as the baseline loses to it") {
  const auto comparisons = search::compare(
      {group({line("a", std::vector(12, std::vector{cut(1, .70, 10)}))}, {baseline(std::vector(12, cut(0, .80, 20)))})}, "");
  REQUIRE(comparisons.size() == 3);
  CHECK(comparisons[2].difference.n == 0);
  CHECK(comparisons[2].unmatched == 12);
  CHECK(comparisons[2].verdict == Comparison::Verdict::other);
  const Json row = search::to_json(comparisons)[2];
  CHECK(row.at("verdict") == "tiny");
  CHECK(row.at("difference").is_null());
  CHECK(row.at("macs_ratio").is_null());
}

TEST_CASE("a cut that is not measured yet speaks neither for nor against its criterion") {
  Series gentle = line("a", {{cut(1, .85, 18)}, {cut(0, .9, 100)}});
  gentle.unfinished = {{1, -1}};
  Series deep = line("a", {{cut(1, .60, 5)}, {cut(1, .60, 5)}});
  deep.name = "deep / a";
  deep.schedule = "deep";
  const auto comparisons = search::compare({group({gentle, deep}, {baseline({cut(0, .80, 20), cut(0, .80, 20)})})}, "");
  REQUIRE(comparisons.size() == 3);
  CHECK(comparisons[2].difference.n == 1);
  CHECK(comparisons[2].unmatched == 0);
}

TEST_CASE("cut nets are chosen on validation data and told by test data, each budget by its own size") {
  // Of {validation .90, test .80} and {.85, .95} the first is taken, though the second is better on test data; it has as many parameters as
  // the baseline and 4.5 % more multiply-accumulates, which count as the same size.
  const std::vector<MeasuredNet> cuts{{1, .90, .80, 2, 20.9}, {2, .85, .95, 1, 10}};
  const auto seeds = std::vector(6, cuts);
  const auto comparisons = search::compare({group({line("a", seeds)}, {baseline(std::vector(6, MeasuredNet{0, .75, .70, 2, 20}))})}, "");
  REQUIRE(comparisons.size() == 3);
  CHECK(comparisons[0].budget == "MACs of tiny");
  CHECK(comparisons[0].difference.mean == Approx(0.10));
  CHECK(comparisons[1].budget == "parameters of tiny");
  CHECK(comparisons[1].difference.mean == Approx(0.10));
}
