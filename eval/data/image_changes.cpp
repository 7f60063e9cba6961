#include "eval/data/image_changes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "eval/data/seed.h"

namespace eval {
namespace {

using Table = std::array<std::uint8_t, 256>;

std::uint8_t to_byte(double value) {
  return static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0));
}

/// Grey as the eye sees it (ITU-R BT.601).
double luma(const Planes& planes, std::size_t pixel) {
  if (planes.channels != 3) return planes.bytes[pixel];
  return 0.299 * planes.bytes[pixel] + 0.587 * planes.bytes[planes.plane() + pixel] + 0.114 * planes.bytes[2 * planes.plane() + pixel];
}

/// OpenCV takes no constant data; nothing writes to what is read.
cv::Mat matrix(const Planes& planes, int channel) {
  return {planes.height, planes.width, CV_8UC1,
          const_cast<std::uint8_t*>(planes.bytes) + static_cast<std::size_t>(channel) * planes.plane()};
}

/// Each output place (x, y) shows the input at (a x + b y + c, d x + e y + f).
Planes warped(const Planes& from, const cv::Matx23d& inverse) {
  Planes to = from.blank();
  for (int c = 0; c < from.channels; ++c) {
    cv::Mat target = matrix(to, c);
    cv::warpAffine(matrix(from, c), target, inverse, target.size(), cv::INTER_NEAREST | cv::WARP_INVERSE_MAP, cv::BORDER_CONSTANT, 0);
  }
  return to;
}

Planes rotated(const Planes& from, double degrees) {
  const cv::Point2f middle(static_cast<float>(from.width - 1) / 2, static_cast<float>(from.height - 1) / 2);
  return warped(from, cv::getRotationMatrix2D(middle, degrees, 1));
}

Planes looked_up(const Planes& from, const std::vector<Table>& by_channel) {
  Planes to = from.blank();
  for (std::size_t i = 0; i < to.made.size(); ++i) to.made[i] = by_channel[i / from.plane()][from.bytes[i]];
  return to;
}

template <class Change>
Planes by_value(const Planes& from, const Change& change) {
  Table table;
  for (int value = 0; value < 256; ++value) table[static_cast<std::size_t>(value)] = change(value);
  return looked_up(from, std::vector<Table>(static_cast<std::size_t>(from.channels), table));
}

/// Away from a smoothed image, or towards it; the edges stay, as in PIL.
Planes sharpened(const Planes& from, double factor) {
  const cv::Matx33f kernel(1, 1, 1, 1, 5, 1, 1, 1, 1);  // over 13
  Planes to = from.blank();
  for (int c = 0; c < from.channels; ++c) {
    const cv::Mat sharp = matrix(from, c);
    cv::Mat smooth, target = matrix(to, c);
    cv::filter2D(sharp, smooth, CV_64F, kernel);
    for (int y = 0; y < from.height; ++y)
      for (int x = 0; x < from.width; ++x) {
        const bool is_edge = y == 0 || x == 0 || y == from.height - 1 || x == from.width - 1;
        const double value = sharp.at<std::uint8_t>(y, x), blurred = is_edge ? value : std::round(smooth.at<double>(y, x) / 13);
        target.at<std::uint8_t>(y, x) = to_byte(blurred + factor * (value - blurred));
      }
  }
  return to;
}

std::vector<std::array<int, 256>> histograms(const Planes& planes) {
  std::vector<std::array<int, 256>> counts(static_cast<std::size_t>(planes.channels));
  for (std::size_t i = 0; i < counts.size() * planes.plane(); ++i) ++counts[i / planes.plane()][planes.bytes[i]];
  return counts;
}

/// Every channel's least value becomes 0, its largest 255.
Table stretched(const std::array<int, 256>& counts) {
  int least = 0, most = 255;
  while (counts[static_cast<std::size_t>(least)] == 0) ++least;
  while (counts[static_cast<std::size_t>(most)] == 0) --most;
  Table table;
  for (int value = 0; value < 256; ++value)
    table[static_cast<std::size_t>(value)] =
        least == most ? static_cast<std::uint8_t>(value) : to_byte(255.0 * (value - least) / (most - least));
  return table;
}

