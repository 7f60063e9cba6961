#include "eval/robustness.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "eval/nets/net_builder.h"
#include "storage/base/fingerprint.h"
#include "tests/support/throws.h"
#include "tests/support/tiny_data.h"
#include "tests/support/tiny_nets.h"

using eval::Perturbation;
using eval::PerturbationResult;
using storage::Json;

namespace {

/// Two classes with the scores 0 and 10 (x - 0.5), where x is the one pixel in [0, 1]: class 1 is bright.
eval::Net brightness_net() {
  eval::NetBuilder builder("brightness", {1, 1, 1});
  builder.linear("fc", builder.flatten("flat", builder.input()), 2);
  return {std::move(builder).build(), {{"fc.weight", torch::tensor({{0.0F}, {10.0F}})}, {"fc.bias", torch::tensor({0.0F, -5.0F})}}};
}

/// Test images of one pixel: 0.4 and 0.2 of class 0, 0.8 and 0.56 of class 1, and 0.3 of class 1, which the net takes for 0.
support::TinyData pixels() {
  support::TinyData data({1, 1, 1}, 2);
  for (const auto& [label, pixel] : std::vector<std::pair<int, int>>{{0, 102}, {0, 51}, {1, 204}, {1, 143}, {1, 76}})
    data.add(eval::Split::test, label, {static_cast<std::uint8_t>(pixel)});
  return data;
}

const eval::Normalisation plain{{0}, {1}};

std::vector<PerturbationResult> measured(const eval::Net& net, const eval::Dataset& data, const std::vector<Perturbation>& perturbations,
                                         const std::map<std::string, const eval::Net*>& sources = {},
                                         const eval::Normalisation& by = plain) {
  return eval::measure_robustness(net, sources, data, by, eval::robustness_images(data, 1000, 1), perturbations, 3);
}

Perturbation fgsm(double eps, const std::string& source = "self") {
  return {"attack", "fgsm", eps, {{"eps", eps}}, source};
}

}  // namespace

TEST_CASE("accuracies and success by hand") {
  const support::TinyData data = pixels();
  const eval::Net net = brightness_net();
  const auto results = measured(net, data, {{"noise", "brightness", 0.15}, {"noise", "brightness", -0.15}, fgsm(0.05), fgsm(0.15)});
  REQUIRE(results.size() == 4);
  for (const PerturbationResult& each : results) {
    CHECK(each.images == 5);
    CHECK(each.clean_accuracy == 0.8);
  }
  // Brighter: 0.55, 0.35 of class 0 and 0.95, 0.71, 0.45 of class 1: two are wrong, one of them was right before, of four.
  CHECK(results[0].accuracy == 0.6);
  CHECK(results[0].success == 0.25);
  // Darker: 0.25, 0.05; 0.65, 0.41, 0.15.
  CHECK(results[1].accuracy == 0.6);
  CHECK(results[1].success == 0.25);
  // The attack moves class 0 up and class 1 down: by 0.05 to 0.45, 0.25; 0.75, 0.51, 0.25; by 0.15 to 0.55, 0.35; 0.65, 0.41, 0.15.
  CHECK(results[2].accuracy == 0.8);
  CHECK(results[2].success == 0);
  CHECK(results[3].accuracy == 0.4);
  CHECK(results[3].success == 0.5);
  CHECK(results[3].perturbation.level == 0.15);
}

TEST_CASE("the hash is that of the changed images") {
  support::TinyData data({1, 1, 1}, 2);
  data.add(eval::Split::test, 0, {51});
  data.add(eval::Split::test, 1, {0});
  const float changed[] = {51.0F / 255 + 0.5F, 0.5F};
  const auto results = measured(brightness_net(), data, {{"noise", "brightness", 0.5}});
  CHECK(results[0].images_hash == storage::sha256({reinterpret_cast<const char*>(changed), sizeof(changed)}));
}

TEST_CASE("without an image that was right there is no success rate") {
  support::TinyData data({1, 1, 1}, 2);
  data.add(eval::Split::test, 1, {0});
  CHECK(std::isnan(measured(brightness_net(), data, {fgsm(0.1)})[0].success));
}

TEST_CASE("noise and transferred attacks change images alike for every net; attacks on the net itself do not") {
  const support::TinyData data = support::squares(4, 40);  // 160 test images: batches of 50
  const eval::Normalisation normalisation = eval::measure_normalisation(data);
  const eval::NetSpec spec = support::plain_net();
  const eval::Net one(spec, eval::initial_weights(spec, 1)), other(spec, eval::initial_weights(spec, 2)),
      third(spec, eval::initial_weights(spec, 3));
  const std::vector<Perturbation> perturbations{{"noise", "gaussian", 10}, {"noise", "jpeg", 50}, fgsm(0.05, "third"), fgsm(0.05)};
  const auto of = [&](const eval::Net& net) { return measured(net, data, perturbations, {{"third", &third}}, normalisation); };
  const auto first = of(one), second = of(other);
  for (const std::size_t same : {0, 1, 2}) CHECK(first[same].images_hash == second[same].images_hash);
  CHECK(first[3].images_hash != second[3].images_hash);
  CHECK(first[0].images_hash != first[1].images_hash);
  CHECK(of(third)[3].images_hash == first[2].images_hash);  // on itself: what is transferred to the others

  const auto seeded =
      eval::measure_robustness(one, {{"third", &third}}, data, normalisation, eval::robustness_images(data, 1000, 1), perturbations, 4);
  CHECK(seeded[0].images_hash != first[0].images_hash);  // noise is drawn anew
  CHECK(seeded[1].images_hash == first[1].images_hash);  // nothing is drawn
}

TEST_CASE("what is drawn for an image depends on nothing but the seed and its number") {
  const support::TinyData data = support::squares(4, 40);
  const eval::Net net(support::plain_net(), eval::initial_weights(support::plain_net(), 1));
  const auto hash = [&](const std::vector<std::int64_t>& images) {
    return eval::measure_robustness(net, {}, data, plain, images, {{"noise", "gaussian", 10}}, 3)[0].images_hash;
  };
  const std::int64_t first = data.split(eval::Split::test)[0];
  CHECK(hash({first + 5}) == hash({first + 5}));
  CHECK(hash({first + 5}) != hash({first + 6}));
  // An image changed within the second batch is the one changed alone: the pixels that come out are the same.
  std::vector<std::int64_t> many(50, first);
  many.push_back(first + 5);
  std::vector<std::int64_t> few(50, first);
  few.insert(few.begin(), first + 5);
  CHECK(hash(many) != hash(few));  // the order is part of the hash
  CHECK(hash({many.rbegin(), many.rend()}) == hash(few));
}

TEST_CASE("the images of a seed") {
  const support::TinyData data = support::squares(4, 10);  // 40 test images, the last 40 of 120
  const auto images = eval::robustness_images(data, 12, 1);
  CHECK(images.size() == 12);
  CHECK(std::is_sorted(images.begin(), images.end()));
  CHECK(std::adjacent_find(images.begin(), images.end()) == images.end());
  CHECK((images.front() >= 80 && images.back() < 120));
  CHECK(eval::robustness_images(data, 12, 1) == images);
  CHECK(eval::robustness_images(data, 12, 2) != images);
  CHECK(eval::robustness_images(data, 1000, 1).size() == 40);
}

TEST_CASE("an attack on a net that is not there is refused") {
  const support::TinyData data = pixels();
  CHECK(std::string(support::error_of([&] { measured(brightness_net(), data, {fgsm(0.1, "third")}); }).what()) ==
        "attack fgsm is to be made on 'third', which is not there");
}
