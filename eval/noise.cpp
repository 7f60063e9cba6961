#include "eval/noise.h"

#include <turbojpeg.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <random>

#include "storage/base/named.h"

namespace eval {
namespace {

using Pixels = std::span<float>;
using Random = std::mt19937_64;

void add_gaussian(const Shape&, Pixels pixels, double level, std::uint64_t seed) {
  Random random(seed);
  std::normal_distribution<double> draw(0, level / 255);
  for (float& pixel : pixels) pixel += static_cast<float>(draw(random));
}

void add_poisson(const Shape&, Pixels pixels, double level, std::uint64_t seed) {
  Random random(seed);
  for (float& pixel : pixels)
    if (pixel > 0) pixel = static_cast<float>(std::poisson_distribution<int>(pixel * level)(random) / level);
}

void add_speckle(const Shape&, Pixels pixels, double level, std::uint64_t seed) {
  Random random(seed);
  std::normal_distribution<double> draw(0, level);
  for (float& pixel : pixels) pixel += pixel * static_cast<float>(draw(random));
}

void add_salt_and_pepper(const Shape& shape, Pixels pixels, double level, std::uint64_t seed) {
  Random random(seed);
  std::uniform_real_distribution<double> draw;
  const std::size_t plane = static_cast<std::size_t>(shape.height) * shape.width;
  for (std::size_t at = 0; at < plane; ++at) {
    const double drawn = draw(random);
    if (drawn >= level) continue;
    for (std::size_t channel = 0; channel < pixels.size(); channel += plane) pixels[channel + at] = drawn < level / 2 ? 0.0F : 1.0F;
  }
}

void blur(const Shape& shape, Pixels pixels, double level, std::uint64_t) {
  const std::size_t plane = static_cast<std::size_t>(shape.height) * shape.width;
  for (std::size_t channel = 0; channel < pixels.size(); channel += plane) {
    cv::Mat image(shape.height, shape.width, CV_32FC1, pixels.data() + channel);
    cv::GaussianBlur(image.clone(), image, {0, 0}, level, level, cv::BORDER_REFLECT_101);
  }
}

/// Compresses and decompresses bytes in place; `format`: TJPF_GRAY or TJPF_RGB.
void through_jpeg(cv::Mat& image, int format, int quality) {
  const std::unique_ptr<void, int (*)(tjhandle)> encoder(tjInitCompress(), &tjDestroy), decoder(tjInitDecompress(), &tjDestroy);
  unsigned char* compressed = nullptr;
  unsigned long size = 0;  // as the library has it
  const bool written = tjCompress2(encoder.get(), image.data, image.cols, 0, image.rows, format, &compressed, &size,
                                   format == TJPF_GRAY ? TJSAMP_GRAY : TJSAMP_420, quality, TJFLAG_ACCURATEDCT) == 0;
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(compressed, &tjFree);
  if (!written || tjDecompress2(decoder.get(), compressed, size, image.data, image.cols, 0, image.rows, format, TJFLAG_ACCURATEDCT) != 0)
    throw storage::Error(storage::ErrorKind::internal, std::string("JPEG: ") + tjGetErrorStr2(written ? decoder.get() : encoder.get()));
}

void compress_jpeg(const Shape& shape, Pixels pixels, double level, std::uint64_t) {
  const std::size_t plane = static_cast<std::size_t>(shape.height) * shape.width;
  const int together = shape.channels == 3 ? 3 : 1;  // other channels than red, green and blue are grey images each
  for (int first = 0; first < shape.channels; first += together) {
    cv::Mat image(shape.height, shape.width, CV_8UC(together));
    const auto pixel_of = [&](std::size_t at, int c) -> float& { return pixels[static_cast<std::size_t>(first + c) * plane + at]; };
    for (std::size_t at = 0; at < plane; ++at)
      for (int c = 0; c < together; ++c)
        image.data[at * static_cast<std::size_t>(together) + static_cast<std::size_t>(c)] =
            static_cast<std::uint8_t>(std::lround(pixel_of(at, c) * 255));
    through_jpeg(image, together == 3 ? TJPF_RGB : TJPF_GRAY, static_cast<int>(std::lround(level)));
    for (std::size_t at = 0; at < plane; ++at)
      for (int c = 0; c < together; ++c)
        pixel_of(at, c) = static_cast<float>(image.data[at * static_cast<std::size_t>(together) + static_cast<std::size_t>(c)]) / 255;
  }
}

void brighten(const Shape&, Pixels pixels, double level, std::uint64_t) {
  for (float& pixel : pixels) pixel += static_cast<float>(level);
}

void change_contrast(const Shape&, Pixels pixels, double level, std::uint64_t) {
  const double mean = std::accumulate(pixels.begin(), pixels.end(), 0.0) / static_cast<double>(pixels.size());
  for (float& pixel : pixels) pixel = static_cast<float>(mean + level * (pixel - mean));
}

}  // namespace

const std::vector<NoiseEntry>& noise_registry() {
  static const std::vector<NoiseEntry> entries{
      {"gaussian", "standard deviation of what is added to each value, of 255", {5, 10, 20}, 0, 255, 0, add_gaussian},
      {"poisson",
       "photons that white stands for: their number is drawn, so fewer are more noise",
       {255, 50},
       1,
       1e6,
       std::nullopt,
       add_poisson},
      {"speckle", "standard deviation of the factor's distance from 1 for each value", {0.05, 0.1, 0.2}, 0, 10, 0, add_speckle},
      {"salt_and_pepper", "share of the pixels that become black or white, half each", {0.01, 0.05}, 0, 1, 0, add_salt_and_pepper},
      {"blur", "standard deviation of a Gaussian blur, in pixels", {0.5, 1}, 0.01, 100, 0, blur},
      {"jpeg", "quality of the compression, from 1 to 100, with halved colour planes", {75, 25}, 1, 100, 100, compress_jpeg},
      {"brightness", "what is added to each value, of 1", {-0.2, 0.2}, -1, 1, 0, brighten},
      {"contrast", "factor of each value's distance from the image's mean", {0.5, 1.5}, 0, 100, 1, change_contrast},
  };
  return entries;
}

const NoiseEntry& noise_entry(const std::string& name) {
  return storage::find_named(noise_registry(), name, "noise", &NoiseEntry::name);
}

void add_noise(const std::string& name, double level, std::uint64_t seed, const Shape& shape, std::span<float> pixels) {
  noise_entry(name).apply(shape, pixels, level, seed);
  for (float& pixel : pixels) pixel = std::clamp(pixel, 0.0F, 1.0F);
}

}  // namespace eval
