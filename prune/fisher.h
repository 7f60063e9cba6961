// Fisher's linear discriminant as plain maths on firings: scatter in one streaming pass, the utility of a neuron, the selection of the
// fewest neurons that decide as well, and the projection behind Wilks' lambda.
#pragma once

#include <cstdint>
#include <vector>

#include "eval/torch.h"

namespace prune {

/// Sums over n firings of d neurons in K classes, in fp64. Sb = sum_k n_k (m_k - m)(m_k - m)', Sw = the rest of the total scatter.
struct Scatter {
  std::int64_t images = 0;
  torch::Tensor counts;            ///< [K]
  torch::Tensor means;             ///< [K, d], by class; rows of absent classes are 0
  torch::Tensor mean;              ///< [d]
  torch::Tensor within;            ///< [d, d], or undefined where only diagonals were kept
  torch::Tensor within_diagonal;   ///< [d]
  torch::Tensor between_diagonal;  ///< [d]

  /// [d, d]: K class means give it exactly.
  torch::Tensor between() const;
};

/// Accumulates scatter batch by batch; memory does not depend on the number of firings (Chan, Golub, LeVeque 1979, pairwise update).
class ScatterAccumulator {
 public:
  /// Full matrices up to this many neurons: 4096 take 134 MB.
  static constexpr std::int64_t full_limit = 4096;

  ScatterAccumulator(std::int64_t classes, std::int64_t features);

  /// firings: [n, d]; labels: [n] int64 in [0, K).
  void add(const torch::Tensor& firings, const torch::Tensor& labels);

  /// Throws storage::Error(invalid) where firings were not finite.
  Scatter scatter() const;

 private:
  std::int64_t classes_;
  torch::Tensor counts_, means_, within_, within_diagonal_;
};

/// v_j = Sb(j,j) / Sw(j,j) (Tian et al., section 3.1): [d]. 0 for a neuron without variance and for the later of two exact duplicates (seen
/// where full matrices are kept); infinity for one that never varies within a class.
torch::Tensor fisher_utility(const Scatter& scatter);

/// A classifier from scatter alone, on the neurons `selected`: scores [n, K] of Gaussian classes with the shared covariance Sw/n, ridge
/// included.
class DiscriminantClassifier {
 public:
  DiscriminantClassifier(const Scatter& scatter, const std::vector<std::int64_t>& selected);
  /// firings: [n, d] of all neurons. Returns the predicted classes, [n].
  torch::Tensor classify(const torch::Tensor& firings) const;

 private:
  torch::Tensor index_, weights_, offsets_;
};

/// The `count` neurons of the largest utility, by falling utility; fewer where fewer have any.
std::vector<std::int64_t> most_useful(const torch::Tensor& utility, std::int64_t count);

struct Selection {
  std::vector<std::int64_t> neurons;  ///< by falling utility
  double accuracy = 0;                ///< of the refitted classifier on the validation firings
  bool reached = true;                ///< false: no selection came within the tolerance, the most accurate was taken
};

/// The fewest neurons of largest utility, of those that have any, whose refitted classifier has at least `accuracy` on validation firings
/// [n, d] with labels [n].
Selection select_neurons(const Scatter& scatter, const torch::Tensor& utility, const torch::Tensor& firings, const torch::Tensor& labels,
                         double accuracy);

/// A with A A' = D^-1 (R^-1 - (R + B)^-1) D^-1: [d, r], r at most K - 1. A displacement dh of a firing lowers -log(Wilks' lambda) by |A'
/// dh|^2. D = diag(Sw/n)^(1/2), R = D^-1 (Sw/n) D^-1 + ridge I, B likewise from Sb/n. Where only diagonals were kept, R is the identity
/// plus ridge.
torch::Tensor wilks_projection(const Scatter& scatter, double ridge);

}  // namespace prune
