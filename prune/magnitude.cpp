#include "prune/magnitude.h"

#include <algorithm>
#include <cmath>

namespace prune {

using torch::Tensor;

namespace {

/// The names of the filters' weights, but for those of layers in `protect`.
std::vector<std::string> layers_with_filters(const eval::NetSpec& spec, const std::vector<std::string>& protect = {}) {
  std::vector<std::string> names;
  for (const std::string& layer : eval::filter_layers(spec))
    if (std::find(protect.begin(), protect.end(), layer) == protect.end()) names.push_back(layer + ".weight");
  return names;
}

/// 1 for each weight that stays, 0 for the `gone` of least magnitude; the first of equal ones go. Flat.
Tensor kept(const Tensor& magnitudes, std::int64_t gone) {
  const Tensor order = std::get<1>(magnitudes.sort(/*stable=*/true, /*dim=*/0, /*descending=*/false));
  return torch::ones_like(magnitudes).index_fill_(0, order.narrow(0, 0, gone), 0);
}

std::int64_t count_gone(std::int64_t total, double keep) {
  return total - std::clamp<std::int64_t>(std::llround(keep * static_cast<double>(total)), 1, total);
}

}  // namespace

Sparse count_zeros(const eval::NetSpec& spec, eval::Weights weights) {
  Sparse result{std::move(weights)};
  for (const std::string& name : layers_with_filters(spec)) {
    const Tensor& weight = result.weights.at(name);
    result.zeros += weight.eq(0).sum().item<std::int64_t>();
    result.total += weight.numel();
  }
  return result;
}

Sparse zero_least(const eval::NetSpec& spec, const eval::Weights& weights, double keep, const storage::Json& options,
                  const std::vector<std::string>& protect) {
  torch::NoGradGuard no_grad;
  eval::Weights result = eval::clone(weights);
  const std::vector<std::string> names = layers_with_filters(spec, protect);
  if (names.empty()) return count_zeros(spec, std::move(result));
  std::vector<Tensor> all;  // magnitudes, by layer
  for (const std::string& name : names) all.push_back(result.at(name).abs().flatten());
  if (options.at("scope") == "global") {
    const Tensor together = at::cat(all);
    const Tensor mask = kept(together, count_gone(together.numel(), keep));
    std::int64_t first = 0;
    for (Tensor& magnitudes : all) {
      const std::int64_t count = magnitudes.numel();
      magnitudes = mask.narrow(0, first, count);
      first += count;
    }
  } else {
    for (Tensor& magnitudes : all) magnitudes = kept(magnitudes, count_gone(magnitudes.numel(), keep));
  }
  std::size_t i = 0;
  for (const std::string& name : names) {
    Tensor& weight = result.at(name);
    weight.mul_(all[i++].view(weight.sizes()));
  }
  return count_zeros(spec, std::move(result));
}

}  // namespace prune
