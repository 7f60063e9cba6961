#include "eval/nets/linear.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <cstdint>

#include "eval/precision.h"

namespace eval {

using torch::Tensor;

namespace {

/// Below this a product takes too little time to matter.
constexpr std::int64_t many_weights = std::int64_t{1} << 20;

bool is_for_blas(const Tensor& x, const Tensor& weight) {
  return x.is_cpu() && x.scalar_type() == torch::kFloat32 && weight.scalar_type() == torch::kFloat32 && !is_bf16_on_cpu() && !at::hasMKL();
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (weight.numel() < many_weights || !is_for_blas(x, weight) || !at::hasMKLDNN()) return at::linear(x, weight, bias);
  const std::int64_t images = x.size(0), inputs = weight.size(1), outputs = weight.size(0);
  const Tensor filters = weight.reshape({outputs, inputs, 1, 1});
  // LibTorch gives a convolution by 1 x 1 to oneDNN where it has 16 images, or one of more than 20,480 numbers and several threads, which
  // is faster: then the images are places of one. For a few, arranging the weights costs more than the product.
  if (images >= 4 && at::get_num_threads() > 1 && images * inputs > 20480)
    return at::conv2d(x.t().reshape({1, inputs, images, 1}), filters, bias).view({outputs, images}).t().contiguous();
  if (images >= 16) return at::conv2d(x.reshape({images, inputs, 1, 1}), filters, bias).flatten(1);
  return at::linear(x, weight, bias);
}

}  // namespace eval
