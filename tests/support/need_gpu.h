// For cases that only a GPU can decide.
#pragma once

#include <fmt/format.h>
#include <torch/cuda.h>

#include <cstdlib>

namespace support {

/// Ends the process as skipped, to CTest, where there is no GPU.
inline void need_gpu() {
  if (torch::cuda::device_count() > 0) return;
  fmt::print("skipped: no GPU is found\n");
  std::exit(77);
}

}  // namespace support
