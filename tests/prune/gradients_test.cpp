#include "prune/gradients.h"

#include <torch/nn/utils/clip_grad.h>

#include <catch2/catch.hpp>
#include <cmath>

using torch::Tensor;

TEST_CASE("gradients are clipped by their common norm") {
  const std::vector<Tensor> gradients{torch::tensor({3.F}), torch::tensor({{0.F, 4.F}})};  // a norm of 5
  prune::clip_norm(gradients, 6);
  CHECK(gradients[1].equal(torch::tensor({{0.F, 4.F}})));
  prune::clip_norm(gradients, 1);
  CHECK(gradients[0].item<float>() == Approx(0.6));
  CHECK(gradients[1][0][1].item<float>() == Approx(0.8));
}

TEST_CASE("clipping leaves the bits that LibTorch's leaves, and passes over parameters without a gradient") {
  torch::manual_seed(3);
  std::vector<Tensor> ours, theirs;
  for (const std::int64_t size : {1, 7, 300, 4096}) {
    const Tensor gradient = torch::randn({size});
    ours.push_back(torch::zeros({size}));
    theirs.push_back(torch::zeros({size}));
    if (size == 7) continue;
    ours.back().mutable_grad() = gradient.clone();
    theirs.back().mutable_grad() = gradient;
  }
  const std::vector<Tensor> gradients = prune::defined_gradients(ours);
  CHECK(gradients.size() == 3);
  prune::clip_norm(gradients, 0.5);
  torch::nn::utils::clip_grad_norm_(theirs, 0.5);
  for (const std::size_t i : {0, 2, 3}) CHECK(ours[i].grad().equal(theirs[i].grad()));
}

TEST_CASE("gradients lose the scale of the loss, and those that are not finite are noticed") {
  const std::vector<Tensor> gradients{torch::tensor({-65536.F, 0.F}), torch::tensor({1e38F, 3e38F})};
  CHECK(prune::unscale(gradients, 65536));
  CHECK(gradients[0].equal(torch::tensor({-1.F, 0.F})));
  for (const float broken : {INFINITY, -INFINITY, NAN})
    CHECK_FALSE(prune::unscale({torch::tensor({1.F}), torch::tensor({0.F, broken, 1.F})}, 2));
  CHECK(prune::unscale({}, 2));
}
