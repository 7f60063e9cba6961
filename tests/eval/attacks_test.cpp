#include "eval/attacks/attack.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "eval/attacks/catalog.h"
#include "eval/nets/net_builder.h"
#include "tests/support/throws.h"
#include "tests/support/tiny_nets.h"

using eval::AttackBatch;
using eval::PixelScores;
using storage::Json;
using torch::Tensor;

namespace {

/// Two classes with the scores 0 and w x + b, so that the probability of class 1 is p = 1 / (1 + exp(-(w x + b))). Its gradient is
/// p (1 - p) w; that of the loss of class 1 is -(1 - p) w, that of the loss of class 0 is p w.
struct LinearModel {
  std::vector<float> w;
  double b;

  eval::Net net() const {
    const int size = static_cast<int>(w.size());
    eval::NetBuilder builder("linear", {1, 1, size});
    builder.linear("fc", builder.flatten("flat", builder.input()), 2);
    Tensor weight = torch::zeros({2, size}), bias = torch::zeros({2});
    weight[1] = torch::tensor(w);
    bias[1] = b;
    return {std::move(builder).build(), {{"fc.weight", weight}, {"fc.bias", bias}}};
  }
};

Tensor image(const std::vector<float>& values) {
  return torch::tensor(values).view({1, 1, 1, -1});
}

std::vector<float> values(const Tensor& images) {
  const Tensor packed = images.contiguous();
  return {packed.data_ptr<float>(), packed.data_ptr<float>() + packed.numel()};
}

Json options(const std::string& attack, const Json& given) {
  return storage::check_options(eval::attack_entry(attack).options, given, attack);
}

/// What an attack makes of one image of the model.
std::vector<float> attacked(const std::string& attack, const Json& given, const LinearModel& model, const std::vector<float>& x,
                            int label) {
  const eval::Net net = model.net();
  const PixelScores scores = eval::pixel_scores(net, {{0}, {1}});
  return values(eval::make_attack(attack, options(attack, given))->perturb(scores, {image(x), torch::tensor({std::int64_t{label}}), {7}}));
}

void check_near(const std::vector<float>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO(i);
    CHECK(found[i] == Approx(expected[i]).margin(2e-6));
  }
}

const LinearModel model{{2, -1, 0.5F, 0}, 0.25};

}  // namespace

TEST_CASE("FGSM on a linear model: eps against the signs of w, clipped") {
  // The loss of class 1 grows against w: signs (-, +, -, 0). The second value would be 1.05, the third -0.05.
  check_near(attacked("fgsm", {{"eps", 0.1}}, model, {0.5, 0.95F, 0.05F, 0.3F}, 1), {0.4, 1, 0, 0.3});
  // That of class 0 grows along w.
  check_near(attacked("fgsm", {{"eps", 0.1}}, model, {0.5, 0.95F, 0.05F, 0.3F}, 0), {0.6, 0.85, 0.15, 0.3});
}

TEST_CASE("FGSM reaches the largest loss of its box: log(1 + exp(-(w x - eps |w|_1 + b)))") {
  const std::vector<float> x{0.5, 0.5, 0.5, 0.5};  // w x + b = 0.75 + 0.25 = 1, |w|_1 = 3.5
  const std::vector<float> found = attacked("fgsm", {{"eps", 0.2}}, model, x, 1);
  const Tensor scores = eval::pixel_scores(model.net(), {{0}, {1}})(image(found));
  const double loss = at::cross_entropy_loss(scores, torch::tensor({std::int64_t{1}})).item<double>();
  CHECK(loss == Approx(std::log(1 + std::exp(-(1 - 0.7)))).epsilon(1e-5));
}

TEST_CASE("the gradient of the loss is that of the formula, and normalisation enters it") {
  const eval::Net net = model.net();
  const Tensor x = image({0.5, 0.5, 0.5, 0.5}), label = torch::tensor({std::int64_t{1}});
  const double p = 1 / (1 + std::exp(-1.0));
  check_near(values(eval::loss_gradient(eval::pixel_scores(net, {{0}, {1}}), x, label)), {-(1 - p) * 2, 1 - p, -(1 - p) / 2, 0});
  // With mean 0.5 and deviation 0.25 the net reads 0, so w x + b = 0.25, and the chain rule gives a factor of 4.
  const double q = 1 / (1 + std::exp(-0.25));
  check_near(values(eval::loss_gradient(eval::pixel_scores(net, {{0.5}, {0.25}}), x, label)), {-(1 - q) * 8, (1 - q) * 4, -(1 - q) * 2, 0});
}

