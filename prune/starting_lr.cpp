#include "prune/starting_lr.h"

#include <algorithm>
#include <cmath>

#include "eval/cost.h"
#include "prune/magnitude.h"

namespace prune {

namespace {

/// Of the filters' weights.
double squared_length(const eval::Weights& weights) {
  double sum = 0;
  for (const auto& [name, tensor] : weights)
    if (name.ends_with(".weight") && tensor.dim() > 1) sum += tensor.square().sum().item<double>();
  return sum;
}

/// Parameters, or of a net whose single weights are 0 the weights of filters that are not.
double size_of(const eval::NetSpec& spec, const eval::Weights& weights, bool is_sparse) {
  if (!is_sparse) return static_cast<double>(eval::cost(spec).params);
  const Sparse counted = count_zeros(spec, weights);
  return static_cast<double>(counted.total - counted.zeros);
}

}  // namespace

double starting_share(const eval::Net& net, const Cut& cut, bool is_sparse, double epochs, double base_epochs) {
  const double whole = squared_length(net.weights());
  const double removed = std::sqrt(std::max(0.0, 1 - squared_length(cut.weights) / whole));
  const double share = 1 - size_of(cut.spec, cut.weights, is_sparse) / size_of(net.spec(), net.weights(), is_sparse);
  if (share <= 0) return 1;
  return std::clamp(removed / std::sqrt(share), std::min(1.0, epochs / base_epochs), 1.0);
}

}  // namespace prune
