#include "eval/samples/texture.h"

#include <fmt/format.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "storage/base/error.h"

namespace eval {
namespace {

constexpr int jpeg_quality = 92;
constexpr double contrast = 55;  // of all gratings together, in steps of 255

}  // namespace

cv::Mat draw_texture(const std::vector<int>& gratings, cv::Size size, std::uint64_t seed) {
  Draws draws(seed);
  cv::Mat_<cv::Vec3d> light(size, cv::Vec3d(draws.between(90, 165), draws.between(90, 165), draws.between(90, 165)));
  const double height = contrast * draws.between(0.7, 1.3) / std::sqrt(std::max<double>(1, static_cast<double>(gratings.size()) / 3));
  for (const int grating : gratings) {
    const double waves = (2 + 1.2 * (grating / 9)) * draws.between(0.95, 1.05);  // over the shorter side: above two pixels each from 16 on
    const double pace = 2 * CV_PI * waves / std::min(size.width, size.height);
    const double across = draws.between(0, 2 * CV_PI), down = draws.between(0, 2 * CV_PI);
    const int kind = grating / 3 % 3;
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x)
        light(y, x)[grating % 3] += height * (kind == 1 ? 1 : std::cos(pace * x + across)) * (kind == 0 ? 1 : std::cos(pace * y + down));
  }
  const double noise = draws.between(3, 15);
  cv::Mat_<cv::Vec3b> image(size);
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x)
      for (int c = 0; c < 3; ++c) image(y, x)[c] = cv::saturate_cast<std::uint8_t>(light(y, x)[c] + noise * draws.normal());
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
