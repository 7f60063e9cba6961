// Batch norm after a cut: the running statistics of the larger net no longer hold and are estimated anew.
#pragma once

#include "eval/data/loader.h"
#include "eval/nets/net.h"

namespace prune {

/// Replaces every running mean and variance by the average over batches of `images`, weights unchanged. Nets without batch norm stay as
/// they are.
void recalibrate_batch_norm(eval::Net& net, const eval::Dataset& data, const eval::Normalisation& normalisation,
                            const std::vector<std::int64_t>& images);

}  // namespace prune
