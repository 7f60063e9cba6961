#include "prune/gradients.h"

#include <limits>

namespace prune {

using torch::Tensor;

std::vector<Tensor> defined_gradients(const std::vector<Tensor>& parameters) {
  std::vector<Tensor> gradients;
  for (const Tensor& parameter : parameters)
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  return gradients;
}

bool unscale(const std::vector<Tensor>& gradients, double scale) {
  if (gradients.empty()) return true;
  at::_foreach_div_(gradients, scale);
  // The largest of each is NaN where one is, and cannot overflow.
  return at::stack(at::_foreach_norm(gradients, std::numeric_limits<double>::infinity())).isfinite().all().item<bool>();
}

void clip_norm(const std::vector<Tensor>& gradients, double most) {
  if (gradients.empty()) return;
  const Tensor norm = at::stack(at::_foreach_norm(gradients)).norm();
  const Tensor factor = (most / (norm + 1e-6)).clamp_max(1);
  at::_foreach_mul_(gradients, std::vector<Tensor>(gradients.size(), factor));
}

}  // namespace prune
