// Changes of an image that know no net: noise, blur, compression, light. Without LibTorch: the experiment is validated against the table
// here, and the robustness of a net is measured by it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eval/nets/net_spec.h"

namespace eval {

/// One row of the table of noises.
struct NoiseEntry {
  std::string name;
  std::string doc;                  ///< what a level is, with its unit
  std::vector<double> levels;       ///< the default
  double min, max;                  ///< of a level
  std::optional<double> unchanged;  ///< the level at which an image stays as it is, or as good as; none: no level does that
  void (*apply)(const Shape& shape, std::span<float> pixels, double level, std::uint64_t seed);
};

const std::vector<NoiseEntry>& noise_registry();

/// Throws storage::Error(invalid), with the nearest name.
const NoiseEntry& noise_entry(const std::string& name);

/// Changes one image: planes (channel, row, column) of `shape`, numbers in [0, 1], to which the result is clipped. The same seed draws the
/// same noise; the noises and levels of one seed share their draws.
void add_noise(const std::string& name, double level, std::uint64_t seed, const Shape& shape, std::span<float> pixels);

}  // namespace eval
