#include "prune/weight_average.h"

#include <vector>

#include "prune/tensor_lists.h"

namespace prune {

using torch::Tensor;

void update_average(const eval::Weights& average, const eval::Weights& now, double decay) {
  torch::NoGradGuard no_grad;
  std::vector<Tensor> trained, trained_now, running, running_now;
  for (const auto& [name, tensor] : average) {
    const Tensor& value = now.at(name);
    (value.requires_grad() ? trained : running).push_back(tensor);
    (value.requires_grad() ? trained_now : running_now).push_back(value);
  }
  lerp_all(trained, trained_now, 1 - decay);
  copy_all(running, running_now);
}

}  // namespace prune
