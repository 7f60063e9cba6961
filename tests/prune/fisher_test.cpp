#include "prune/fisher.h"

#include <catch2/catch.hpp>
#include <limits>

using torch::Tensor;

namespace {

prune::Scatter scatter_of(const Tensor& firings, const Tensor& labels, std::int64_t classes, std::int64_t batch = 1000) {
  prune::ScatterAccumulator accumulator(classes, firings.size(1));
  for (std::int64_t i = 0; i < firings.size(0); i += batch)
    accumulator.add(firings.slice(0, i, std::min(i + batch, firings.size(0))), labels.slice(0, i, std::min(i + batch, firings.size(0))));
  return accumulator.scatter();
}

/// Four images, two classes. Neuron 0: {1, 3} and {5, 7}; neuron 1: {0, 2} and {0, 2}; neuron 2: constant.
const Tensor hand = torch::tensor({{1.F, 0.F, 4.F}, {3.F, 2.F, 4.F}, {5.F, 0.F, 4.F}, {7.F, 2.F, 4.F}});
const Tensor hand_labels = torch::tensor({0, 0, 1, 1}, torch::kInt64);

}  // namespace

TEST_CASE("scatter and utility equal the case worked by hand") {
  const prune::Scatter s = scatter_of(hand, hand_labels, 2);
  // Neuron 0: class means 2 and 6, mean 4: Sw = 4 * 1 = 4, Sb = 2 * 4 + 2 * 4 = 16. Neuron 1: Sw = 4, Sb = 0.
  CHECK(s.within_diagonal[0].item<double>() == Approx(4));
  CHECK(s.between_diagonal[0].item<double>() == Approx(16));
  CHECK(s.within_diagonal[1].item<double>() == Approx(4));
  CHECK(s.between_diagonal[1].item<double>() == Approx(0).margin(1e-12));
  CHECK(s.within[0][1].item<double>() == Approx(4));  // the deviations are (-1, 1) in both
  CHECK(s.between()[0][0].item<double>() == Approx(16));
  const Tensor v = prune::fisher_utility(s);
  CHECK(v[0].item<double>() == Approx(4));
  CHECK(v[1].item<double>() == Approx(0).margin(1e-12));
  CHECK(v[2].item<double>() == 0);  // no variance
}

TEST_CASE("firings that are not finite are refused") {
  for (const float broken : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Tensor firings = hand.clone();
    firings[2][1] = broken;
    CHECK_THROWS_WITH(scatter_of(firings, hand_labels, 2), Catch::Contains("not finite: the net's training diverged"));
  }
}

TEST_CASE("one pass over batches equals all at once, far from the origin too") {
  torch::manual_seed(2);
  const Tensor labels = torch::randint(0, 3, {200}, torch::kInt64);
  const Tensor x = torch::randn({200, 5}, torch::kFloat64) + labels.unsqueeze(1) + 1e4;
  const prune::Scatter all = scatter_of(x, labels, 3), streamed = scatter_of(x, labels, 3, 7);
  CHECK(torch::allclose(all.within, streamed.within, 1e-8));
  CHECK(torch::allclose(all.within.diagonal(), all.within_diagonal, 1e-8));
  CHECK(torch::allclose(all.between_diagonal, streamed.between_diagonal, 1e-8));
  // Total scatter about the mean, directly.
  const Tensor centred = x - x.mean(0);
  CHECK(torch::allclose(all.within + all.between(), centred.t().matmul(centred), 1e-6));
}

TEST_CASE("utility does not change when a neuron is rescaled") {
  const Tensor v = prune::fisher_utility(scatter_of(hand, hand_labels, 2));
  const Tensor scaled = prune::fisher_utility(scatter_of(hand * torch::tensor({250.F, 0.01F, 1.F}), hand_labels, 2));
  CHECK(scaled[0].item<double>() == Approx(v[0].item<double>()));
  CHECK(scaled[1].item<double>() == Approx(v[1].item<double>()).margin(1e-12));
}

TEST_CASE("the later of two equal neurons has no utility, and one that never varies within a class has all") {
  const Tensor x = torch::tensor({{1.F, 1.F, 0.F}, {3.F, 3.F, 0.F}, {5.F, 5.F, 9.F}, {7.F, 7.F, 9.F}});
  const Tensor v = prune::fisher_utility(scatter_of(x, hand_labels, 2));
  CHECK(v[0].item<double>() == Approx(4));
  CHECK(v[1].item<double>() == 0);
  CHECK(v[2].item<double>() == std::numeric_limits<double>::infinity());
}

TEST_CASE("the fewest neurons that decide as well are selected") {
  torch::manual_seed(4);
  const Tensor labels = torch::randint(0, 2, {400}, torch::kInt64);
  Tensor x = torch::randn({400, 6});
  x.select(1, 4) += labels * 20;  // one neuron tells the classes apart, five are noise
  const prune::Scatter s = scatter_of(x, labels, 2);
  const prune::Selection selection = prune::select_neurons(s, prune::fisher_utility(s), x, labels, 0.99);
  CHECK(selection.neurons == std::vector<std::int64_t>{4});
  CHECK(selection.accuracy == 1);
  CHECK(selection.reached);
  CHECK_FALSE(prune::select_neurons(s, prune::fisher_utility(s), torch::randn({400, 6}), labels, 0.99).reached);
}

TEST_CASE("the projection's square is R^-1 - (R + B)^-1, scaled back") {
  torch::manual_seed(6);
  const Tensor labels = torch::randint(0, 3, {300}, torch::kInt64);
  const Tensor x = torch::randn({300, 4}, torch::kFloat64).matmul(torch::randn({4, 4}, torch::kFloat64)) +
                   labels.unsqueeze(1) * torch::tensor({1., 0., 2., -1.});
  const prune::Scatter s = scatter_of(x, labels, 3);
  const Tensor a = prune::wilks_projection(s, 0.01);
  CHECK(a.size(1) == 2);  // K - 1
  const Tensor d = torch::diag((s.within_diagonal / 300).rsqrt());
  const Tensor r = d.matmul(s.within / 300).matmul(d) + 0.01 * torch::eye(4, torch::kFloat64);
  const Tensor b = d.matmul(s.between() / 300).matmul(d);
  const Tensor m = d.matmul(torch::inverse(r) - torch::inverse(r + b)).matmul(d);
  CHECK(torch::allclose(a.matmul(a.t()), m, 1e-6, 1e-9));
}

TEST_CASE("what decides by the selected neurons counts how often classes come, by hand") {
  // Class 0 is -1 or 1, three times each, class 1 is 2 or 4: means 0 and 3, the variance within is 8 / 8. The border is where the densities
  // stand as 2 to 6: at 1.5 + ln(3) / 3 = 1.87, not at 1.5.
  const Tensor x = torch::tensor({-1.F, -1.F, -1.F, 1.F, 1.F, 1.F, 2.F, 4.F}).view({8, 1});
  const prune::Scatter s = scatter_of(x, torch::tensor({0, 0, 0, 0, 0, 0, 1, 1}, torch::kInt64), 2);
  const prune::Selection found =
      prune::select_neurons(s, prune::fisher_utility(s), torch::tensor({1.7F, 1.9F}).view({2, 1}), torch::tensor({0, 1}, torch::kInt64), 1);
  CHECK(found.accuracy == 1);
  CHECK(found.reached);
}
