#include "prune/refit.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "prune/fisher_weights.h"
#include "prune/ridge.h"
#include "storage/base/error.h"
#include "support/tiny_data.h"
#include "tests/support/random_mask.h"
#include "tests/support/tiny_nets.h"

using torch::Tensor;

namespace {

/// Weights as after some training: batch norm with statistics of its own.
eval::Weights lively_weights(const eval::NetSpec& spec) {
  torch::manual_seed(5);
  eval::Weights weights = eval::initial_weights(spec, 5);
  for (auto& [name, tensor] : weights) {
    if (name.find(".running_var") != std::string::npos) tensor.uniform_(0.5, 1.5);
    if (tensor.dim() == 2) tensor.normal_(0, 0.3);
    if (name.find(".running_mean") != std::string::npos || name.find(".bias") != std::string::npos) tensor.normal_(0, 0.2);
  }
  return weights;
}

Tensor random_images(const eval::NetSpec& spec, std::int64_t count) {
  const eval::Shape shape = eval::output_shapes(spec)[0];
  return torch::randn({count, shape.channels, shape.height, shape.width});
}

double largest(const Tensor& tensor) {
  return tensor.abs().max().item<double>();
}

const prune::LayerRefit& report_of(const prune::Refit& refit, const std::string& layer) {
  return *std::find_if(refit.layers.begin(), refit.layers.end(), [&](const prune::LayerRefit& report) { return report.layer == layer; });
}

}  // namespace

TEST_CASE("a layer whose lost inputs are linear combinations of the kept ones is restored exactly") {
  eval::NetBuilder builder("combined", {2, 6, 6});
  const int first = builder.convolution("first", 0, 4, {1, 1, 0});
  const int second = builder.relu("relu", builder.convolution("second", first, 5, {3, 1, 1}));
  builder.linear("fc", builder.flatten("flatten", builder.adaptive_average_pool("global", second, 1)), 3);
  const eval::NetSpec spec = std::move(builder).build();
  eval::Weights weights = lively_weights(spec);
  for (const char* part : {"first.weight", "first.bias"}) {
    Tensor rows = weights.at(part);
    rows[2].copy_(2 * rows[0] - rows[1]);
    rows[3].copy_(0.5 * rows[1]);
  }
  const eval::Net whole(spec, weights);
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  const prune::KeepMask mask = prune::kept_from_json(spec, groups, storage::Json{{"first", {0, 1}}});
  const prune::Cut cut = prune::cut(spec, groups, weights, mask);
  const Tensor images = random_images(spec, 20);
  const prune::Refit refit = prune::refit(whole, groups, mask, cut, {images.slice(0, 0, 12), images.slice(0, 12)}, {.ridge = 1e-14});

  const Tensor w = weights.at("second.weight");
  const Tensor expected = torch::stack({w.select(1, 0) + 2 * w.select(1, 2), w.select(1, 1) - w.select(1, 2) + 0.5 * w.select(1, 3)}, 1);
  CHECK(largest(refit.weights.at("second.weight") - expected) < 1e-6 * largest(expected));
  CHECK(largest(refit.weights.at("second.bias") - weights.at("second.bias")) < 2e-6);
  CHECK(report_of(refit, "first").reason != "");
  CHECK(report_of(refit, "second").reason == "");
  CHECK(report_of(refit, "second").before > 0.01);
  CHECK(report_of(refit, "second").after < 1e-12);
  CHECK(refit.images == 20);
  torch::NoGradGuard no_grad;
  const Tensor fresh = random_images(spec, 9), scores = whole.forward(fresh, false);
  CHECK(largest(eval::Net(cut.spec, eval::clone(refit.weights)).forward(fresh, false) - scores) < 2e-6 * largest(scores));
}

