// How far tensors are apart.
#pragma once

#include <catch2/catch.hpp>

#include "eval/torch.h"

namespace support {

/// The largest difference of two elements over the largest element of `b`.
inline double relative_difference(const torch::Tensor& a, const torch::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

}  // namespace support
