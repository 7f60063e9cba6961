// Training images mixed in pairs: mixup and CutMix. Used by the training loop.
#pragma once

#include <cstdint>

#include "eval/torch.h"
#include "prune/train_options.h"

namespace prune {

struct MixedBatch {
  torch::Tensor images, labels, other_labels;
  double share = 1;  ///< of `labels`; the others have the rest
};

/// mixup (Zhang et al. 2018): images are weighed sums. CutMix (Yun et al. 2019): a box of an image is another's. The share is drawn from
/// Beta(alpha, alpha), one a batch; with both options one of them is drawn for each batch.
MixedBatch mix(const torch::Tensor& images, const torch::Tensor& labels, const TrainOptions& options, std::uint64_t seed);

}  // namespace prune
