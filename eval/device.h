// What a device is asked besides arithmetic: whether it still answers, and its memory. Used by the worker between stages.
#pragma once

#include <cstdint>

#include "eval/torch.h"

namespace eval {

/// Whether the device takes more work. A kernel that failed leaves a GPU's context broken: everything after it fails too, until the process
/// ends.
bool device_answers(torch::Device device);

/// Returns memory that is kept for later, by LibTorch or on a CPU by glibc, to the device, for others that share it. LibTorch before 2.9
/// has no such call for programs built without CUDA's headers: then a GPU's stays.
void release_memory(torch::Device device);

/// The most memory that was taken while the object lived: of the GPU by LibTorch (since 2.9), of the process on a CPU.
class PeakMemory {
 public:
  explicit PeakMemory(torch::Device device);
  /// In bytes; 0 where it is not known.
  std::int64_t bytes() const;

 private:
  torch::Device device_;
};

}  // namespace eval
