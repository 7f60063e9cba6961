#include "prune/weight_average.h"

#include <vector>

#include "eval/precision.h"

namespace prune {

using torch::Tensor;

namespace {

#if NAS_TORCH_SINCE(2, 2)
void lerp(const std::vector<Tensor>& from, const std::vector<Tensor>& to, double weight) {
  if (!from.empty()) at::_foreach_lerp_(from, to, weight);
}

void copy(const std::vector<Tensor>& to, const std::vector<Tensor>& from) {
  if (!to.empty()) at::_foreach_copy_(to, from);
}
#else  // which has neither for lists
void lerp(const std::vector<Tensor>& from, const std::vector<Tensor>& to, double weight) {
  for (std::size_t i = 0; i < from.size(); ++i) from[i].lerp_(to[i], weight);
}

void copy(const std::vector<Tensor>& to, const std::vector<Tensor>& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i].copy_(from[i]);
}
#endif

}  // namespace

void update_average(const eval::Weights& average, const eval::Weights& now, double decay) {
  torch::NoGradGuard no_grad;
  std::vector<Tensor> trained, trained_now, running, running_now;
  for (const auto& [name, tensor] : average) {
    const Tensor& value = now.at(name);
    (value.requires_grad() ? trained : running).push_back(tensor);
    (value.requires_grad() ? trained_now : running_now).push_back(value);
  }
  lerp(trained, trained_now, 1 - decay);
  copy(running, running_now);
}

}  // namespace prune
