#include "prune/weight_average.h"

#include <catch2/catch.hpp>

TEST_CASE("an average moves towards what is trained, and takes the rest over") {
  const eval::Weights average{
      {"a.weight", torch::tensor({1.F, 2.F})}, {"a.running_mean", torch::tensor({5.F})}, {"b.weight", torch::tensor({8.F})}};
  const eval::Weights now{{"a.weight", torch::tensor({3.F, 0.F}).requires_grad_()},
                          {"a.running_mean", torch::tensor({7.F})},
                          {"b.weight", torch::tensor({4.F}).requires_grad_()}};
  prune::update_average(average, now, 0.75);
  CHECK(average.at("a.weight").equal(torch::tensor({1.5F, 1.5F})));
  CHECK(average.at("b.weight").equal(torch::tensor({7.F})));
  CHECK(average.at("a.running_mean").equal(torch::tensor({7.F})));
  CHECK_FALSE(average.at("a.weight").requires_grad());
  prune::update_average(average, now, 0.25);  // (1.5 + 3 * 3) / 4
  CHECK(average.at("a.weight").equal(torch::tensor({2.625F, 0.375F})));
}
