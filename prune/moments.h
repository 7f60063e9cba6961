// Mean and variance by channel over batches, in one pass. Used by the refit and where batch norm is put into a net.
#pragma once

#include "eval/torch.h"

namespace prune {

/// Batches are put together in double (Chan, Golub, LeVeque 1983).
struct Moments {
  double count = 0;             ///< values a channel
  torch::Tensor mean, squares;  ///< [C] fp64; squares: sums of squares about the mean

  /// Adds those of x, [N, C, ...]. Its own mean, and how far its values are from that, are of its own precision; their squares are summed
  /// in double.
  void add(const torch::Tensor& x);
  void add(const Moments& more);

  /// With `count` in the denominator. [C]
  torch::Tensor variance() const { return squares / count; }
};

}  // namespace prune
