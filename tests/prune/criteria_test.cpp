#include <catch2/catch.hpp>
#include <random>

#include "prune/batch_norm.h"
#include "prune/criteria/catalog.h"
#include "prune/criteria/criterion.h"
#include "prune/criteria/scoring.h"
#include "storage/base/error.h"
#include "support/tiny_data.h"
#include "support/tiny_nets.h"

using storage::Json;
using torch::Tensor;

namespace {

Json checked(const std::string& name, const Json& given = Json::object()) {
  return storage::check_options(prune::criterion_entry(name).options, given, name);
}

prune::Scoring score(const std::string& name, const Json& options, const eval::Net& net, const eval::Dataset& data,
                     std::uint64_t seed = 1) {
  const prune::ChannelGroups groups = prune::channel_groups(net.spec());
  const eval::Normalisation normalisation = eval::measure_normalisation(data);
  return prune::make_criterion(name, checked(name, options))->score({net, groups, &data, normalisation, seed});
}

/// Two channels: the first tells the two classes apart by its mean, the second is noise.
support::TinyData signal_and_noise() {
  support::TinyData data({2, 4, 4}, 2);
  std::mt19937_64 random(9);
  for (eval::Split split : {eval::Split::train, eval::Split::validation})
    for (int i = 0; i < 200; ++i) {
      std::vector<std::uint8_t> pixels;
      for (int p = 0; p < 16; ++p) pixels.push_back(static_cast<std::uint8_t>((i % 2 ? 160 : 60) + random() % 30));
      for (int p = 0; p < 16; ++p) pixels.push_back(static_cast<std::uint8_t>(random() % 256));
      data.add(split, i % 2, std::move(pixels));
    }
  return data;
}

/// 1x1 filters 0, 1 read the signal and 2, 3 the noise; the second layer keeps them apart; the head reads all alike.
eval::Net planted_net() {
  eval::NetBuilder builder("planted", {2, 4, 4});
  int x = builder.relu("relu1", builder.convolution("conv1", 0, 4, {1, 1, 0}));
  x = builder.relu("relu2", builder.convolution("conv2", x, 4, {1, 1, 0}));
  builder.linear("fc", builder.flatten("flatten", builder.adaptive_average_pool("global", x, 1)), 2);
  return {std::move(builder).build(),
          {{"conv1.weight", torch::tensor({{1.F, 0.F}, {-1.F, 0.F}, {0.F, 1.F}, {0.F, -1.F}}).view({4, 2, 1, 1})},
           {"conv1.bias", torch::full({4}, 0.5F)},
           {"conv2.weight", torch::eye(4).view({4, 4, 1, 1})},
           {"conv2.bias", torch::zeros({4})},
           {"fc.weight", torch::tensor({{1.F, -1.F, 1.F, -1.F}, {-1.F, 1.F, -1.F, 1.F}})},
           {"fc.bias", torch::zeros({2})}}};
}

}  // namespace

TEST_CASE("planted noise channels get the lowest scores from both variants of lda") {
  const support::TinyData data = signal_and_noise();
  const eval::Net net = planted_net();
  for (const Json& options : {Json{{"variant", "paper"}, {"select", 2}}, Json{{"variant", "wilks"}}}) {
    const prune::Scores scores = score("lda", options, net, data).scores;
    for (int layer : {1, 2}) {
      INFO(options.dump() << " layer " << layer);
      CHECK(std::max(scores[layer][2], scores[layer][3]) < 0.2 * std::min(scores[layer][0], scores[layer][1]));
    }
  }
}

TEST_CASE("the paper's variant reports what it found in the pre-decision layer") {
  const Json details = score("lda", {{"select", 1}}, planted_net(), signal_and_noise()).details;
  CHECK(details["layer"] == "flatten");
  REQUIRE(details["v"].size() == 4);
  CHECK(details["v"][0].get<double>() == Approx(details["between"][0].get<double>() / details["within"][0].get<double>()));
  CHECK(details["selected"].size() == 1);
  CHECK(details["selected"][0].get<int>() < 2);
}

