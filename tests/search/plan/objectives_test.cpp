#include "search/plan/pareto.h"

#include <catch2/catch.hpp>
#include <cmath>

using search::Candidate;
using search::Constraint;

namespace {

std::vector<Candidate> points(const std::vector<std::vector<double>>& values) {
  std::vector<Candidate> candidates;
  for (const auto& point : values) candidates.push_back({point, 0});
  return candidates;
}

storage::StageStatus net(double accuracy, std::int64_t params, std::int64_t macs) {
  storage::StageStatus status;
  status.state = storage::StageState::done;
  status.accuracy_val = accuracy;
  status.params = params;
  status.macs = macs;
  return status;
}

}  // namespace

TEST_CASE("constraints are parsed and checked") {
  const Constraint macs = search::parse_constraint(" macs<=2.0e8 ");
  CHECK(macs.metric == "macs");
  CHECK(macs.at_most);
  CHECK(macs.bound == 2e8);
  CHECK_FALSE(search::parse_constraint("accuracy_val >= 0.9").at_most);
  CHECK(search::to_string(search::parse_constraint("accuracy_val>=0.9")) == "accuracy_val >= 0.9");
  for (const char* wrong : {"macs", "macs <", "macs < 3", "macs <= ", "macs <= 3 4", "<= 3", "macs <= inf", "macs = 3"})
    CHECK_THROWS(search::parse_constraint(wrong));
  CHECK_THROWS_WITH(search::parse_constraint("mac <= 3"), Catch::Contains("did you mean 'macs'"));
  CHECK_THROWS_WITH(search::parse_constraint("val/acuracy >= 0.9"), Catch::Contains("did you mean 'val/accuracy'"));
  for (const char* storable : {"val/loss <= 1", "val/accuracy_before_retraining >= 0.1", "train/images_per_s >= 100"})
    CHECK_NOTHROW(search::parse_constraint(storable));
  for (const char* never : {"train/loss <= 1", "train/images_per_s_fp32 >= 1", "latency_ms/batch1 <= 3", "/loss <= 1", "val/ <= 1"})
    CHECK_THROWS(search::parse_constraint(never));  // of epochs only, of a stage that makes no net, of no split
  CHECK(search::constraint_from_string("val/acuracy >= 0.9").metric == "val/acuracy");  // an older run's
  CHECK_THROWS_WITH(search::parse_constraint("test/accuracy >= 0.9"), Catch::Contains("would choose by test data"));
}

TEST_CASE("a candidate has its objectives turned so that less is better, and how far it is from feasible") {
  const std::vector<search::Objective> objectives{{"accuracy_val", true}, {"macs", false}};
  const std::vector<Constraint> constraints{{"macs", true, 100}, {"accuracy_val", false, 0.8}};
  const auto inside = search::candidate(net(0.9, 5, 100), objectives, constraints);
  REQUIRE(inside);
  CHECK(inside->values == std::vector<double>{-0.9, 100});
  CHECK(inside->violation == 0);
  CHECK(search::candidate(net(0.6, 5, 150), objectives, constraints)->violation == Approx(0.5 + 0.25));
  CHECK_FALSE(search::candidate(net(0.9, 5, 100), {{"val/loss", false}}, {}));  // not stored
}

TEST_CASE("fronts and crowding of five nets, by hand") {
  // a (1,5), b (2,3), c (4,1) dominate nothing of each other; d (3,4) is dominated by b; e (5,5) by all, d too.
  const auto nets = points({{1, 5}, {2, 3}, {4, 1}, {3, 4}, {5, 5}});
  const std::vector<int> fronts = search::front_numbers(nets);
  CHECK(fronts == std::vector<int>{0, 0, 0, 1, 2});
  const std::vector<double> crowding = search::crowding_distances(nets, fronts);
  CHECK(std::isinf(crowding[0]));
  CHECK(std::isinf(crowding[2]));
  CHECK(crowding[1] == Approx((4.0 - 1) / 3 + (5.0 - 1) / 4));
  CHECK(search::ranking(nets) == std::vector<int>{0, 2, 1, 3, 4});
}

TEST_CASE("a front is told in the order of its values, equal nets with it") {
  auto nets = points({{4, 1}, {2, 3}, {3, 4}, {1, 5}, {2, 3}, {5, 5}, {1, 6}});
  CHECK(search::pareto_front(nets) == std::vector<std::size_t>{3, 1, 4, 0});
  nets[3].violation = 1;
  CHECK(search::pareto_front(nets) == std::vector<std::size_t>{6, 1, 4, 0});
  CHECK(search::pareto_front({}).empty());
  CHECK(search::pareto_front(points({{1, 2, 3}, {2, 1, 3}, {1, 2, 2}, {3, 3, 3}})) == std::vector<std::size_t>{2, 1});
}

TEST_CASE("a net whose objective is no number cannot be compared") {
  CHECK_FALSE(search::candidate(net(NAN, 5, 100), {{"accuracy_val", true}}, {}));
  CHECK_FALSE(search::candidate(net(NAN, 5, 100), {{"macs", false}}, {{"accuracy_val", false, 0.5}}));
}

TEST_CASE("a feasible net is before any that is not") {
  std::vector<Candidate> nets = points({{1, 1}, {9, 9}, {2, 2}});
  nets[0].violation = 0.5;
  nets[2].violation = 0.1;
  CHECK(search::front_numbers(nets) == std::vector<int>{2, 0, 1});
}

TEST_CASE("hypervolumes of boxes, by hand") {
  CHECK(search::hypervolume({}, {1, 1}) == 0);
  CHECK(search::hypervolume({{0.25, 0.5}}, {1, 1}) == Approx(0.375));
  // Two boxes of 0.75 x 0.5 and 0.5 x 0.75 that share 0.5 x 0.5; the third is inside, the last beyond the reference.
  CHECK(search::hypervolume({{0.25, 0.5}, {0.5, 0.25}, {0.5, 0.5}, {2, 0}}, {1, 1}) == Approx(0.375 + 0.375 - 0.25));
  // Three dimensions: a cube of side 1 and a slab 2 x 2 x 0.5 that share 1 x 1 x 0.5.
  CHECK(search::hypervolume({{1, 1, 1}, {0, 0, 1.5}}, {2, 2, 2}) == Approx(1 + 2 - 0.5));
}