TEST_CASE("what a lost constant gave goes into the mean of batch norm, or into the bias") {
  for (const bool bias : {false, true}) {
    eval::NetBuilder builder("constant", {2, 4, 4});
    const int first = builder.convolution("first", 0, 3, {1, 1, 0});
    int second = builder.convolution("second", first, 4, {1, 1, 0}, bias);
    if (!bias) second = builder.batch_norm("bn", second);
    builder.linear("fc", builder.flatten("flatten", builder.adaptive_average_pool("global", second, 1)), 3);
    const eval::NetSpec spec = std::move(builder).build();
    eval::Weights weights = lively_weights(spec);
    weights.at("first.weight")[2].zero_();
    weights.at("first.bias")[2].fill_(5);
    const eval::Net whole(spec, weights);
    const prune::ChannelGroups groups = prune::channel_groups(spec);
    const prune::KeepMask mask = prune::kept_from_json(spec, groups, storage::Json{{"first", {0, 1}}});
    const prune::Cut cut = prune::cut(spec, groups, weights, mask);
    const prune::Refit refit = prune::refit(whole, groups, mask, cut, {random_images(spec, 30)}, {.ridge = 1e-14});
    const Tensor constant = 5 * weights.at("second.weight").select(1, 2).flatten();
    if (bias)
      CHECK(largest(refit.weights.at("second.bias") - (weights.at("second.bias") + constant)) < 1e-5);
    else
      CHECK(largest(refit.weights.at("bn.running_mean") - (weights.at("bn.running_mean") - constant)) < 1e-5);
    torch::NoGradGuard no_grad;
    const Tensor fresh = random_images(spec, 9), scores = whole.forward(fresh, false);
    CHECK(largest(eval::Net(cut.spec, eval::clone(refit.weights)).forward(fresh, false) - scores) < 1e-5 * largest(scores));
  }
}

TEST_CASE("an endless ridge leaves the kept weights") {
  const eval::NetSpec spec = support::coupled_net();
  const eval::Weights weights = lively_weights(spec);
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  std::mt19937_64 random(2);
  const prune::KeepMask mask = support::random_mask(groups, random);
  const prune::Cut cut = prune::cut(spec, groups, weights, mask);
  const prune::Refit refit = prune::refit({spec, eval::clone(weights)}, groups, mask, cut, {random_images(spec, 16)}, {.ridge = 1e30});
  for (const auto& [name, tensor] : cut.weights) {
    INFO(name);
    if (name.find(".running_") == std::string::npos) CHECK(torch::allclose(refit.weights.at(name), tensor, 1e-6, 1e-9));
  }
}