TEST_CASE("l1 is the sum of a filter's absolute weights, over the layer's norm") {
  eval::Weights weights = eval::clone(planted_net().weights());
  weights.at("conv1.weight")[2] = torch::tensor({-3.F, 0.25F}).view({2, 1, 1});
  const prune::Scores scores = score("l1", Json::object(), eval::Net(planted_net().spec(), weights), signal_and_noise()).scores;
  CHECK(scores[2] == std::vector<double>{0.5, 0.5, 0.5, 0.5});
  CHECK(scores[1][2] == Approx(3.25 / std::sqrt(1 + 1 + 3.25 * 3.25 + 1)));
}

/// Three 1x1 filters over one grey image, batch norm, and a head.
eval::Net three_filters() {
  eval::NetBuilder builder("three", {1, 1, 1});
  const int conv = builder.batch_norm("bn", builder.convolution("conv", 0, 3, {1, 1, 0}, false));
  builder.linear("fc", builder.flatten("flatten", builder.relu("relu", conv)), 2);
  return {std::move(builder).build(),
          {{"conv.weight", torch::tensor({1.F, -2.F, 4.F}).view({3, 1, 1, 1})},
           {"bn.weight", torch::tensor({0.5F, -3.F, 0.1F})},
           {"bn.bias", torch::tensor({1.F, -1.F, 2.F})},
           {"bn.running_mean", torch::zeros({3})},
           {"bn.running_var", torch::full({3}, 1 - 1e-5)},
           {"fc.weight", torch::tensor({{3.F, 0.F, 1.F}, {4.F, 2.F, -1.F}})},
           {"fc.bias", torch::zeros({2})}}};
}

support::TinyData two_images() {
  support::TinyData data({1, 1, 1}, 2);
  for (const int value : {0, 255}) data.add(eval::Split::train, 0, {static_cast<std::uint8_t>(value)});
  return data;
}

/// Scores of the one group that can be cut.
std::vector<double> scores_of(const std::string& name, const Json& options, const eval::Net& net, const eval::Dataset& data) {
  return score(name, options, net, data).scores[1];
}

void is_near(const std::vector<double>& scores, const std::vector<double>& expected) {
  REQUIRE(scores.size() == expected.size());
  for (std::size_t i = 0; i < scores.size(); ++i) CHECK(scores[i] == Approx(expected[i]).epsilon(1e-5).margin(1e-12));
}

TEST_CASE("criteria of weights, by hand") {
  const eval::Net net = three_filters();
  const support::TinyData data = two_images();
  // Filters 1, 2, 4 of norm sqrt(21); the weights that read them: (3, 4), (0, 2), (1, -1), norms 5, 2, sqrt(2) of norm sqrt(31).
  const double own = std::sqrt(21), read = std::sqrt(31);
  is_near(scores_of("l2", {{"readers", false}}, net, data), {1 / own, 2 / own, 4 / own});
  is_near(scores_of("l2", Json::object(), net, data),
          {(1 / own + 5 / read) / 2, (2 / own + 2 / read) / 2, (4 / own + std::sqrt(2) / read) / 2});
  is_near(scores_of("bn_scale", Json::object(), net, data), {0.5, 3, 0.1});
  // Distances: 3 and 3; 3 and 6; 3 and 6 -> 6, 9, 9 of norm sqrt(198).
  is_near(scores_of("fpgm", Json::object(), net, data), {6 / std::sqrt(198), 9 / std::sqrt(198), 9 / std::sqrt(198)});
  // Squares 1, 4, 16: over themselves and what is larger 1/21, 4/20, 16/16.
  is_near(scores_of("lamp", Json::object(), net, data), {1.0 / 21, 0.2, 1});
}

