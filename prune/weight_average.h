// The moving average of a net's weights, all tensors at once. Used by the training loop.
#pragma once

#include "eval/nets/net.h"

namespace prune {

/// Moves what of `average` is trained towards the tensor of its name in `now` by 1 - decay; running statistics are taken over. Trained is
/// what asks for a gradient in `now`.
void update_average(const eval::Weights& average, const eval::Weights& now, double decay);

}  // namespace prune
