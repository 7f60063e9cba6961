#include "eval/data/image_changes.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

using namespace eval;
using Bytes = std::vector<std::uint8_t>;

namespace {

Bytes after(TrivialChange change, double strength, int channels, int height, int width, const Bytes& bytes) {
  return changed({bytes.data(), channels, height, width, 0}, {change, strength}).made;
}

Bytes of_row(TrivialChange change, double strength, const Bytes& row) {
  return after(change, strength, 1, 1, static_cast<int>(row.size()), row);
}

}  // namespace

TEST_CASE("shifts, shears and turns bring in black, and take places without interpolation") {
  CHECK(of_row(TrivialChange::translate_x, 1 / 32., {1, 2, 3, 4}) == Bytes{0, 1, 2, 3});
  CHECK(of_row(TrivialChange::translate_x, -2 / 32., {1, 2, 3, 4}) == Bytes{3, 4, 0, 0});
  CHECK(after(TrivialChange::translate_y, 1 / 32., 2, 2, 1, {1, 2, 5, 6}) == Bytes{0, 1, 0, 5});
  // Row y shows what is 0.99 y further right: 0, 1 and 2 places.
  CHECK(after(TrivialChange::shear_x, 1, 1, 3, 4, {1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4}) == Bytes{1, 2, 3, 4, 2, 3, 4, 0, 3, 4, 0, 0});
  CHECK(after(TrivialChange::shear_y, -1, 1, 3, 2, {1, 1, 2, 2, 3, 3}) == Bytes{1, 0, 2, 1, 3, 2});
  // A quarter turn, clockwise, is 2/3 of 135 degrees.
  CHECK(after(TrivialChange::rotate, 2 / 3., 1, 3, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9}) == Bytes{7, 4, 1, 8, 5, 2, 9, 6, 3});
}

TEST_CASE("factors of brightness, contrast, saturation and sharpness") {
  CHECK(of_row(TrivialChange::brightness, 1, {0, 100, 200}) == Bytes{0, 199, 255});
  CHECK(of_row(TrivialChange::brightness, -1, {0, 100, 200}) == Bytes{0, 1, 2});
  CHECK(of_row(TrivialChange::contrast, -1, {0, 100, 200}) == Bytes{99, 100, 101});
  CHECK(of_row(TrivialChange::saturation, -1, {0, 100, 200}) == Bytes{0, 100, 200});  // grey has none
  // Grey is 0.299 * 100 + 0.587 * 50 + 0.114 * 150 = 76.35; a hundredth of the way from there.
  CHECK(after(TrivialChange::saturation, -1, 3, 1, 1, {100, 50, 150}) == Bytes{77, 76, 77});
  // The middle is smoothed to 5 * 130 / 13 = 50: 50 + 1.99 * 80 and 50 + 0.01 * 80.
  const Bytes dot{0, 0, 0, 0, 130, 0, 0, 0, 0};
  CHECK(after(TrivialChange::sharpness, 1, 1, 3, 3, dot)[4] == 209);
  CHECK(after(TrivialChange::sharpness, -1, 1, 3, 3, dot) == Bytes{0, 0, 0, 0, 51, 0, 0, 0, 0});
}

TEST_CASE("bits, inversion and histograms") {
  CHECK(of_row(TrivialChange::posterize, 1, {200, 63, 64, 255}) == Bytes{192, 0, 64, 192});
  CHECK(of_row(TrivialChange::posterize, 0, {200, 63, 1}) == Bytes{200, 63, 1});
  CHECK(of_row(TrivialChange::solarize, 0.5, {100, 127, 128, 255}) == Bytes{100, 127, 127, 0});
  CHECK(of_row(TrivialChange::solarize, 1, {0, 100, 255}) == Bytes{255, 155, 0});
  CHECK(of_row(TrivialChange::auto_contrast, 0.3, {50, 100, 150}) == Bytes{0, 128, 255});
  CHECK(after(TrivialChange::auto_contrast, 0, 2, 1, 2, {7, 7, 10, 20}) == Bytes{7, 7, 0, 255});  // each channel by itself
  Bytes halves(512, 10);
  std::fill(halves.begin() + 256, halves.end(), 20);
  const Bytes spread = of_row(TrivialChange::equalize, 0, halves);  // 256 pixels are below 20, in steps of 1
  CHECK(spread[0] == 0);
  CHECK(spread[511] == 255);
  CHECK(of_row(TrivialChange::equalize, 0, {1, 2, 3}) == Bytes{1, 2, 3});  // too few for 255 steps
  CHECK(of_row(TrivialChange::identity, 1, {1, 2, 3}) == Bytes{1, 2, 3});
}

TEST_CASE("each change is as likely, at 31 strengths, with both signs where it has two sides") {
  std::map<TrivialChange, int> counts;
  std::set<int> strengths;
  std::set<TrivialChange> negative;
  constexpr int draws = 14000;
  for (std::uint64_t seed = 0; seed < draws; ++seed) {
    const TrivialDraw draw = draw_trivial(seed);
    ++counts[draw.change];
    const double thirtieths = std::abs(draw.strength) * 30;
    CHECK(std::abs(thirtieths - std::lround(thirtieths)) < 1e-9);
    strengths.insert(static_cast<int>(std::lround(thirtieths)));
    if (draw.strength < 0) negative.insert(draw.change);
  }
  REQUIRE(counts.size() == trivial_changes);
  for (const auto& [change, count] : counts) CHECK(std::abs(count - draws / trivial_changes) < 150);  // five standard deviations
  CHECK(strengths.size() == 31);
  CHECK(negative.count(TrivialChange::rotate) == 1);
  CHECK(negative.count(TrivialChange::posterize) + negative.count(TrivialChange::solarize) == 0);
}