TEST_CASE("a channel's places behind a flatten are read as one") {
  // Filters 3 and 4 of norm 5. Of maps of 1 x 2 the head reads channel 0 by 12 alone, channel 1 by 3 and 4: norms 12 and 5 of norm 13, sums
  // 12 and 7 of norm sqrt(193).
  eval::NetBuilder builder("places", {1, 1, 2});
  const int x = builder.flatten("flatten", builder.relu("relu", builder.convolution("conv", 0, 2, {1, 1, 0}, false)));
  builder.linear("fc", builder.dropout("dropout", x, 0.5), 2);
  const eval::Net net(std::move(builder).build(), {{"conv.weight", torch::tensor({3.F, -4.F}).view({2, 1, 1, 1})},
                                                   {"fc.weight", torch::tensor({{12.F, 0.F, 3.F, 0.F}, {0.F, 0.F, 0.F, -4.F}})},
                                                   {"fc.bias", torch::zeros({2})}});
  support::TinyData data({1, 1, 2}, 2);
  for (const int value : {0, 255}) data.add(eval::Split::train, 0, std::vector<std::uint8_t>(2, static_cast<std::uint8_t>(value)));
  is_near(scores_of("l2", Json::object(), net, data), {(3.0 / 5 + 12.0 / 13) / 2, (4.0 / 5 + 5.0 / 13) / 2});
  const double read = std::sqrt(193);
  is_near(scores_of("l1", {{"readers", true}}, net, data), {(3.0 / 5 + 12 / read) / 2, (4.0 / 5 + 7 / read) / 2});
}

TEST_CASE("criteria of activations, by hand") {
  const eval::Net net = three_filters();
  const support::TinyData data = two_images();
  // The pixels become -1 and 1, the convolution -1, 2, -4 and 1, -2, 4; batch norm: 0.5, -7, 1.6 and 1.5, 5, 2.4; the ReLU cuts off -7.
  is_near(scores_of("apoz", Json::object(), net, data), {1, 0.5, 1});
  // Scores of the first image: 3 * 0.5 + 1.6 = 3.1 and 4 * 0.5 - 1.6 = 0.4; of the second 6.9 and 6 + 10 - 2.4 = 13.6. Softmax of the wrong
  // class: q. Gradients by the activation: q (w1 - w0) = q (1, 2, -2). Effects: a times that; half of the mean square.
  const double q1 = 1 / (1 + std::exp(2.7)), q2 = 1 / (1 + std::exp(-6.7));
  is_near(scores_of("fisher", Json::object(), net, data),
          {(0.25 * q1 * q1 + 2.25 * q2 * q2) / 4, 100 * q2 * q2 / 4, (10.24 * q1 * q1 + 23.04 * q2 * q2) / 4});
  // By the weights, one minibatch: the mean of both images' gradients; da/dw = gamma x where the ReLU lets it through.
  const double first = (0.5 * -1 * q1 + 0.5 * q2) / 2, second = (-3 * 2 * q2) / 2, third = (0.1 * -2 * -1 * q1 + 0.1 * -2 * q2) / 2;
  is_near(scores_of("taylor_weight", Json::object(), net, data), {first * first, 4 * second * second, 16 * third * third});
}

TEST_CASE("reconstruct is the readers' error at which a channel goes, by hand") {
  // Both channels are -1 or 1 in every combination, so they are orthogonal: the head loses 9 of 25 with the first, which it reads by 3, and
  // 16 with the second. The least goes first; with both gone all of the variance is lost.
  support::TinyData data({2, 1, 1}, 2);
  for (int i = 0; i < 4; ++i)
    data.add(eval::Split::train, 0, {static_cast<std::uint8_t>(255 * (i % 2)), static_cast<std::uint8_t>(255 * (i / 2))});
  eval::NetBuilder builder("two", {2, 1, 1});
  builder.linear("fc", builder.flatten("flatten", builder.convolution("conv", 0, 2, {1, 1, 0})), 2);
  const eval::Net net(std::move(builder).build(), {{"conv.weight", torch::eye(2).view({2, 2, 1, 1})},
                                                   {"conv.bias", torch::tensor({5.F, -7.F})},
                                                   {"fc.weight", torch::tensor({{3.F, 0.F}, {0.F, 4.F}})},
                                                   {"fc.bias", torch::tensor({1.F, 2.F})}});
  is_near(scores_of("reconstruct", {{"ridge", 1e-9}}, net, data), {9.0 / 25, 1});
}