TEST_CASE("PGD on a linear model ends in the corner that FGSM finds, from any start of the box") {
  const std::vector<float> x{0.5, 0.95F, 0.05F, 0.3F};
  // 10 steps of 2.5 eps / 10 go 2.5 eps, from anywhere in a box 2 eps wide. A value that the model does not read stays where it started.
  check_near(attacked("pgd", {{"eps", 0.1}, {"random_start", false}}, model, x, 1), {0.4, 1, 0, 0.3});
  const std::vector<float> from_somewhere = attacked("pgd", {{"eps", 0.1}}, model, x, 1);
  check_near({from_somewhere.begin(), from_somewhere.begin() + 3}, {0.4, 1, 0});
  CHECK(from_somewhere[3] != 0.3F);
  CHECK(std::abs(from_somewhere[3] - 0.3F) <= 0.1F + 1e-6F);
}

TEST_CASE("PGD: steps that do not reach the border end where they end") {
  // 3 steps of 0.02 against the signs of w.
  check_near(attacked("pgd", {{"eps", 0.1}, {"steps", 3}, {"step", 0.02}, {"random_start", false}}, model, {0.5, 0.5, 0.5, 0.5}, 1),
             {0.44, 0.56, 0.44, 0.5});
}

TEST_CASE("NewtonFool's step in closed form, bounded by eta") {
  // x = (0.5 ...): ||x|| = 1, w x + b = 1, p = 0.731059; ||w||^2 = 5.25, ||w|| = 2.291288. With g = p (1 - p) = 0.196612 the slope is
  // g ||w|| = 0.450494. delta = min(0.1 * 1 * 0.450494, 0.731059 - 0.5) = 0.0450494, and the move delta / (g^2 ||w||^2) * g w
  // = eta ||x|| w / ||w|| = 0.1 / 2.291288 * w = 0.0436436 w.
  check_near(attacked("newtonfool", {{"eta", 0.1}, {"steps", 1}}, model, {0.5, 0.5, 0.5, 0.5}, 1),
             {0.5 - 0.0872872, 0.5 + 0.0436436, 0.5 - 0.0218218, 0.5});
}

TEST_CASE("NewtonFool's step in closed form, bounded by the probability of chance") {
  // With eta = 1 the second bound is the smaller: delta = p - 1/2 = 0.2310586, the move delta / (g ||w||^2) w = 0.2310586 /
  // (0.1966119 * 5.25) w = 0.2238478 w.
  check_near(attacked("newtonfool", {{"eta", 1.0}, {"steps", 1}}, model, {0.5, 0.5, 0.5, 0.5}, 1),
             {0.5 - 0.4476957, 0.5 + 0.2238478, 0.5 - 0.1119239, 0.5});
}

TEST_CASE("NewtonFool attacks the class that is predicted, whatever the label, and stops once another one is") {
  const std::vector<float> x{0.5, 0.5, 0.5, 0.5};
  CHECK(attacked("newtonfool", {{"steps", 1}}, model, x, 0) == attacked("newtonfool", {{"steps", 1}}, model, x, 1));
  // A step of 0.1 changes w x + b by 0.1 ||w|| = 0.2291288: from 1 it takes 5 steps to -0.1456, but none is longer than the Newton step to
  // p = 1/2. At 1 - 4 * 0.2291288 = 0.0834848 that one is (p - 1/2) / (p (1 - p) ||w||): p = 0.5208591, g = 0.2495649, and w x + b falls by
  // 0.0208591 / 0.2495649 = 0.0835819, to -0.0000971. Then class 0 is predicted: more steps change nothing.
  const std::vector<float> five = attacked("newtonfool", {{"eta", 0.1}, {"steps", 5}}, model, x, 1);
  const double score = 2 * five[0] - five[1] + 0.5 * five[2] + 0.25;
  CHECK(score == Approx(-0.0000971).margin(2e-6));
  CHECK(attacked("newtonfool", {{"eta", 0.1}, {"steps", 50}}, model, x, 1) == five);
}

TEST_CASE("NewtonFool leaves alone what has no gradient") {
  const LinearModel flat{{0, 0}, 1};
  check_near(attacked("newtonfool", Json::object(), flat, {0.2F, 0.8F}, 1), {0.2, 0.8});
}

