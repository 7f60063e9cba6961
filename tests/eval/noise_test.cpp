#include "eval/noise.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "tests/support/throws.h"

using eval::Shape;
using Pixels = std::vector<float>;

namespace {

constexpr Shape shape{3, 64, 64};

Pixels grey(double value, const Shape& of = shape) {
  return Pixels(static_cast<std::size_t>(of.channels) * of.height * of.width, static_cast<float>(value));
}

/// A different value in every place.
Pixels ramp(const Shape& of) {
  Pixels pixels = grey(0, of);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i) / static_cast<float>(pixels.size() - 1);
  return pixels;
}

Pixels noisy(const std::string& name, double level, Pixels pixels, const Shape& of = shape, std::uint64_t seed = 1) {
  eval::add_noise(name, level, seed, of, pixels);
  return pixels;
}

double mean(const Pixels& pixels) {
  return std::accumulate(pixels.begin(), pixels.end(), 0.0) / static_cast<double>(pixels.size());
}

double deviation(const Pixels& pixels) {
  double squares = 0;
  for (const float pixel : pixels) squares += (pixel - mean(pixels)) * (pixel - mean(pixels));
  return std::sqrt(squares / static_cast<double>(pixels.size()));
}

}  // namespace

// The tolerances below are four standard errors and more over 12,288 values: 1 / sqrt(12288) = 0.9 % of a deviation for a mean, 0.64 % of
// itself for a deviation.

TEST_CASE("Gaussian noise has the deviation that was asked for, of 255") {
  const Pixels pixels = noisy("gaussian", 10, grey(0.5));
  CHECK(mean(pixels) == Approx(0.5).margin(0.002));
  CHECK(deviation(pixels) == Approx(10 / 255.0).epsilon(0.03));
}

TEST_CASE("Poisson noise: the variance of k / photons is value / photons") {
  const Pixels pixels = noisy("poisson", 100, grey(0.25));  // variance 0.0025
  CHECK(mean(pixels) == Approx(0.25).margin(0.003));
  CHECK(deviation(pixels) == Approx(0.05).epsilon(0.03));
  CHECK(std::all_of(pixels.begin(), pixels.end(), [](float p) { return std::abs(p * 100 - std::round(p * 100)) < 1e-4; }));
  CHECK(noisy("poisson", 100, grey(0)) == grey(0));
}

TEST_CASE("speckle multiplies: its deviation is that share of the value, and black stays black") {
  const Pixels pixels = noisy("speckle", 0.1, grey(0.5));
  CHECK(mean(pixels) == Approx(0.5).margin(0.003));
  CHECK(deviation(pixels) == Approx(0.05).epsilon(0.03));
  CHECK(noisy("speckle", 0.1, grey(0)) == grey(0));
}

TEST_CASE("salt and pepper: whole pixels, half black and half white") {
  const Pixels pixels = noisy("salt_and_pepper", 0.2, grey(0.5));
  int black = 0, white = 0;
  for (std::size_t at = 0; at < 64 * 64; ++at) {
    black += pixels[at] == 0 ? 1 : 0;
    white += pixels[at] == 1 ? 1 : 0;
    CHECK((pixels[at] == pixels[4096 + at] && pixels[at] == pixels[8192 + at]));
  }
  // 409.6 of each are expected, with a deviation of sqrt(4096 * 0.1 * 0.9) = 19.2.
  CHECK(std::abs(black - 410) < 77);
  CHECK(std::abs(white - 410) < 77);
}

TEST_CASE("blur: a point becomes the square of a normalised Gaussian") {
  const Shape one{1, 33, 33};
  Pixels point = grey(0, one);
  point[16 * 33 + 16] = 1;
  const Pixels blurred = noisy("blur", 1, point, one);
  // exp(-i^2 / 2) for i = -4 ... 4 sums to 1 + 2 (0.606531 + 0.135335 + 0.011109 + 0.000335) = 2.506620.
  CHECK(blurred[16 * 33 + 16] == Approx(1 / (2.506620 * 2.506620)).epsilon(1e-4));
  CHECK(blurred[16 * 33 + 17] == Approx(0.606531 / (2.506620 * 2.506620)).epsilon(1e-4));
  CHECK(mean(blurred) * 33 * 33 == Approx(1).epsilon(1e-4));
  CHECK(mean(noisy("blur", 2, grey(0.3))) == Approx(0.3));
}

