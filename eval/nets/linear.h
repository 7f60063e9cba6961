// Fully connected layers, forward and backward.
#pragma once

#include "eval/torch.h"

namespace eval {

/// at::linear: x [N, inputs] times the transposed weight [outputs, inputs], plus bias [outputs], which may be empty. In fp32 on the CPU a
/// LibTorch without MKL leaves it to the BLAS that is installed, and Debian's reference one makes 2.3 GFLOP/s; in large layers, for 16
/// images or with several threads for fewer, oneDNN computes it instead, as a convolution by 1 x 1: 7 to 12 times as fast by one thread, 17
/// to 43 by two (docs/measured.md).
torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias = {});

}  // namespace eval
