// Operations on lists of tensors that LibTorch has for lists only since 2.2: before, tensor by tensor. Used where training keeps copies of
// a net's tensors.
#pragma once

#include <vector>

#include "eval/torch.h"

namespace prune {

/// The values of `from` into `to`, which are as many and of the same sizes.
void copy_all(const std::vector<torch::Tensor>& to, const std::vector<torch::Tensor>& from);

/// Moves `from` towards `to`, by `weight` of the way.
void lerp_all(const std::vector<torch::Tensor>& from, const std::vector<torch::Tensor>& to, double weight);

}  // namespace prune