TEST_CASE("JPEG: bytes come out, one grey stays, and a lower quality is farther from the image") {
  for (const Shape& of : {Shape{1, 24, 40}, Shape{3, 24, 40}, Shape{4, 24, 40}}) {
    INFO(of.channels);
    for (const float pixel : noisy("jpeg", 50, grey(0.4, of), of)) CHECK(pixel == Approx(0.4).margin(1.01 / 255));
    const Pixels image = noisy("gaussian", 40, ramp(of), of);
    const auto distance = [&](double quality) {
      const Pixels compressed = noisy("jpeg", quality, image, of);
      double sum = 0;
      for (std::size_t i = 0; i < image.size(); ++i) {
        CHECK(std::abs(compressed[i] * 255 - std::round(compressed[i] * 255)) < 1e-3);
        sum += std::abs(compressed[i] - image[i]);
      }
      return sum / static_cast<double>(image.size());
    };
    CHECK(distance(95) < distance(20));
  }
}

TEST_CASE("brightness and contrast by hand, clipped to the range") {
  const Shape one{1, 2, 2};
  const Pixels image{0.1F, 0.2F, 0.3F, 1.0F};  // mean 0.4
  const auto check = [&](const std::string& name, double level, const Pixels& expected) {
    const Pixels changed = noisy(name, level, image, one);
    for (std::size_t i = 0; i < 4; ++i) CHECK(changed[i] == Approx(expected[i]).margin(1e-6));
  };
  check("brightness", 0.25, {0.35F, 0.45F, 0.55F, 1});
  check("brightness", -0.25, {0, 0, 0.05F, 0.75F});
  check("contrast", 0.5, {0.25F, 0.3F, 0.35F, 0.7F});
  check("contrast", 2, {0, 0, 0.2F, 1});
}

TEST_CASE("an unknown noise is refused with the nearest") {
  CHECK(std::string(support::error_of([] { eval::noise_entry("gausian"); }).what()) ==
        "noise 'gausian' is not known (did you mean 'gaussian'?)");
}

TEST_CASE("every noise: inside the range, changing something, the same for a seed, for any number of channels") {
  for (const eval::NoiseEntry& entry : eval::noise_registry()) {
    INFO(entry.name);
    CHECK_FALSE(entry.doc.empty());
    REQUIRE_FALSE(entry.levels.empty());
    for (const Shape& of : {Shape{1, 33, 29}, Shape{3, 32, 24}, Shape{2, 25, 31}}) {
      for (const double level : entry.levels) {
        CHECK((level >= entry.min && level <= entry.max));
        const Pixels image = ramp(of), changed = noisy(entry.name, level, image, of, 7);
        CHECK(changed != image);
        CHECK(std::all_of(changed.begin(), changed.end(), [](float p) { return p >= 0 && p <= 1; }));
        CHECK(noisy(entry.name, level, image, of, 7) == changed);
      }
    }
  }
}

TEST_CASE("at the level that is said to change nothing, nothing changes; JPEG's bytes move by two at most") {
  for (const eval::NoiseEntry& entry : eval::noise_registry()) {
    CAPTURE(entry.name);
    if (!entry.unchanged || *entry.unchanged < entry.min) continue;
    const Shape shape{1, 8, 8};
    const std::vector<float> image = ramp(shape), same = noisy(entry.name, *entry.unchanged, image, shape, 1);
    for (std::size_t i = 0; i < image.size(); ++i) CHECK(std::abs(same[i] - image[i]) <= (entry.name == "jpeg" ? 2.01 / 255 : 1e-6));
  }
}

TEST_CASE("what is drawn depends on the seed") {
  for (const char* name : {"gaussian", "poisson", "speckle", "salt_and_pepper"})
    CHECK(noisy(name, eval::noise_entry(name).levels.back(), ramp(shape), shape, 1) !=
          noisy(name, eval::noise_entry(name).levels.back(), ramp(shape), shape, 2));
}