TEST_CASE("images are turned counter-clockwise and shifted, exactly where pixels fall on pixels") {
  const Tensor square = torch::tensor({0.1F, 0.2F, 0.3F, 0.4F}).view({1, 1, 2, 2});  // 1 2 / 3 4
  const auto moved = [&](const eval::Move& move) { return values(eval::moved_images(square, {move})); };
  check_near(moved({}), {0.1, 0.2, 0.3, 0.4});
  check_near(moved({.degrees = 90}), {0.2, 0.4, 0.1, 0.3});
  check_near(moved({.degrees = 180}), {0.4, 0.3, 0.2, 0.1});
  check_near(moved({.right = 0.5}), {0, 0.1, 0, 0.3});
  check_near(moved({.down = 0.5}), {0, 0, 0.1, 0.2});
  check_near(moved({.degrees = 90, .right = 0.5}), {0, 0.2, 0, 0.1});  // the rotation first
  // A half pixel: the mean of neighbours, with black outside.
  check_near(moved({.right = 0.25}), {0.05, 0.15, 0.15, 0.35});
  // Half a turn of an image that is not square.
  const Tensor wide = torch::tensor({0.1F, 0.2F, 0.3F, 0.4F, 0.5F, 0.6F}).view({1, 1, 2, 3});
  check_near(values(eval::moved_images(wide, {{.degrees = 180}})), {0.6, 0.5, 0.4, 0.3, 0.2, 0.1});
}

TEST_CASE("the spatial attack keeps the worst of its samples") {
  const eval::NetSpec spec = support::plain_net();
  const eval::Net net(spec, eval::initial_weights(spec, 1));
  const PixelScores scores = eval::pixel_scores(net, {{0.5}, {0.5}});
  torch::manual_seed(1);
  const AttackBatch batch{torch::rand({6, 1, 8, 8}), torch::tensor({0, 1, 2, 3, 0, 1}).to(torch::kInt64), {1, 2, 3, 4, 5, 6}};
  const auto losses = [&](int samples) {
    const Tensor images = eval::make_attack("spatial", options("spatial", {{"samples", samples}}))->perturb(scores, batch);
    return at::cross_entropy_loss(scores(images), batch.labels, {}, at::Reduction::None);
  };
  const Tensor one = losses(1), ten = losses(10);
  CHECK((ten >= one - 1e-6).all().item<bool>());  // the first sample is among the ten
  CHECK((ten > one + 1e-6).any().item<bool>());
  CHECK_FALSE(torch::equal(eval::make_attack("spatial", options("spatial", Json::object()))->perturb(scores, batch), batch.images));
  const Json still{{"rotation", 0}, {"shift", 0}};
  CHECK(torch::allclose(eval::make_attack("spatial", options("spatial", still))->perturb(scores, batch), batch.images, 1e-5, 1e-5));
}

TEST_CASE("every attack: inside the range, no less loss than before, the same however images are batched") {
  const eval::NetSpec spec = support::plain_net();
  const eval::Net net(spec, eval::initial_weights(spec, 1));
  const PixelScores scores = eval::pixel_scores(net, {{0.5}, {0.5}});
  torch::manual_seed(1);
  const Tensor images = torch::rand({6, 1, 8, 8}), labels = scores(images).argmax(1);
  const AttackBatch batch{images, labels, {1, 2, 3, 4, 5, 6}};
  for (const eval::AttackEntry& entry : eval::attack_catalog()) {
    INFO(entry.name);
    CHECK((entry.kind == "attack" || entry.kind == "spatial"));
    const Json given = options(entry.name, Json::object());
    CHECK(given.contains(entry.level));
    CHECK(entry.passes(given) > 0);
    const auto attack = eval::make_attack(entry.name, given);
    const Tensor changed = attack->perturb(scores, batch);
    CHECK(changed.sizes() == images.sizes());
    CHECK((changed.min().item<float>() >= 0 && changed.max().item<float>() <= 1));
    CHECK_FALSE(torch::equal(changed, images));
    const auto loss = [&](const Tensor& of) { return at::cross_entropy_loss(scores(of), labels).item<double>(); };
    CHECK(loss(changed) > loss(images));
    CHECK(torch::equal(attack->perturb(scores, batch), changed));
    std::vector<Tensor> halves;
    for (const auto& [from, to] : {std::pair{0, 2}, std::pair{2, 6}})
      halves.push_back(attack->perturb(
          scores, {images.slice(0, from, to), labels.slice(0, from, to), {batch.seeds.begin() + from, batch.seeds.begin() + to}}));
    CHECK(torch::allclose(at::cat(halves), changed, 1e-4, 1e-4));
  }
}

TEST_CASE("an unknown attack is refused with the nearest") {
  CHECK(std::string(support::error_of([] { eval::make_attack("fsgm", Json::object()); }).what()) ==
        "attack 'fsgm' is not known (did you mean 'fgsm'?)");
}