TEST_CASE("channels that are linear combinations of others cost no reconstruction and go first") {
  std::mt19937_64 random(4);
  support::TinyData data({2, 6, 6}, 2);
  for (int i = 0; i < 40; ++i) {
    std::vector<std::uint8_t> pixels(72);
    for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(random() & 255);
    data.add(eval::Split::train, i % 2, std::move(pixels));
  }
  eval::NetBuilder builder("combined", {2, 6, 6});
  const int first = builder.convolution("first", 0, 4, {1, 1, 0});
  const int second = builder.relu("relu", builder.convolution("second", first, 5, {3, 1, 1}));
  builder.linear("fc", builder.flatten("flatten", builder.adaptive_average_pool("global", second, 1)), 2);
  const eval::NetSpec spec = std::move(builder).build();
  eval::Weights weights = eval::initial_weights(spec, 5);
  Tensor rows = weights.at("first.weight");
  rows[2].copy_(2 * rows[0] - rows[1]);
  rows[3].copy_(0.5 * rows[1]);
  std::vector<double> scores = scores_of("reconstruct", {{"ridge", 1e-10}}, eval::Net(spec, weights), data);
  std::sort(scores.begin(), scores.end());
  CHECK(scores[0] < 1e-6);
  CHECK(scores[1] < 1e-6);  // two are left that tell the image's two channels
  CHECK(scores[2] > 1e-2);
  CHECK(scores[3] == Approx(1));
}

TEST_CASE("bn_scale names a layer without batch norm, and what can be done") {
  CHECK_THROWS_WITH(score("bn_scale", Json::object(), planted_net(), signal_and_noise()),
                    Catch::Contains("conv1 of planted has none") && Catch::Contains("protect: [conv1]"));
}

