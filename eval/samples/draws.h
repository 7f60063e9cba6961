// Numbers drawn one after the other from one seed, the same on every platform. Used by the samples.
#pragma once

#include <cmath>

#include "eval/data/seed.h"

namespace eval {

class Draws {
 public:
  explicit Draws(std::uint64_t seed) : seed_(seed) {}

  /// In [0, 1).
  double unit() { return unit_number(mix_seed(seed_, next_++)); }
  double between(double low, double high) { return low + (high - low) * unit(); }
  bool chance(double probability) { return unit() < probability; }
  /// In [0, count).
  int index(int count) { return static_cast<int>(unit() * count); }
  /// Mean 0, deviation 1, within 3.5: the sum of four uniform numbers.
  double normal() { return (unit() + unit() + unit() + unit() - 2) * std::sqrt(3.0); }

 private:
  std::uint64_t seed_;
  std::uint64_t next_ = 0;
};

}  // namespace eval
