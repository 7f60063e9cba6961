// Batch norm after a cut: the running statistics of the larger net no longer hold and are estimated anew.
#pragma once

#include "eval/data/loader.h"
#include "eval/nets/net.h"

namespace prune {

/// Replaces every running mean and variance by the average over batches of `images`, weights unchanged. Nets without batch norm stay as
/// they are.
void recalibrate_batch_norm(eval::Net& net, const eval::Dataset& data, const eval::Normalisation& normalisation,
                            const std::vector<std::int64_t>& images);

/// The batch norms of `spec` that `weights` lack, made so that the net computes what it computes without them: the mean and the variance of
/// what each reads over `images` as statistics, the variance's root (with epsilon) as scale and the mean as shift. For nets whose batch
/// norm was folded (own_net.h). Throws storage::Error(invalid) where there are no images.
eval::Weights fill_batch_norm(const eval::NetSpec& spec, eval::Weights weights, const eval::Dataset& data,
                              const eval::Normalisation& normalisation, const std::vector<std::int64_t>& images, torch::Device device);

}  // namespace prune
