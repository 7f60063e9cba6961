#include "eval/data/normalisation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "storage/base/error.h"

namespace eval {

Normalisation measure_normalisation(const Dataset& data) {
  const auto [channels, height, width] = data.shape();
  const std::ptrdiff_t margin = data.margin(), row_step = width + 2 * margin, plane = (height + 2 * margin) * row_step;
  // A histogram of bytes is exact and holds for any number of images.
  std::vector<std::vector<std::int64_t>> histogram(channels, std::vector<std::int64_t>(256, 0));
  for (const std::int64_t image : data.split(Split::train)) {
    const std::span<const std::uint8_t> pixels = data.pixels(image);
    for (int c = 0; c < channels; ++c)
      for (int y = 0; y < height; ++y)
        for (const std::uint8_t pixel : pixels.subspan(c * plane + (y + margin) * row_step + margin, width)) ++histogram[c][pixel];
  }
  Normalisation normalisation;
  for (int c = 0; c < channels; ++c) {
    double count = 0, sum = 0, squares = 0;
    for (int value = 0; value < 256; ++value) {
      const double times = static_cast<double>(histogram[c][value]);
      count += times;
      sum += times * value / 255;
      squares += times * value * value / (255.0 * 255.0);
    }
    const double mean = count > 0 ? sum / count : 0;
    const double variance = count > 0 ? squares / count - mean * mean : 1;
    normalisation.mean.push_back(static_cast<float>(mean));
    normalisation.deviation.push_back(static_cast<float>(std::sqrt(std::max(variance, 1e-6))));
  }
  return normalisation;
}

const storage::Options& normalisation_options() {
  static const storage::Options options{
      {.name = "mean",
       .kind = storage::OptionKind::reals,
       .doc = "mean of each channel, pixels counted from 0 to 1; measured on the training images if absent",
       .min = 0,
       .max = 1,
       .optional = true},
      {.name = "deviation",
       .kind = storage::OptionKind::reals,
       .doc = "standard deviation of each channel, likewise",
       .min = 1e-3,
       .max = 10,
       .optional = true},
  };
  return options;
}

Normalisation normalisation_of(const storage::Json& settings, const Dataset& data) {
  if (!settings.contains("mean") && !settings.contains("deviation")) return measure_normalisation(data);
  const auto numbers = settings.value("mean", std::vector<float>()), deviations = settings.value("deviation", std::vector<float>());
  const auto channels = static_cast<std::size_t>(data.shape().channels);
  if (numbers.size() != channels || deviations.size() != channels)
    throw storage::Error(storage::ErrorKind::invalid, fmt::format("mean and deviation have {} and {} numbers; the images have {} channels",
                                                                  numbers.size(), deviations.size(), channels));
  return {numbers, deviations};
}

}  // namespace eval
