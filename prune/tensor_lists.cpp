#include "prune/tensor_lists.h"

#include "eval/precision.h"

namespace prune {

using torch::Tensor;

void copy_all(const std::vector<Tensor>& to, const std::vector<Tensor>& from) {
  if (to.empty()) return;
#if NAS_TORCH_SINCE(2, 2)
  at::_foreach_copy_(to, from);
#else
  for (std::size_t i = 0; i < to.size(); ++i) to[i].copy_(from[i]);
#endif
}

void lerp_all(const std::vector<Tensor>& from, const std::vector<Tensor>& to, double weight) {
  if (from.empty()) return;
#if NAS_TORCH_SINCE(2, 2)
  at::_foreach_lerp_(from, to, weight);
#else
  for (std::size_t i = 0; i < from.size(); ++i) from[i].lerp_(to[i], weight);
#endif
}

}  // namespace prune