TEST_CASE("bn_scale takes the batch norm of a map for its gate too") {
  const eval::NetSpec spec = support::gated_net();
  const eval::Net net(spec, eval::initial_weights(spec, 2));
  net.weights().at("body_bn.weight").copy_(torch::arange(1, 13));
  const prune::ChannelGroups groups = prune::channel_groups(spec, {"squeeze", "narrow", "hidden"});
  const prune::Scores scores = prune::make_criterion("bn_scale", checked("bn_scale"))->score({net, groups}).scores;
  const int body = groups.outputs[eval::find_layer(spec, "body")][0].group;
  CHECK(scores[body] == std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
}

TEST_CASE("taylor equals |activation times gradient| of a net with one site, by hand") {
  // One image of 1, one filter of weight 1, head weights 0: softmax gives 1/2, so the gradient by the score is (p - y) times the head.
  support::TinyData data({1, 1, 1}, 2);
  data.add(eval::Split::train, 0, {255});
  data.add(eval::Split::train, 0, {255});
  eval::NetBuilder builder("tiny", {1, 1, 1});
  builder.linear("fc", builder.flatten("flatten", builder.relu("relu", builder.convolution("conv", 0, 2, {1, 1, 0}))), 2);
  const eval::Net net(std::move(builder).build(), {{"conv.weight", torch::tensor({1.F, 2.F}).view({2, 1, 1, 1})},
                                                   {"conv.bias", torch::tensor({3.F, 1.F})},
                                                   {"fc.weight", torch::tensor({{1.F, 2.F}, {1.F, -2.F}})},
                                                   {"fc.bias", torch::tensor({0.F, 4.F})}});
  // The image is normalised to 0, so the activations are 3 and 1; both scores are 5; gradients: -1/2 w0 + 1/2 w1 = (0, -2). Effects 0 and
  // 2, over the norm 2.
  const prune::Scores scores = score("taylor", Json::object(), net, data).scores;
  CHECK(scores[1][0] == Approx(0).margin(1e-6));
  CHECK(scores[1][1] == Approx(1));
}

TEST_CASE("every criterion scores every net that can be cut, alike for the same seed") {
  const support::TinyData data = support::squares(4, 3, 3);
  const eval::NetSpec spec = support::coupled_net();
  support::TinyData five = support::squares(5, 3, 3);
  const eval::Net net(spec, eval::initial_weights(spec, 2));
  std::vector<std::pair<std::string, Json>> all;
  for (const prune::CriterionEntry& entry : prune::criterion_catalog())
    if (entry.name != "bn_scale" && !entry.unstructured)
      all.emplace_back(entry.name, Json::object());  // this net has layers without batch norm
  all.emplace_back("lda", Json{{"variant", "wilks"}});
  for (const auto& [name, options] : all) {
    INFO(name << options.dump());
    const prune::ChannelGroups groups = prune::channel_groups(spec);
    const prune::Scores scores = score(name, options, net, five).scores;
    REQUIRE(scores.size() == groups.groups.size());
    for (std::size_t g = 0; g < scores.size(); ++g) {
      CHECK(scores[g].size() == (groups.groups[g].fixed.empty() ? static_cast<std::size_t>(groups.groups[g].size) : 0));
      for (double s : scores[g]) CHECK(std::isfinite(s));
    }
    CHECK(score(name, options, net, five).scores == scores);
  }
  CHECK(score("random", Json::object(), net, five, 2).scores != score("random", Json::object(), net, five, 1).scores);
}

TEST_CASE("scores of tied channels combine by the named rule") {
  // conv1 and conv2 are tied by the add: L1 norms 3, 4 and 6, 8, of norms 5 and 10.
  eval::NetBuilder builder("tied", {1, 2, 2});
  const int first = builder.convolution("conv1", 0, 2, {1, 1, 0}, false), second = builder.convolution("conv2", 0, 2, {1, 1, 0}, false);
  builder.linear("fc", builder.flatten("flatten", builder.adaptive_average_pool("global", builder.add("sum", {first, second}), 1)), 2);
  const eval::Net net(std::move(builder).build(), {{"conv1.weight", torch::tensor({3.F, -4.F}).view({2, 1, 1, 1})},
                                                   {"conv2.weight", torch::tensor({-8.F, 6.F}).view({2, 1, 1, 1})},
                                                   {"fc.weight", torch::ones({2, 2})},
                                                   {"fc.bias", torch::zeros({2})}});
  const prune::ChannelGroups groups = prune::channel_groups(net.spec());
  const auto scores = [&](prune::Combination combination) {
    prune::ScoringTask task{net, groups};
    task.combination = combination;
    return prune::make_criterion("l1", checked("l1"))->score(task).scores[1];
  };
  CHECK(scores(prune::Combination::mean) == std::vector<double>{0.7, 0.7});
  CHECK(scores(prune::Combination::sum) == std::vector<double>{1.4, 1.4});
  CHECK(scores(prune::Combination::max) == std::vector<double>{0.8, 0.8});
}

TEST_CASE("nets with branches that meet no gradient below a protected stem are scored") {
  // The stem is protected, so both branches start where no gradient is needed.
  const support::TinyData data = support::squares(5, 3, 3);
  const eval::NetSpec spec = support::coupled_net();
  const eval::Net net(spec, eval::initial_weights(spec, 2));
  const prune::ChannelGroups groups = prune::channel_groups(spec, {"stem", "body", "depthwise"});
  for (const auto& [name, options] : {std::pair<const char*, Json>{"taylor", Json::object()}, {"lda", {{"variant", "wilks"}}}}) {
    const prune::Scores scores =
        prune::make_criterion(name, checked(name, options))->score({net, groups, &data, eval::measure_normalisation(data), 1}).scores;
    for (std::size_t g = 0; g < scores.size(); ++g) CHECK(scores[g].empty() == !groups.groups[g].fixed.empty());
  }
}

TEST_CASE("a channel's utility is read where it enters the next layer: behind the pool") {
  // conv1 -> ReLU -> pool -> conv2 -> ReLU -> pool: the site of conv1 is its ReLU, the entrance the pool; conv2's the global pool.
  const eval::NetSpec spec = support::plain_net();
  const auto entrance = [&](const char* site) { return spec.layers[prune::entrance_of(spec, eval::find_layer(spec, site)).layer].name; };
  CHECK(entrance("relu1") == "pool");
  CHECK(entrance("relu2") == "global");
  const eval::NetSpec coupled = support::coupled_net();
  const prune::Entrance second = prune::entrance_of(coupled, eval::find_layer(coupled, "branch_relu"));
  CHECK(coupled.layers[second.layer].name == "pool");
  CHECK(second.first_channel == 12);  // behind the grouped convolution's
}

TEST_CASE("a constant neuron is not selected, however many are asked for") {
  support::TinyData data = signal_and_noise();
  eval::Weights weights = eval::clone(planted_net().weights());
  weights.at("conv2.weight")[3].zero_();
  weights.at("conv2.bias")[3] = 5;  // the same firing for every image
  const Json details = score("lda", {{"select", 100}}, eval::Net(planted_net().spec(), weights), data).details;
  CHECK(details["selected"].size() == 3);
  CHECK(std::count(details["selected"].begin(), details["selected"].end(), Json(3)) == 0);
}

TEST_CASE("a criterion of single weights scores no channels, and says so") {
  CHECK_THROWS_WITH(prune::make_criterion("magnitude", checked("magnitude")), Catch::Contains("scores no channels"));
}

TEST_CASE("an unknown criterion is refused with the nearest name") {
  CHECK_THROWS_WITH(prune::make_criterion("tailor", Json::object()), Catch::Contains("'tailor'") && Catch::Contains("taylor"));
}

TEST_CASE("batch norm is estimated anew over all images that are given, dropout off") {
  // 130 images of one value each: 0 in the first 125, 1 in the others. In whole batches of 125 the mean would be 0.
  support::TinyData data({1, 2, 2}, 2);
  for (int i = 0; i < 130; ++i) data.add(eval::Split::train, i % 2, std::vector<std::uint8_t>(4, i < 125 ? 0 : 255));
  eval::NetBuilder builder("dropped", {1, 2, 2});
  const int x =
      builder.batch_norm("bn", builder.convolution("conv", builder.dropout("dropout", builder.input(), 0.5), 1, {1, 1, 0}, false));
  builder.linear("fc", builder.flatten("flatten", x), 2);
  const eval::NetSpec spec = std::move(builder).build();
  eval::Weights weights = eval::initial_weights(spec, 1);
  weights.at("conv.weight").fill_(1);
  eval::Net net(spec, weights);
  prune::recalibrate_batch_norm(net, data, {{0}, {1}}, [&] {
    const auto train = data.split(eval::Split::train);
    return std::vector<std::int64_t>(train.begin(), train.end());
  }());
  CHECK(net.weights().at("bn.running_mean").item<float>() == Approx(5.0 / 130));
}

TEST_CASE("batch norm's statistics are those of the images after recalibration") {
  const support::TinyData data = support::squares(2, 10);
  const eval::NetSpec spec = support::plain_net(1, 2);
  eval::Net net(spec, eval::initial_weights(spec, 3));
  const eval::Normalisation normalisation = eval::measure_normalisation(data);
  std::vector<std::int64_t> images(data.split(eval::Split::train).begin(), data.split(eval::Split::train).end());
  prune::recalibrate_batch_norm(net, data, normalisation, images);
  eval::BatchLoader loader(data, normalisation, images, {.batch = 100});
  torch::NoGradGuard no_grad;
  const Tensor before = net.forward_to(eval::find_layer(spec, "conv1"), loader.next()->images);  // all 20 images in one batch
  const Tensor values = before.transpose(0, 1).flatten(1);
  CHECK(torch::allclose(net.weights().at("bn1.running_mean"), values.mean(1), 1e-4, 1e-5));
  CHECK(torch::allclose(net.weights().at("bn1.running_var"), values.var(1), 1e-4, 1e-5));
}

TEST_CASE("wilks scores a channel by the standard deviation of its effect, by hand") {
  support::TinyData data({2, 1, 1}, 2);
  data.add(eval::Split::train, 0, {51, 153});
  data.add(eval::Split::train, 0, {153, 51});
  data.add(eval::Split::train, 1, {153, 102});
  data.add(eval::Split::train, 1, {255, 204});
  eval::NetBuilder builder("two", {2, 1, 1});
  builder.linear("fc", builder.flatten("flatten", builder.relu("relu", builder.convolution("conv", 0, 2, {1, 1, 0}, false))), 2);
  const eval::Net net(std::move(builder).build(), {{"conv.weight", torch::eye(2).view({2, 2, 1, 1})},
                                                   {"fc.weight", torch::tensor({{1.F, 0.F}, {0.F, 1.F}})},
                                                   {"fc.bias", torch::zeros({2})}});
  const prune::ChannelGroups groups = prune::channel_groups(net.spec());
  const auto criterion = prune::make_criterion("lda", checked("lda", {{"variant", "wilks"}, {"traced", 1}}));
  // Class means (0.4, 0.4) and (0.8, 0.6); within the classes the two vary alike and, both together, independently: the projection is along
  // (1, 0.5). Variances stand as 2 to 1.25. sqrt(2) and 0.5 sqrt(1.25), over their norm sqrt(2.3125).
  is_near(criterion->score({net, groups, &data, {{0, 0}, {1, 1}}}).scores[1], {std::sqrt(2 / 2.3125), 0.5 * std::sqrt(1.25 / 2.3125)});
}

TEST_CASE("the paper's selection keeps the fewest neurons that decide as well on validation images") {
  const Json one = score("lda", {{"tolerance", 1}}, planted_net(), signal_and_noise()).details;
  CHECK(one["selected"].size() == 1);
  CHECK(one["tolerance_reached"] == true);
  CHECK(one["selection_accuracy"].get<double>() == 1);
  support::TinyData turned({2, 4, 4}, 2);  // the labels of the validation images are exchanged: what training images say is all wrong there
  const support::TinyData data = signal_and_noise();
  for (const eval::Split split : {eval::Split::train, eval::Split::validation})
    for (const std::int64_t image : data.split(split)) {
      const auto pixels = data.pixels(image);
      const int label = data.labels()[static_cast<std::size_t>(image)];
      turned.add(split, split == eval::Split::train ? label : 1 - label, {pixels.begin(), pixels.end()});
    }
  CHECK(score("lda", {{"tolerance", 1}}, planted_net(), turned).details["selection_accuracy"].get<double>() == 0);
}

TEST_CASE("lda refuses a net whose class scores come of two layers") {
  eval::NetBuilder builder("two heads", {2, 4, 4});
  const auto head = [&](const std::string& name) {
    const int x = builder.relu(name + "_relu", builder.convolution(name + "_conv", 0, 3, {1, 1, 0}));
    return builder.linear(name + "_fc", builder.flatten(name + "_flat", builder.adaptive_average_pool(name + "_pool", x, 1)), 2);
  };
  const int a = head("a"), b = head("b");
  builder.add("sum", {a, b});
  const eval::NetSpec spec = std::move(builder).build();
  const eval::Net net(spec, eval::initial_weights(spec, 1));
  for (const char* variant : {"paper", "wilks"})
    CHECK_THROWS_WITH(score("lda", {{"variant", variant}}, net, signal_and_noise()),
                      Catch::Contains("a_conv leads to another than b_fc; valid: protect it, or take another criterion"));
}

TEST_CASE("what is drawn for a net that was cut has nothing to do with what was drawn for the whole one") {
  const prune::ChannelGroups groups = prune::channel_groups(planted_net().spec());
  const eval::Net net = planted_net();
  const auto drawn = [&](std::int64_t lost) {
    return prune::make_criterion("random", Json::object())->score({.net = net, .groups = groups, .seed = 3, .lost = lost}).scores[1];
  };
  for (std::size_t i = 0; i < 4; ++i) CHECK(drawn(0)[i] != drawn(2)[i]);
  for (std::size_t i = 0; i < 4; ++i) CHECK(drawn(2)[i] != drawn(3)[i]);
}
