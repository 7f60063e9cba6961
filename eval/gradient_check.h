// Whether a net's gradients are right in a reduced precision, with this LibTorch, on this device and at these shapes: asked before
// training.
#pragma once

#include <string>

#include "eval/nets/net.h"
#include "eval/precision.h"

namespace eval {

/// While it lives, memory that is allocated holds NaN until it is written: on a processor all of it, on a GPU blocks of up to 64 MiB, which
/// go back to it afterwards (with LibTorch 2.9 or later). An operator that reads what was never written gives NaN then, every time.
class PoisonedMemory {
 public:
  explicit PoisonedMemory(torch::Device device);
  ~PoisonedMemory();
  PoisonedMemory(const PoisonedMemory&) = delete;
  PoisonedMemory& operator=(const PoisonedMemory&) = delete;

 private:
  torch::Device device_;
};

/// Why `net` should not be trained in `precision` on batches like this one; empty where nothing speaks against it. In poisoned memory the
/// gradients of a step must be finite, and not much further from those of fp32 than rounding weights and activations alone leads. The net
/// stays as it is; LibTorch's generator does not.
std::string gradient_fault(const Net& net, const torch::Tensor& images, const torch::Tensor& labels, Precision precision);

}  // namespace eval
