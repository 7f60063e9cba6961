// Learning from another net's scores: the distance that a training loss adds. Used by the training loop.
#pragma once

#include "eval/torch.h"
#include "prune/train_options.h"

namespace prune {

/// Of `scores` from `wanted` (both [N, K]), summed over the images and times the square of the temperature, which keeps the gradients'
/// size. kd: Kullback-Leibler divergence of the softened probabilities (Hinton et al. 2015). dkd: the divergence of what the label's class
/// has against all others, plus `nontarget` times that among the others (Zhao et al. 2022, Decoupled Knowledge Distillation, equation 7).
/// labels: [N], int64.
torch::Tensor distance_to_teacher(const torch::Tensor& scores, const torch::Tensor& wanted, const torch::Tensor& labels,
                                  const DistillOptions& options);

}  // namespace prune
