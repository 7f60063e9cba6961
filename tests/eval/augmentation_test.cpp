#include "eval/data/augmentation.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "eval/data/stored_dataset.h"

using namespace eval;

namespace {

/// One image, with a margin, and no other.
StoredDataset one_image(Shape shape, int margin, std::vector<std::uint8_t> pixels) {
  StoredImages images;
  images.shape = shape;
  images.margin = margin;
  images.pixels = PixelBlock::of(std::move(pixels));
  images.labels = {0};
  images.class_names = {"a"};
  images.splits.train = {0};
  return StoredDataset(std::move(images));
}

/// Values are the bytes themselves.
Normalisation plain(int channels) {
  return {std::vector<float>(channels, 0), std::vector<float>(channels, 1.F / 255)};
}

std::vector<int> written(const Dataset& data, const Augmentation& augmentation, std::uint64_t seed) {
  const auto [channels, height, width] = data.shape();
  std::vector<float> out(static_cast<std::size_t>(channels) * height * width);
  ImageWriter(data, plain(channels), augmentation).write(0, seed, out.data());
  std::vector<int> bytes;
  for (const float value : out) bytes.push_back(static_cast<int>(std::lround(value)));
  return bytes;
}

std::vector<std::uint8_t> ramp(int count, int step = 1) {
  std::vector<std::uint8_t> pixels;
  for (int i = 0; i < count; ++i) pixels.push_back(static_cast<std::uint8_t>(i * step));
  return pixels;
}

}  // namespace

TEST_CASE("without changes the middle is written, channels last") {
  // 2 x 2 with a margin of 1: rows of 4, the middle is 5 6 9 10, of the second plane 16 more.
  const StoredDataset data = one_image({2, 2, 2}, 1, ramp(32));
  CHECK(written(data, {}, 1) == std::vector<int>{5, 21, 6, 22, 9, 25, 10, 26});
}

TEST_CASE("a crop shows the margin before it shows black") {
  const StoredDataset data = one_image({1, 1, 1}, 1, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  std::set<int> seen, beyond;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    seen.insert(written(data, {.padding = 1}, seed)[0]);
    beyond.insert(written(data, {.padding = 2}, seed)[0]);
  }
  CHECK(seen == std::set<int>{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(beyond == std::set<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("normalisation takes the training images without their margin") {
  const StoredDataset data = one_image({1, 2, 1}, 1, {9, 9, 9, 9, 0, 9, 9, 255, 9, 9, 9, 9});
  const Normalisation measured = measure_normalisation(data);
  CHECK(measured.mean[0] == Approx(0.5));
  CHECK(measured.deviation[0] == Approx(0.5));
}

TEST_CASE("normalisation can be given, a number a channel") {
  const StoredDataset data = one_image({1, 1, 1}, 0, {9});
  const Normalisation given = normalisation_of({{"mean", {0.25}}, {"deviation", {0.5}}}, data);
  CHECK(given.mean[0] == 0.25F);
  CHECK(given.deviation[0] == 0.5F);
  CHECK(normalisation_of(storage::Json::object(), data).mean[0] == Approx(9.0 / 255));
  CHECK_THROWS_WITH(normalisation_of({{"mean", {0.25, 0.5}}, {"deviation", {0.5}}}, data),
                    "mean and deviation have 2 and 1 numbers; the images have 1 channels");
}

TEST_CASE("a resized crop of a ramp stays a ramp, over a part of it") {
  // Each row is 0, 8 ... 248: what a crop of width w shows is w / 32 of that, stretched over 32 pixels.
  std::vector<std::uint8_t> pixels;
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 32; ++x) pixels.push_back(static_cast<std::uint8_t>(8 * x));
  const StoredDataset data = one_image({1, 32, 32}, 0, pixels);
  double least = 1, most = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::vector<int> image = written(data, {.min_scale = 0.25}, seed);
    CHECK(std::is_sorted(image.begin(), image.begin() + 32));
    CHECK(std::equal(image.begin(), image.begin() + 32, image.begin() + 32 * 31));
    const double part = (image[31] - image[0]) / 248.0;
    least = std::min(least, part);
    most = std::max(most, part);
  }
  // Widths are sqrt(area * ratio): from sqrt(0.25 * 3/4) = 0.43 to all.
  CHECK(least > 0.38);
  CHECK(least < 0.6);
  CHECK(most > 0.9);
}

TEST_CASE("jitter moves brightness, contrast and saturation within its bounds") {
  const StoredDataset gray = one_image({1, 1, 2}, 0, {100, 100});
  const StoredDataset colour = one_image({3, 1, 1}, 0, {100, 50, 150});
  std::set<int> brightness;
  double vivid_least = 10, vivid_most = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const std::vector<int> image = written(gray, {.jitter = 0.2}, seed);
    CHECK(image[0] == image[1]);  // plain: contrast changes nothing
    brightness.insert(image[0]);
    // One pixel: contrast is about its own luma, so that the spread of the channels is brightness * contrast * saturation.
    const std::vector<int> pixel = written(colour, {.jitter = 0.2}, seed);
    const double spread = (pixel[2] - pixel[1]) / 100.0;
    vivid_least = std::min(vivid_least, spread);
    vivid_most = std::max(vivid_most, spread);
  }
  CHECK(*brightness.begin() >= 80);
  CHECK(*brightness.begin() <= 82);
  CHECK(*brightness.rbegin() <= 120);
  CHECK(*brightness.rbegin() >= 118);
  CHECK(vivid_least >= 0.8 * 0.8 * 0.8 - 0.02);
  CHECK(vivid_most <= 1.2 * 1.2 * 1.2 + 0.02);
  CHECK(vivid_most - vivid_least > 0.6);
}

TEST_CASE("cutout blanks one square, which may reach over the edge") {
  const StoredDataset data = one_image({1, 8, 8}, 0, std::vector<std::uint8_t>(64, 200));
  std::set<int> sizes;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const std::vector<int> image = written(data, {.cutout = 4}, seed);
    int blank = 0, rows = 0;
    for (int y = 0; y < 8; ++y) {
      const auto in_row = std::count(image.begin() + 8 * y, image.begin() + 8 * y + 8, 0);
      blank += static_cast<int>(in_row);
      rows += in_row > 0;
    }
    CHECK(blank % rows == 0);
    sizes.insert(blank);
  }
  CHECK(*sizes.begin() == 4);  // 2 x 2 in the first corner: the middle is on its first pixel
  CHECK(*sizes.rbegin() == 16);
}

TEST_CASE("of TrivialAugment an image gets one change, as often none") {
  const StoredDataset data = one_image({1, 1, 3}, 0, {0, 100, 200});
  std::map<std::vector<int>, int> seen;
  for (std::uint64_t seed = 0; seed < 1400; ++seed) ++seen[written(data, {.trivial = true}, seed)];
  CHECK(seen.count({255, 155, 55}) == 1);  // inverted whole
  CHECK(seen.count({0, 128, 255}) == 1);   // stretched
  // As it was: identity, shear_x, saturation, sharpness and equalize of 14, which are 500 of 1400, and weak ones of the others.
  const int same = seen[{0, 100, 200}];
  CHECK(same > 400);
  CHECK(same < 900);
}

TEST_CASE("the same seed writes the same image") {
  const StoredDataset data = one_image({3, 8, 8}, 2, ramp(3 * 144));
  const Augmentation all{.flip = true, .padding = 2, .min_scale = 0.5, .jitter = 0.3, .cutout = 3};
  CHECK(written(data, all, 5) == written(data, all, 5));
  CHECK(written(data, all, 5) != written(data, all, 6));
}
