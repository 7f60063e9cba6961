#include "eval/samples/photo.h"

#include <fmt/format.h>
#include <turbojpeg.h>

#include <memory>
#include <opencv2/imgproc.hpp>

#include "storage/base/error.h"

namespace eval {
namespace {

constexpr int jpeg_quality = 92;

Colour draw_colour(Draws& draws) {
  const Colour colour{draws.between(20, 235), draws.between(20, 235), draws.between(20, 235)};
  const double grey = (colour[0] + colour[1] + colour[2]) / 3;
  return mix(colour, {grey, grey, grey}, 0.4);
}

/// What light makes of each pixel.
void shine(cv::Mat& image, const Shot& shot) {
  for (int y = 0; y < image.rows; ++y) {
    auto* row = image.ptr<cv::Vec3b>(y);
    for (int x = 0; x < image.cols; ++x) {
      const double light = shot.gain * (1 + shot.side_x * (2.0 * x / image.cols - 1) + shot.side_y * (2.0 * y / image.rows - 1));
      for (int c = 0; c < 3; ++c) row[x][c] = cv::saturate_cast<std::uint8_t>(row[x][c] * light * shot.cast[c]);
    }
  }
}

/// Two uniform numbers of 32 bits a channel make noise of nearly normal distribution.
void add_noise(cv::Mat& image, double deviation, std::uint64_t seed) {
  const double scale = deviation * std::sqrt(6.0) * 0x1p-32;
  std::uint64_t part = 0;
  for (int y = 0; y < image.rows; ++y) {
    auto* row = image.ptr<std::uint8_t>(y);
    for (int i = 0; i < 3 * image.cols; ++i) {
      const std::uint64_t bits = mix_seed(seed, part++);
      const double sum = static_cast<double>(bits >> 32) + static_cast<double>(bits & 0xffffffffu) - 0x1p32;
      row[i] = cv::saturate_cast<std::uint8_t>(row[i] + scale * sum);
    }
  }
}

}  // namespace

Shot draw_shot(Draws& draws) {
  Shot shot;
  shot.gain = draws.between(0.62, 1.15);
  shot.side_x = draws.between(-0.35, 0.35);
  shot.side_y = draws.between(-0.2, 0.1);
  const double warm = draws.between(-0.09, 0.09);
  shot.cast = {1 + warm, 1, 1 - warm};
  shot.blur = draws.chance(0.5) ? draws.between(0, 1) : 0;
  shot.noise = draws.between(1, 11);
  return shot;
}

cv::Mat draw_background(cv::Size size, Draws& draws) {
  const Colour top = draw_colour(draws), bottom = mix(top, draw_colour(draws), 0.5);
  cv::Mat canvas(size, CV_8UC3);
  for (int y = 0; y < size.height; ++y) {
    const Colour colour = mix(top, bottom, static_cast<double>(y) / size.height);
    canvas.row(y).setTo(cv::Scalar(colour[0], colour[1], colour[2]));
  }
  Pen pen(canvas, {static_cast<double>(size.width), 0, 0, 0, static_cast<double>(size.height), 0});
  const int things = draws.index(6);
  for (int i = 0; i < things; ++i) {
    const cv::Point2d centre(draws.unit(), draws.unit());
    pen.fill(ellipse(centre, draws.between(0.05, 0.4), draws.between(0.05, 0.4), draws.between(0, CV_PI)), draw_colour(draws),
             draws.between(0.2, 0.7));
  }
  cv::GaussianBlur(canvas, canvas, {}, 0.01 * size.width + 0.5);
  return canvas;
}

cv::Mat take_picture(const cv::Mat& drawing, const Shot& shot, cv::Size size, std::uint64_t seed) {
  cv::Mat image;
  cv::resize(drawing, image, size, 0, 0, cv::INTER_AREA);
  if (const double deviation = shot.blur * size.width / 100; deviation > 0.2) cv::GaussianBlur(image, image, {}, deviation);
  shine(image, shot);
  add_noise(image, shot.noise, seed);
  return image;
}

std::string encode_jpeg(const cv::Mat& image) {
  const std::unique_ptr<void, int (*)(tjhandle)> encoder(tjInitCompress(), tjDestroy);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  const int code = tjCompress2(encoder.get(), image.data, image.cols, static_cast<int>(image.step), image.rows, TJPF_RGB, &bytes, &size,
                               TJSAMP_444, jpeg_quality, TJFLAG_ACCURATEDCT);
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(bytes, tjFree);
  if (code != 0) throw storage::Error(storage::ErrorKind::internal, fmt::format("JPEG encoder: {}", tjGetErrorStr2(encoder.get())));
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace eval