/// PIL's: each value becomes the number of pixels below it, in steps of which there are 255.
Table equalized(const std::array<int, 256>& counts) {
  int pixels = 0, last = 0;
  for (const int count : counts)
    if (count > 0) pixels += count, last = count;
  const int step = (pixels - last) / 255;
  Table table;
  int below = step / 2;
  for (std::size_t value = 0; value < 256; ++value) {
    table[value] = static_cast<std::uint8_t>(step == 0 ? static_cast<int>(value) : std::min(below / step, 255));
    below += counts[value];
  }
  return table;
}

Planes by_histogram(const Planes& from, Table (*table)(const std::array<int, 256>&)) {
  std::vector<Table> tables;
  for (const std::array<int, 256>& counts : histograms(from)) tables.push_back(table(counts));
  return looked_up(from, tables);
}

bool has_two_sides(TrivialChange change) {
  return change != TrivialChange::posterize && change != TrivialChange::solarize;
}

}  // namespace

Planes Planes::blank() const {
  Planes same{nullptr, channels, height, width, margin};
  same.made.resize(static_cast<std::size_t>(channels) * plane());
  same.bytes = same.made.data();
  return same;
}

Planes recoloured(const Planes& from, double brightness, double contrast, double saturation) {
  double mean = 0;
  for (std::size_t pixel = 0; pixel < from.plane(); ++pixel) mean += luma(from, pixel);
  mean *= brightness / static_cast<double>(from.plane());
  Planes to = from.blank();
  for (std::size_t pixel = 0; pixel < from.plane(); ++pixel) {
    const double grey = luma(from, pixel);
    for (int c = 0; c < from.channels; ++c) {
      const std::size_t at = static_cast<std::size_t>(c) * from.plane() + pixel;
      const double value = from.channels == 3 ? grey + saturation * (from.bytes[at] - grey) : from.bytes[at];
      to.made[at] = to_byte(mean + contrast * (brightness * value - mean));
    }
  }
  return to;
}

TrivialDraw draw_trivial(std::uint64_t seed) {
  constexpr std::uint64_t strengths = 31;
  TrivialDraw draw{static_cast<TrivialChange>(mix_seed(seed, 0) % trivial_changes),
                   static_cast<double>(mix_seed(seed, 1) % strengths) / (strengths - 1)};
  if (has_two_sides(draw.change) && (mix_seed(seed, 2) & 1)) draw.strength = -draw.strength;
  return draw;
}

Planes changed(const Planes& from, const TrivialDraw& draw) {
  const double strength = draw.strength, shear = 0.99 * strength, shift = std::trunc(32 * strength), factor = 1 + 0.99 * strength;
  switch (draw.change) {
    case TrivialChange::identity:
      break;
    case TrivialChange::shear_x:
      return warped(from, {1, shear, 0, 0, 1, 0});
    case TrivialChange::shear_y:
      return warped(from, {1, 0, 0, shear, 1, 0});
    case TrivialChange::translate_x:
      return warped(from, {1, 0, -shift, 0, 1, 0});
    case TrivialChange::translate_y:
      return warped(from, {1, 0, 0, 0, 1, -shift});
    case TrivialChange::rotate:
      return rotated(from, 135 * strength);
    case TrivialChange::brightness:
      return recoloured(from, factor, 1, 1);
    case TrivialChange::saturation:
      return recoloured(from, 1, 1, factor);
    case TrivialChange::contrast:
      return recoloured(from, 1, factor, 1);
    case TrivialChange::sharpness:
      return sharpened(from, factor);
    case TrivialChange::posterize: {
      const auto bits = 8 - std::lround(6 * strength);
      return by_value(from, [&](int value) { return static_cast<std::uint8_t>(value & (0xff << (8 - bits))); });
    }
    case TrivialChange::solarize:
      return by_value(from, [&](int value) { return static_cast<std::uint8_t>(value >= 255 * (1 - strength) ? 255 - value : value); });
    case TrivialChange::auto_contrast:
      return by_histogram(from, stretched);
    case TrivialChange::equalize:
      return by_histogram(from, equalized);
  }
  Planes same = from.blank();
  std::copy_n(from.bytes, same.made.size(), same.made.begin());
  return same;
}

}  // namespace eval
