#include "prune/magnitude.h"

#include <catch2/catch.hpp>

#include "support/tiny_training.h"

using torch::Tensor;

namespace {

eval::Net small_net(const std::vector<float>& filters, const std::vector<float>& head) {
  eval::NetBuilder builder("small", {1, 1, 1});
  builder.linear("fc", builder.flatten("flatten", builder.convolution("conv", 0, 2, {})), 2);
  return {std::move(builder).build(),
          {{"conv.weight", torch::tensor(filters).view({2, 1, 1, 1})},
           {"conv.bias", torch::tensor({0.1F, 0.F})},
           {"fc.weight", torch::tensor(head).view({2, 2})},
           {"fc.bias", torch::zeros({2})}}};
}

/// Weights of conv and fc in one row.
Tensor thinned(const eval::Net& net, double keep, const char* scope) {
  const eval::Weights weights = prune::zero_least(net.spec(), net.weights(), keep, {{"scope", scope}}).weights;
  CHECK(weights.at("conv.bias").equal(torch::tensor({0.1F, 0.F})));
  return at::cat({weights.at("conv.weight").flatten(), weights.at("fc.weight").flatten()});
}

}  // namespace

TEST_CASE("the weights of least magnitude become 0, of each layer or of all") {
  const eval::Net net = small_net({3, -2.5}, {0.5, -4, 2, 1});
  CHECK(thinned(net, 0.5, "layer").equal(torch::tensor({3.F, 0.F, 0.F, -4.F, 2.F, 0.F})));
  CHECK(thinned(net, 0.5, "global").equal(torch::tensor({3.F, -2.5F, 0.F, -4.F, 0.F, 0.F})));
  CHECK(thinned(net, 1, "layer").equal(torch::tensor({3.F, -2.5F, 0.5F, -4.F, 2.F, 1.F})));
  CHECK(thinned(net, 1e-6, "layer").equal(torch::tensor({3.F, 0.F, 0.F, -4.F, 0.F, 0.F})));  // one of each layer stays
  CHECK(thinned(small_net({1, 1}, {1, -1, 1, -1}), 0.5, "layer").equal(torch::tensor({0.F, 1.F, 0.F, 0.F, 1.F, -1.F})));
  const prune::Sparse sparse = prune::zero_least(net.spec(), net.weights(), 0.5, {{"scope", "global"}});
  CHECK(sparse.zeros == 3);
  CHECK(sparse.total == 6);
  CHECK(sparse.sparsity() == 0.5);
  CHECK(net.weights().at("fc.weight")[0][0].item<float>() == 0.5F);  // the net that was given is as it was
}

TEST_CASE("protected layers keep their weights, and the share is of the others'") {
  const eval::Net net = small_net({3, -2.5}, {0.5, -4, 2, 1});
  for (const char* scope : {"layer", "global"}) {
    INFO(scope);
    const auto thinned_but = [&](const std::vector<std::string>& protect) {
      return prune::zero_least(net.spec(), net.weights(), 0.5, {{"scope", scope}}, protect);
    };
    const prune::Sparse head = thinned_but({"fc", "of another net"});
    CHECK(head.weights.at("conv.weight").flatten().equal(torch::tensor({3.F, 0.F})));
    CHECK(head.weights.at("fc.weight").flatten().equal(torch::tensor({0.5F, -4.F, 2.F, 1.F})));
    CHECK(head.zeros == 1);
    CHECK(head.total == 6);
    const prune::Sparse first = thinned_but({"conv"});
    CHECK(first.weights.at("conv.weight").flatten().equal(torch::tensor({3.F, -2.5F})));
    CHECK(first.weights.at("fc.weight").flatten().equal(torch::tensor({0.F, -4.F, 2.F, 0.F})));
    CHECK(thinned_but({"conv", "fc"}).zeros == 0);
  }
}

TEST_CASE("a second cut takes the zeros of the first before others") {
  const eval::Net net = small_net({3, -2.5}, {0.5, -4, 2, 1});
  const eval::Weights once = prune::zero_least(net.spec(), net.weights(), 0.5, {{"scope", "layer"}}).weights;
  const prune::Sparse twice = prune::zero_least(net.spec(), once, 0.25, {{"scope", "layer"}});
  CHECK(twice.weights.at("fc.weight").flatten().equal(torch::tensor({0.F, -4.F, 0.F, 0.F})));
}

TEST_CASE("weights that were taken stay 0 in training, and the others move") {
  const support::TinyTraining setting;
  const eval::Net dense = setting.fresh();
  const eval::Weights start = prune::zero_least(dense.spec(), dense.weights(), 0.3, {{"scope", "layer"}}).weights;
  for (const double ema : {0.0, 0.9}) {
    for (const bool keeps : {true, false}) {
      eval::Net net(setting.spec, eval::clone(start));
      prune::TrainTask task = setting.task(2);
      task.options.ema = ema;
      task.keep_zeros = keeps;
      REQUIRE(prune::train(net, task).best_epoch > 0);
      for (const char* layer : {"conv1.weight", "conv2.weight", "fc.weight"}) {
        INFO(layer << " " << ema);
        const Tensor taken = start.at(layer).eq(0), now = net.weights().at(layer);
        CHECK(now.masked_select(taken).eq(0).all().item<bool>() == keeps);
        CHECK(now.ne(start.at(layer)).masked_select(taken.logical_not()).any().item<bool>());
      }
    }
  }
}
