#include "eval/accuracy.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>

#include "support/tiny_data.h"
#include "support/tiny_nets.h"

using eval::Quality;

namespace {

/// Scores whose softmax is these probabilities.
torch::Tensor scores_of(const std::vector<std::vector<double>>& probabilities) {
  std::vector<torch::Tensor> rows;
  for (const auto& row : probabilities) rows.push_back(torch::tensor(row, torch::kFloat64));
  return at::stack(rows).log().to(torch::kFloat32);
}

torch::Tensor labels_of(const std::vector<std::int64_t>& labels) {
  return torch::tensor(labels, torch::kInt64);
}

}  // namespace

TEST_CASE("accuracies, recalls and confusion by hand") {
  // Predictions 0, 0, 2, 1 for labels 0, 0, 1, 2; a fourth class has no image.
  const Quality quality = eval::quality_of(
      scores_of({{0.7, 0.1, 0.1, 0.1}, {0.4, 0.3, 0.2, 0.1}, {0.1, 0.2, 0.6, 0.1}, {0.1, 0.6, 0.2, 0.1}}), labels_of({0, 0, 1, 2}));
  CHECK(quality.images == 4);
  CHECK(quality.accuracy == 0.5);
  CHECK(quality.one_off == 1);
  CHECK(quality.top5 == 1);  // of four classes
  CHECK(quality.balanced_accuracy == Approx(1.0 / 3));
  CHECK(quality.recall[0] == 1);
  CHECK(quality.recall[1] == 0);
  CHECK(std::isnan(quality.recall[3]));
  std::map<std::pair<int, int>, std::int64_t> confusion;
  for (const eval::Confusion& pair : quality.confusion) confusion[{pair.truth, pair.predicted}] = pair.images;
  CHECK(confusion == std::map<std::pair<int, int>, std::int64_t>{{{0, 0}, 2}, {{1, 2}, 1}, {{2, 1}, 1}});
  CHECK(quality.loss == Approx(-(std::log(0.7) + std::log(0.4) + std::log(0.2) + std::log(0.2)) / 4));
}

TEST_CASE("one off is a neighbour, not more") {
  const Quality quality = eval::quality_of(scores_of({{0.8, 0.1, 0.1}, {0.8, 0.1, 0.1}, {0.1, 0.1, 0.8}}), labels_of({1, 2, 2}));
  CHECK(quality.accuracy == Approx(1.0 / 3));
  CHECK(quality.one_off == Approx(2.0 / 3));
}

TEST_CASE("top 5 looks at the five highest of many") {
  std::vector<double> row;
  for (int c = 0; c < 10; ++c) row.push_back((10 - c) / 55.0);  // classes in falling order
  const Quality quality = eval::quality_of(scores_of({row, row, row, row}), labels_of({0, 4, 5, 9}));
  CHECK(quality.accuracy == 0.25);
  CHECK(quality.top5 == 0.5);
}

TEST_CASE("the calibration error by hand") {
  // Bins of 1/15: confidence 0.9 is in (13/15, 14/15], 0.6 in (8/15, 9/15]. Of two with 0.9 one is right: |1.8 - 1|; of two with 0.6 both:
  // |1.2 - 2|.
  const Quality quality = eval::quality_of(scores_of({{0.9, 0.1}, {0.9, 0.1}, {0.6, 0.4}, {0.6, 0.4}}), labels_of({0, 1, 0, 0}));
  CHECK(quality.calibration_error == Approx((0.8 + 0.8) / 4).epsilon(1e-5));
}

TEST_CASE("a net whose scores are NaN has a quality: it says the first class without confidence") {
  // The first image is in (13/15, 14/15], right with confidence 0.9; the other two have none, and one of them is of the first class.
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const torch::Tensor scores = at::cat({scores_of({{0.9, 0.1}}), torch::full({2, 2}, nan)});
  const Quality quality = eval::quality_of(scores, labels_of({0, 1, 0}));
  CHECK(quality.images == 3);
  CHECK(quality.accuracy == Approx(2.0 / 3));
  CHECK(std::isnan(quality.loss));
  CHECK(quality.calibration_error == Approx((0.1 + 1) / 3).epsilon(1e-5));
}

TEST_CASE("the whole quality and the two numbers of training agree") {
  const support::TinyData data = support::squares(4, 70);  // more than a batch of 250
  const eval::Normalisation normalisation = eval::measure_normalisation(data);
  const eval::NetSpec spec = support::plain_net();
  const eval::Net net(spec, eval::initial_weights(spec, 1));
  const auto images = data.split(eval::Split::test);
  const eval::Evaluation evaluation = eval::evaluate(net, data, normalisation, images);
  const Quality quality = eval::measure_quality(net, data, normalisation, images);
  CHECK(quality.images == 280);
  CHECK(quality.accuracy == evaluation.accuracy);
  CHECK(quality.loss == Approx(evaluation.loss));
  std::int64_t pairs = 0;
  for (const eval::Confusion& pair : quality.confusion) pairs += pair.images;
  CHECK(pairs == 280);
}

TEST_CASE("trained weights serve another head: the last layer starts anew, nothing else may differ") {
  eval::NetSpec spec = support::plain_net();
  const eval::Weights trained = eval::initial_weights(spec, 1), fresh = eval::initial_weights(spec, 2);
  CHECK(eval::starting_weights(spec, eval::clone(trained), fresh).fresh_layer.empty());
  const std::string head = eval::filter_layers(spec).back();
  eval::Weights other = eval::clone(trained);
  other[head + ".weight"] = torch::zeros({7, trained.at(head + ".weight").size(1)});
  other[head + ".bias"] = torch::zeros({7});
  eval::StartingWeights start = eval::starting_weights(spec, other, fresh);
  CHECK(start.fresh_layer == head);
  CHECK(start.weights.at(head + ".weight").equal(fresh.at(head + ".weight")));
  const std::string first = eval::filter_layers(spec).front();
  CHECK(start.weights.at(first + ".weight").equal(trained.at(first + ".weight")));
  CHECK_NOTHROW(eval::Net(spec, start.weights));
  other[first + ".weight"] = torch::zeros({1});
  CHECK_THROWS(eval::Net(spec, eval::starting_weights(spec, other, fresh).weights));
}