TEST_CASE("a refitted layer equals the solution by orthogonal factors, for every kind of layer and both forms") {
  torch::manual_seed(9);
  struct Case {
    std::string name;
    eval::Shape image;
    eval::Layer layer;
    std::int64_t images;
  };
  constexpr eval::LayerKind linear = eval::LayerKind::linear;
  const auto convolution = [](int channels, std::array<int, 2> kernel, std::array<int, 2> stride, std::array<int, 2> padding,
                              std::array<int, 2> dilation, int groups, bool bias) {
    return eval::Layer{.name = "layer",
                       .kind = eval::LayerKind::convolution,
                       .inputs = {0},
                       .channels = channels,
                       .kernel = kernel,
                       .stride = stride,
                       .padding = padding,
                       .dilation = dilation,
                       .groups = groups,
                       .bias = bias};
  };
  const std::vector<Case> cases{
      {"plain", {3, 7, 9}, convolution(4, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, true), 4},
      {"stride", {3, 7, 9}, convolution(4, {3, 5}, {2, 3}, {1, 2}, {1, 1}, 1, true), 30},
      {"dilation", {3, 9, 9}, convolution(4, {3, 2}, {1, 2}, {2, 0}, {2, 3}, 1, false), 8},
      {"groups", {4, 7, 7}, convolution(6, {3, 3}, {1, 1}, {0, 1}, {1, 1}, 2, true), 8},
      {"depthwise", {4, 7, 7}, convolution(4, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 4, true), 8},
      {"fewer samples than inputs", {8, 4, 4}, convolution(4, {3, 3}, {1, 1}, {0, 0}, {1, 1}, 1, true), 3},
      {"fewer samples than inputs, groups", {8, 4, 4}, convolution(4, {3, 3}, {1, 1}, {0, 0}, {1, 1}, 2, false), 2},
      {"linear", {5, 1, 1}, {.name = "layer", .kind = linear, .inputs = {0}, .channels = 6}, 40},
      {"linear, fewer samples than inputs", {20, 1, 1}, {.name = "layer", .kind = linear, .inputs = {0}, .channels = 6}, 9},
  };
  for (const Case& c : cases)
    for (const double ridge : {1e-3, 1e-1}) {
      INFO(c.name << ", ridge " << ridge);
      eval::NetSpec spec{"one layer",
                         {{.name = "input", .channels = c.image.channels, .extent = {c.image.height, c.image.width}}, c.layer}};
      eval::Weights theirs = lively_weights(spec);
      for (auto& [name, tensor] : theirs) tensor.normal_(0, 0.5);
      eval::Weights ours = eval::clone(theirs);
      for (auto& [name, tensor] : ours) tensor.add_(torch::randn_like(tensor), 0.3);
      const prune::ChannelGroups groups = prune::channel_groups(spec);
      const Tensor images = random_images(spec, c.images);
      const prune::Refit refit = prune::refit({spec, eval::clone(theirs)}, groups, prune::keep_all(groups), {spec, eval::clone(ours)},
                                              {images}, {.places = 1000, .ridge = ridge});

      // Rows of the design below each other, with sqrt(r) for each coefficient, in double: [X; sqrt(r) I] D = [Y - X W0; 0].
      const eval::Layer& layer = c.layer;
      const bool flat = layer.kind == linear;
      const Tensor x = images.to(torch::kFloat64);
      const auto in_double = [&](const eval::Weights& weights, const char* part) { return weights.at(part).to(torch::kFloat64); };
      const auto output = [&](const eval::Weights& weights) {
        const Tensor w = in_double(weights, "layer.weight"), b = layer.bias ? in_double(weights, "layer.bias") : Tensor();
        return flat ? at::linear(x.flatten(1), w, b).unsqueeze(2)
                    : at::conv2d(x, w, b, eval::pair(layer.stride), eval::pair(layer.padding), eval::pair(layer.dilation), layer.groups)
                          .flatten(2);
      };
      const Tensor columns =
          flat ? x.flatten(1).unsqueeze(2)
               : at::im2col(x, eval::pair(layer.kernel), eval::pair(layer.dilation), eval::pair(layer.padding), eval::pair(layer.stride));
      const Tensor missing = output(theirs) - output(ours);
      const std::int64_t p = columns.size(1) / layer.groups, m = layer.channels / layer.groups;
      for (int g = 0; g < layer.groups; ++g) {
        Tensor design = columns.slice(1, g * p, (g + 1) * p).transpose(1, 2).flatten(0, 1);
        Tensor penalty = torch::ones({p}, torch::kFloat64) * (ridge * design.square().sum() / p);
        if (layer.bias) {
          design = at::cat({design, torch::ones({design.size(0), 1}, torch::kFloat64)}, 1);
          penalty = at::cat({penalty, penalty.slice(0, 0, 1) * 1e-3});
        }
        const Tensor right = missing.slice(1, g * m, (g + 1) * m).transpose(1, 2).flatten(0, 1);
        const Tensor solved =
            std::get<0>(at::linalg_lstsq(at::cat({design, penalty.sqrt().diag()}),
                                         at::cat({right, torch::zeros({penalty.size(0), m}, torch::kFloat64)}), c10::nullopt, "gelsd"));
        const Tensor expected = in_double(ours, "layer.weight").slice(0, g * m, (g + 1) * m).flatten(1) + solved.slice(0, 0, p).t();
        const Tensor found = in_double(refit.weights, "layer.weight").slice(0, g * m, (g + 1) * m).flatten(1);
        CHECK(largest(found - expected) < 1e-6 * largest(expected));
        if (layer.bias) {
          const Tensor bias = in_double(ours, "layer.bias").slice(0, g * m, (g + 1) * m) + solved[p];
          CHECK(largest(in_double(refit.weights, "layer.bias").slice(0, g * m, (g + 1) * m) - bias) < 1e-6 * std::max(1.0, largest(bias)));
        }
      }
    }
}

