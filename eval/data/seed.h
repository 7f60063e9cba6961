// Seeds for purposes: what is drawn for one thing must not move what is drawn for another. Used wherever something is random.
#pragma once

#include <cstdint>

namespace eval {

/// A seed for a purpose: mixes the parts so that nearby seeds give unrelated streams (SplitMix64, Steele et al. 2014).
inline std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t part) {
  std::uint64_t z = seed + (part + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// A number in [0, 1) from a mixed seed.
inline double unit_number(std::uint64_t mixed) {
  return static_cast<double>(mixed >> 11) * 0x1p-53;
}

}  // namespace eval
