#include "eval/data/augmentation.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "eval/data/image_changes.h"
#include "eval/data/seed.h"

namespace eval {
namespace {

/// What a number is drawn for.
enum Purpose : std::uint64_t {
  mirror,
  down,
  right,
  area,
  aspect,
  top,
  left,
  brightness,
  contrast,
  saturation,
  hole_top,
  hole_left,
  trivial
};

double draw(std::uint64_t seed, Purpose purpose, double from, double to) {
  return from + (to - from) * unit_number(mix_seed(seed, purpose));
}

int draw_below(std::uint64_t seed, Purpose purpose, int bound) {
  return static_cast<int>(mix_seed(seed, purpose) % static_cast<std::uint64_t>(bound));
}

Planes jittered(const Planes& from, double jitter, std::uint64_t seed) {
  const double most = 1 + jitter, least = std::max(0.0, 1 - jitter);
  return recoloured(from, draw(seed, brightness, least, most), draw(seed, contrast, least, most), draw(seed, saturation, least, most));
}

}  // namespace

ImageWriter::ImageWriter(const Dataset& data, const Normalisation& normalisation, const Augmentation& augmentation)
    : data_(data), augmentation_(augmentation), shape_(data.shape()) {
  for (std::size_t c = 0; c < normalisation.mean.size(); ++c)
    for (int value = 0; value < 256; ++value)
      values_.push_back((static_cast<float>(value) / 255 - normalisation.mean[c]) / normalisation.deviation[c]);
}

Planes ImageWriter::changed_planes(std::int64_t image, std::uint64_t seed) const {
  const int margin = data_.margin();
  Planes planes{data_.pixels(image).data(), shape_.channels, shape_.height + 2 * margin, shape_.width + 2 * margin, margin};
  if (augmentation_.min_scale < 1) planes = crop_resized(planes, seed);
  if (augmentation_.jitter > 0) planes = jittered(planes, augmentation_.jitter, seed);
  if (augmentation_.trivial) planes = changed(planes, draw_trivial(mix_seed(seed, trivial)));
  return planes;
}

void ImageWriter::write(std::int64_t image, std::uint64_t seed, float* out) const {
  const Placement placed = draw_placement(seed);
  place(changed_planes(image, seed), placed, out);
  if (augmentation_.cutout > 0) cut_out(placed, out);
}

void ImageWriter::write_bytes(std::int64_t image, std::uint64_t seed, std::uint8_t* out) const {
  const Planes planes = changed_planes(image, seed);
  const int left_out = planes.margin - border(), height = planes.height - 2 * left_out, width = planes.width - 2 * left_out;
  for (int c = 0; c < planes.channels; ++c) {
    const std::uint8_t* plane = planes.bytes + static_cast<std::size_t>(c) * planes.plane();
    for (int y = 0; y < height; ++y)
      out = std::copy_n(plane + static_cast<std::size_t>(y + left_out) * planes.width + left_out, width, out);
  }
}

Placement ImageWriter::draw_placement(std::uint64_t seed) const {
  const int padding = augmentation_.padding, side = augmentation_.cutout;
  Placement drawn{.top = 2 * padding - draw_below(seed, down, 2 * padding + 1),
                  .left = 2 * padding - draw_below(seed, right, 2 * padding + 1),
                  .mirrored = augmentation_.flip && (mix_seed(seed, mirror) & 1)};
  if (side == 0) return drawn;
  // The middle is anywhere in the image, so that the square may reach over its edge.
  drawn.hole_top = draw_below(seed, hole_top, shape_.height) - side / 2;
  drawn.hole_left = draw_below(seed, hole_left, shape_.width) - side / 2;
  return drawn;
}

int ImageWriter::border() const {
  return augmentation_.min_scale < 1 ? 0 : std::min(augmentation_.padding, data_.margin());
}

Planes ImageWriter::crop_resized(const Planes& from, std::uint64_t seed) const {
  const double part = from.height * from.width * draw(seed, area, augmentation_.min_scale, 1);
  const double ratio = std::exp(draw(seed, aspect, std::log(3.0 / 4), std::log(4.0 / 3)));
  const int width = std::clamp(static_cast<int>(std::lround(std::sqrt(part * ratio))), 1, from.width);
  const int height = std::clamp(static_cast<int>(std::lround(std::sqrt(part / ratio))), 1, from.height);
  const cv::Rect window(draw_below(seed, left, from.width - width + 1), draw_below(seed, top, from.height - height + 1), width, height);
  Planes planes = Planes{nullptr, shape_.channels, shape_.height, shape_.width, 0}.blank();
  for (int c = 0; c < shape_.channels; ++c) {
    // OpenCV takes no constant data; nothing writes to them.
    const cv::Mat source(from.height, from.width, CV_8UC1,
                         const_cast<std::uint8_t*>(from.bytes) + static_cast<std::size_t>(c) * from.plane());
    cv::Mat target(shape_.height, shape_.width, CV_8UC1, planes.made.data() + static_cast<std::size_t>(c) * planes.plane());
    cv::resize(source(window), target, target.size(), 0, 0, cv::INTER_LINEAR);
  }
  return planes;
}

void ImageWriter::place(const Planes& planes, const Placement& placement, float* out) const {
  const auto [channels, height, width] = shape_;
  const int outside = planes.margin - augmentation_.padding, from_top = outside + placement.top, from_left = outside + placement.left;
  for (int c = 0; c < channels; ++c) {
    const float* value = values_.data() + 256 * c;
    for (int y = 0; y < height; ++y) {
      float* row = out + static_cast<std::ptrdiff_t>(y) * width * channels + c;
      const int source_y = y + from_top;
      if (source_y < 0 || source_y >= planes.height) {
        for (int x = 0; x < width; ++x) row[x * channels] = value[0];
        continue;
      }
      const std::uint8_t* source =
          planes.bytes + static_cast<std::size_t>(c) * planes.plane() + static_cast<std::size_t>(source_y) * planes.width;
      for (int x = 0; x < width; ++x) {
        const int source_x = (placement.mirrored ? width - 1 - x : x) + from_left;
        row[x * channels] = value[source_x >= 0 && source_x < planes.width ? source[source_x] : 0];
      }
    }
  }
}

void ImageWriter::cut_out(const Placement& placement, float* out) const {
  const auto [channels, height, width] = shape_;
  const int side = augmentation_.cutout, first_y = placement.hole_top, first_x = placement.hole_left;
  for (int y = std::max(first_y, 0); y < std::min(first_y + side, height); ++y)
    for (int x = std::max(first_x, 0); x < std::min(first_x + side, width); ++x)
      std::fill_n(out + (static_cast<std::ptrdiff_t>(y) * width + x) * channels, channels, 0.F);
}

}  // namespace eval