TEST_CASE("every net refits: unchanged where nothing is cut, else finite, closer and the same from the same seed") {
  std::mt19937_64 random(11);
  std::vector<eval::NetSpec> specs{support::plain_net(), support::coupled_net(), support::gated_net(), support::shuffled_net()};
  for (const eval::NetEntry& entry : eval::net_registry()) specs.push_back(support::small_instance(entry.name));
  for (const eval::NetSpec& spec : specs) {
    INFO(spec.name);
    const eval::Weights weights = lively_weights(spec);
    const prune::ChannelGroups groups = prune::channel_groups(spec);
    const eval::Net whole(spec, eval::clone(weights));
    const std::vector<Tensor> images{random_images(spec, 6), random_images(spec, 4)};
    const prune::RefitOptions options{.places = 6, .seed = 3};

    const prune::KeepMask all = prune::keep_all(groups);
    for (const double fisher : {0.0, 0.5}) {
      prune::RefitOptions weighed = options;
      weighed.fisher = fisher;
      for (const auto& [name, tensor] : prune::refit(whole, groups, all, {spec, weights}, images, weighed).weights) {
        INFO(name);
        CHECK(torch::equal(tensor, weights.at(name)));
      }
    }

    const prune::KeepMask mask = support::random_mask(groups, random);
    const prune::Cut cut = prune::cut(spec, groups, weights, mask);
    const eval::Weights given = eval::clone(cut.weights);
    const prune::Refit refit = prune::refit(whole, groups, mask, cut, images, options);
    const prune::Refit again = prune::refit(whole, groups, mask, cut, images, options);
    CHECK(refit.weights.size() == cut.weights.size());
    for (const auto& [name, tensor] : refit.weights) {
      INFO(name);
      CHECK(tensor.sizes() == cut.weights.at(name).sizes());
      CHECK(torch::isfinite(tensor).all().item<bool>());
      CHECK(torch::equal(tensor, again.weights.at(name)));
      CHECK(torch::equal(given.at(name), cut.weights.at(name)));
    }
    CHECK(refit.layers.size() == eval::filter_layers(spec).size());
    for (const prune::LayerRefit& layer : refit.layers) {
      INFO(layer.layer);
      CHECK(layer.after <= layer.before * 1.001);
    }
  }
}

TEST_CASE("sums, concatenations and layers read twice: the refitted net is nearer to the whole one than the cut net") {
  const eval::NetSpec spec = support::coupled_net();
  const eval::Weights weights = lively_weights(spec);
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  const eval::Net whole(spec, eval::clone(weights));
  std::mt19937_64 random(4);
  for (int i = 0; i < 4; ++i) {
    const prune::KeepMask mask = support::random_mask(groups, random);
    const prune::Cut cut = prune::cut(spec, groups, weights, mask);
    const prune::Refit refit = prune::refit(whole, groups, mask, cut, {random_images(spec, 128), random_images(spec, 128)}, {});
    torch::NoGradGuard no_grad;
    const Tensor fresh = random_images(spec, 64), wanted = whole.forward(fresh, false);
    const auto distance = [&](const eval::Weights& of) {
      return (eval::Net(cut.spec, eval::clone(of)).forward(fresh, false) - wanted).square().mean().item<double>();
    };
    CHECK(distance(refit.weights) < distance(cut.weights));
  }
}

