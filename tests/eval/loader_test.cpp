#include "eval/data/loader.h"

#include <catch2/catch.hpp>
#include <set>

#include "eval/accuracy.h"
#include "support/tiny_data.h"
#include "support/tiny_nets.h"

using eval::BatchLoader;
using eval::Split;
using torch::Tensor;

namespace {

/// Images 1x2x3 whose pixels are 10 i + 0..5.
support::TinyData numbered(int count) {
  support::TinyData data({1, 2, 3}, 2);
  for (int i = 0; i < count; ++i) {
    std::vector<std::uint8_t> pixels;
    for (int p = 0; p < 6; ++p) pixels.push_back(static_cast<std::uint8_t>(10 * i + p));
    data.add(Split::train, i % 2, pixels);
  }
  return data;
}

const eval::Normalisation plain{{0}, {1.F / 255}};  // values are the bytes themselves

Tensor all_of(BatchLoader loader) {
  std::vector<Tensor> images;
  while (const auto batch = loader.next()) images.push_back(batch->images);
  return at::cat(images);
}

}  // namespace

TEST_CASE("batches come in the given order, the last one short or left out") {
  const support::TinyData data = numbered(5);
  BatchLoader loader(data, plain, {4, 3, 2, 1, 0}, {.batch = 2});
  CHECK(loader.batches() == 3);
  const auto first = loader.next();
  CHECK(first->labels.equal(torch::tensor({0, 1}, torch::kInt64)));
  CHECK(first->images[0].flatten().equal(torch::tensor({40.F, 41.F, 42.F, 43.F, 44.F, 45.F})));
  loader.next();
  CHECK(loader.next()->images.size(0) == 1);
  CHECK_FALSE(loader.next());
  CHECK(BatchLoader(data, plain, {0, 1, 2, 3, 4}, {.batch = 2, .drop_last = true}).batches() == 2);
  CHECK(BatchLoader(data, plain, {0}, {.batch = 2, .drop_last = true}).batches() == 1);
}

TEST_CASE("a batch that cannot be made fails where it is asked for, and the loader can be left") {
  struct Broken : support::TinyData {
    using TinyData::TinyData;
    std::span<const std::uint8_t> pixels(std::int64_t image) const override {
      if (image == 3) throw std::runtime_error("the file is gone");
      return TinyData::pixels(image);
    }
  } data({1, 1, 1}, 2);
  for (int i = 0; i < 8; ++i) data.add(Split::train, 0, {0});
  BatchLoader loader(data, plain, {0, 1, 2, 3, 4, 5, 6, 7}, {.batch = 1});
  for (int i = 0; i < 3; ++i) CHECK(loader.next());
  CHECK_THROWS_WITH(loader.next(), "the file is gone");
}

TEST_CASE("a sample holds every class in its share") {
  support::TinyData data({1, 1, 1}, 2);
  for (int i = 0; i < 40; ++i) data.add(Split::validation, i < 30 ? 0 : 1, {0});  // by class, as folders are listed
  const std::vector<std::int64_t> sample = eval::sample_of_classes(data, data.split(Split::validation), 8, 1);
  CHECK(sample.size() == 8);
  CHECK(std::count_if(sample.begin(), sample.end(), [&](std::int64_t image) { return data.labels()[image] == 1; }) == 2);
  CHECK(eval::sample_of_classes(data, data.split(Split::validation), 100, 1).size() == 40);
}

TEST_CASE("augmented images are flips and shifts of the original, black where nothing was") {
  const support::TinyData data = numbered(1);
  std::set<std::string> expected, seen;
  const auto text = [](const std::vector<float>& v) {
    std::string s;
    for (float x : v) s += std::to_string(static_cast<int>(x)) + " ";
    return s;
  };
  for (bool mirrored : {false, true})
    for (int down : {-1, 0, 1})
      for (int right : {-1, 0, 1}) {
        std::vector<float> image;
        for (int y = 0; y < 2; ++y)
          for (int x = 0; x < 3; ++x) {
            // mirrored about the frame first, then moved: the mirror of column c is 2 - c
            const int from_y = y - down, from_x = (mirrored ? 2 - x : x) - right;
            image.push_back(from_y < 0 || from_y > 1 || from_x < 0 || from_x > 2 ? 0.F : static_cast<float>(3 * from_y + from_x));
          }
        expected.insert(text(image));
      }
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const Tensor image = all_of(BatchLoader(data, plain, {0}, {.batch = 1, .augmentation = {true, 1}, .seed = seed})).flatten().round();
    seen.insert(text({image.data_ptr<float>(), image.data_ptr<float>() + 6}));
  }
  CHECK(seen == expected);
}

TEST_CASE("the same seed gives the same bits, another seed other images") {
  const support::TinyData data = support::squares(4, 8);
  const eval::Normalisation normalisation = eval::measure_normalisation(data);
  const auto images = [&](std::uint64_t seed) {
    return all_of(BatchLoader(data, normalisation, eval::shuffled(data.split(Split::train), 1),
                              {.batch = 5, .augmentation = {true, 2}, .seed = seed}));
  };
  CHECK(images(3).equal(images(3)));
  CHECK_FALSE(images(3).equal(images(4)));
}

TEST_CASE("normalisation is the mean and deviation of the training images alone") {
  support::TinyData data({2, 1, 2}, 1);
  data.add(Split::train, 0, {0, 255, 51, 51});
  data.add(Split::train, 0, {0, 255, 51, 51});
  data.add(Split::test, 0, {255, 255, 255, 255});
  const eval::Normalisation n = eval::measure_normalisation(data);
  CHECK(n.mean == std::vector<float>{0.5F, 0.2F});
  CHECK(n.deviation[0] == Approx(0.5F));
}

TEST_CASE("a shuffle is a permutation, drawn by seed") {
  const support::TinyData data = numbered(9);
  const auto order = eval::shuffled(data.split(Split::train), 5);
  CHECK(std::set<std::int64_t>(order.begin(), order.end()).size() == 9);
  CHECK(order == eval::shuffled(data.split(Split::train), 5));
  CHECK(order != eval::shuffled(data.split(Split::train), 6));
}

TEST_CASE("accuracy and loss of a net that answers by hand") {
  // Two pixels are the scores: image (0, 255) says class 1.
  support::TinyData data({2, 1, 1}, 2);
  data.add(Split::test, 1, {0, 255});
  data.add(Split::test, 0, {0, 255});
  data.add(Split::test, 0, {255, 0});
  data.add(Split::test, 0, {255, 0});
  eval::NetBuilder builder("copy", {2, 1, 1});
  builder.linear("fc", builder.flatten("flatten", 0), 2);
  const eval::Net net(std::move(builder).build(), {{"fc.weight", torch::eye(2)}, {"fc.bias", torch::zeros({2})}});
  const eval::Evaluation e = eval::evaluate(net, data, {{0, 0}, {1, 1}}, data.split(Split::test));
  CHECK(e.images == 4);
  CHECK(e.accuracy == 0.75);
  // right answers cost log(1 + e^-1), the wrong one log(1 + e)
  CHECK(e.loss == Approx((3 * std::log1p(std::exp(-1.0)) + std::log1p(std::exp(1.0))) / 4));
}