TEST_CASE("refit draws its images from the training images, and layers with large maps see fewer where memory is short") {
  const support::TinyData data = support::squares(4, 10);
  const eval::NetSpec spec = support::plain_net();
  const eval::Weights weights = lively_weights(spec);
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  const prune::KeepMask mask = prune::kept_from_json(spec, groups, storage::Json{{"conv1", {0, 2, 4, 6}}});
  const prune::Cut cut = prune::cut(spec, groups, weights, mask);
  const eval::Normalisation normalisation = eval::measure_normalisation(data);
  const eval::Net whole(spec, eval::clone(weights));
  CHECK(prune::refit(whole, groups, mask, cut, data, normalisation, {.images = 25}).images == 25);
  CHECK(prune::refit(whole, groups, mask, cut, data, normalisation, {}).images == 40);
  // In 90,000 bytes, from the start 8192 an image (both nets' conv1 and bn1, 8 x 8 x 8 floats each), so batches of 10. From conv2 on, the
  // first layer that has something to fit, 4096 (conv2 and bn2, 16 x 4 x 4): 21 images at 16 places. From fc on, 160: all.
  const prune::Refit grown = prune::refit(whole, groups, mask, cut, data, normalisation, {.memory = 90'000});
  CHECK(report_of(grown, "conv2").samples == 21 * 16);
  CHECK(report_of(grown, "fc").samples == 40);
  CHECK(grown.images == 40);
  // Where nothing was fitted before, those that come later make no difference.
  const prune::KeepMask last = prune::kept_from_json(spec, groups, storage::Json{{"conv2", {1, 3, 5, 7, 9}}});
  const prune::Cut less = prune::cut(spec, groups, weights, last);
  const Tensor few = prune::refit(whole, groups, last, less, data, normalisation, {.memory = 9'000}).weights.at("fc.weight");
  CHECK(largest(few - prune::refit(whole, groups, last, less, data, normalisation, {}).weights.at("fc.weight")) < 1e-5);
  CHECK(largest(few - less.weights.at("fc.weight")) > 1e-3);
  CHECK_THROWS_AS(prune::refit(whole, groups, mask, cut, data, normalisation, {.ridge = -1.0}), storage::Error);
  CHECK_THROWS_AS(prune::refit(whole, groups, mask, cut, std::vector<Tensor>{}, {}), storage::Error);
}

TEST_CASE("a sample that weighs twice counts as two") {
  torch::manual_seed(8);
  const Tensor x = torch::randn({30, 2, 3}), y = torch::randn({30, 2, 4}), weights = torch::tensor({1.F, 2.F}).repeat({15});
  const Tensor rows = torch::arange(30).repeat_interleave(weights.to(torch::kInt64));
  for (const bool dual : {false, true})
    for (const prune::Intercept intercept : {prune::Intercept::none, prune::Intercept::bias, prune::Intercept::free}) {
      const Tensor known = torch::randn({2, intercept == prune::Intercept::bias ? 4 : 3, 4});
      prune::RidgeRegression weighed({2, 3, 4, intercept}, known, dual), repeated({2, 3, 4, intercept}, known, dual);
      weighed.add(x, y, false, weights);
      repeated.add(x.index_select(0, rows), y.index_select(0, rows), false);
      const auto one = weighed.solve(0.01), other = repeated.solve(0.01);
      CHECK(largest(one.change - other.change) < 1e-5 * largest(other.change));
      CHECK(one.before == Approx(other.before));
      CHECK(one.after == Approx(other.after));
    }
}

TEST_CASE("a place weighs as the squared gradient of the scores in a random direction, by hand") {
  // Of two classes the signs less their mean are (0, 0), (1, -1) or (-1, 1): by the scores the squared gradient is 0 or 2, each for half of
  // the images; by the first input below, which makes up 3 of the first score and 1 of the second, it is 0 or (3 - 1)^2.
  eval::NetBuilder builder("scores", {2, 1, 1});
  const int hidden = builder.linear("hidden", builder.flatten("flatten", 0), 2);
  builder.linear("fc", hidden, 2);
  const eval::Net net(std::move(builder).build(), {{"hidden.weight", torch::eye(2)},
                                                   {"hidden.bias", torch::zeros({2})},
                                                   {"fc.weight", torch::tensor({{3.F, 7.F}, {1.F, -2.F}})},
                                                   {"fc.bias", torch::zeros({2})}});
  const Tensor places = torch::zeros({4000, 1}, torch::kInt64), first = torch::tensor({0}), both = torch::tensor({0, 1});
  const auto weights = prune::fisher_weights(net, torch::randn({4000, 2, 1, 1}), {{2, places, first}, {3, places, both}}, 1);
  const Tensor top = weights.at(3), below = weights.at(2);
  CHECK(torch::logical_or(top == 0, top == 2).all().item<bool>());
  CHECK(top.to(torch::kFloat64).mean().item<double>() == Approx(1).margin(0.05));
  CHECK(torch::equal(below, 2 * top));
}

TEST_CASE("a refit that weighs places is another one, the same from the same seed") {
  const eval::NetSpec spec = support::coupled_net();
  const eval::Weights weights = lively_weights(spec);
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  const eval::Net whole(spec, eval::clone(weights));
  std::mt19937_64 random(4);
  const prune::KeepMask mask = support::random_mask(groups, random);
  const prune::Cut cut = prune::cut(spec, groups, weights, mask);
  const std::vector<Tensor> images{random_images(spec, 100), random_images(spec, 28)};
  const prune::Refit plain = prune::refit(whole, groups, mask, cut, images, {}),
                     weighed = prune::refit(whole, groups, mask, cut, images, {.fisher = 0.5}),
                     again = prune::refit(whole, groups, mask, cut, images, {.fisher = 0.5});
  CHECK_FALSE(torch::equal(plain.weights.at("fc.weight"), weighed.weights.at("fc.weight")));
  for (const auto& [name, tensor] : weighed.weights) CHECK(torch::equal(tensor, again.weights.at(name)));
  for (const prune::LayerRefit& layer : weighed.layers) CHECK(layer.after <= layer.before * 1.001);
  CHECK_THROWS_AS(prune::refit(whole, groups, mask, cut, images, {.fisher = 1.5}), storage::Error);
}

TEST_CASE("a net whose numbers are not finite is refused by the layer's name") {
  const eval::NetSpec spec = support::coupled_net();
  eval::Weights weights = lively_weights(spec);
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  std::mt19937_64 random(4);
  const prune::KeepMask mask = support::random_mask(groups, random);
  weights.at(spec.layers[1].name + ".weight").flatten()[0] = std::numeric_limits<float>::quiet_NaN();
  const eval::Net whole(spec, eval::clone(weights));
  const std::vector<Tensor> images{random_images(spec, 8)};
  CHECK_THROWS_WITH(prune::refit(whole, groups, mask, prune::cut(spec, groups, weights, mask), images, {}),
                    Catch::StartsWith("refit: layer ") && Catch::EndsWith(" reads or gives numbers that are not finite"));
}

TEST_CASE("options of a refit are read back, and an unknown one is refused by name") {
  const prune::RefitOptions options{.images = 30, .places = 4, .ridge = 0.5, .fisher = 0.25};
  const prune::RefitOptions read = prune::refit_options_from_json(prune::to_json(options));
  CHECK((read.images == 30 && read.places == 4 && read.ridge == 0.5 && read.fisher == 0.25));
  CHECK_FALSE(prune::refit_options_from_json(prune::to_json(prune::RefitOptions())).ridge);
  CHECK_THROWS_WITH(prune::refit_options_from_json({{"image", 3}}), Catch::Contains("'image' is not known (did you mean 'images'?)"));
}

TEST_CASE("the ridge is chosen on the samples held out, by hand") {
  for (const bool dual : {false, true}) {
    INFO("dual " << dual);
    const auto solved = [&](double held) {
      prune::RidgeRegression regression({}, torch::zeros({1, 1, 1}, torch::kFloat64), dual);
      const auto one = [](double value) { return torch::full({1, 1, 1}, value, torch::kFloat64); };
      regression.add(one(1), one(1), false);
      regression.add(one(1), one(held), true);
      return regression.solve(std::nullopt, 1e-2);
    };
    // Of x = 1, y = 1 a ridge r makes 1 / (1 + r). Held out is y = 0.9: of the powers of ten 0.1 comes nearest, with 0.909. Then both
    // together: 1.9 / (2 + 0.1 * 2).
    const prune::RidgeRegression::Solution found = solved(0.9);
    CHECK(found.ridge == Approx(0.1));
    CHECK(found.change.item<double>() == Approx(1.9 / 2.2));
    CHECK_FALSE(found.no_gain);
    const prune::RidgeRegression::Solution none = solved(-1);  // whatever is fitted to 1 is worse than nothing
    CHECK(none.no_gain);
    CHECK_FALSE(none.change.defined());
  }
}

TEST_CASE("batch norm's variance falls with that of the layer that it reads, by hand") {
  eval::NetBuilder builder("plane", {2, 1, 1});
  const int first = builder.convolution("first", 0, 2, {1, 1, 0}, false);
  const int second = builder.batch_norm("bn", builder.convolution("second", first, 1, {1, 1, 0}, false));
  builder.linear("fc", builder.flatten("flatten", second), 2);
  const eval::NetSpec spec = std::move(builder).build();
  eval::Weights weights = eval::initial_weights(spec, 1);
  weights.at("first.weight") = torch::eye(2).view({2, 2, 1, 1});
  weights.at("second.weight") = torch::tensor({3.F, 4.F}).view({1, 2, 1, 1});
  weights.at("bn.running_var").fill_(2);
  const eval::Net whole(spec, weights);
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  const prune::KeepMask mask = prune::kept_from_json(spec, groups, storage::Json{{"first", {0}}});
  const Tensor corners = torch::tensor({1.F, 1.F, 1.F, -1.F, -1.F, 1.F, -1.F, -1.F}).view({4, 2, 1, 1});
  const prune::Refit refit = prune::refit(whole, groups, mask, prune::cut(spec, groups, weights, mask), {corners}, {.ridge = 1e-14});
  // 3 a + 4 b over the corners of a square: nothing of b can be had from a. The variance was 25 and is 9.
  CHECK(refit.weights.at("second.weight").item<float>() == Approx(3));
  CHECK(refit.weights.at("bn.running_var").item<float>() == Approx(2 * 9 / 25.0));
}
