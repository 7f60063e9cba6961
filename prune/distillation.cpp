#include "prune/distillation.h"

namespace prune {

using torch::Tensor;

namespace {

/// Divergence of rows of logarithms of probabilities, summed.
Tensor divergence(const Tensor& given, const Tensor& target) {
  return at::kl_div(given, target, at::Reduction::Sum, /*log_target=*/true);
}

/// Of scores [N, K]: logarithms of the label's probability and of all others' together, [N, 2].
Tensor label_against_rest(const Tensor& scores, const Tensor& chosen) {
  const Tensor all = scores.logsumexp(1, /*keepdim=*/true);
  const Tensor label = scores.masked_fill(~chosen, -INFINITY).logsumexp(1, true) - all;
  const Tensor rest = scores.masked_fill(chosen, -INFINITY).logsumexp(1, true) - all;
  return at::cat({label, rest}, 1);
}

/// Logarithms of the probabilities among the classes other than the label, [N, K - 1].
Tensor among_the_rest(const Tensor& scores, const Tensor& chosen) {
  return at::log_softmax(scores.masked_select(~chosen).view({scores.size(0), scores.size(1) - 1}), 1);
}

}  // namespace

Tensor distance_to_teacher(const Tensor& scores, const Tensor& wanted, const Tensor& labels, const DistillOptions& options) {
  const double temperature = options.temperature;
  const Tensor given = scores / temperature, target = wanted / temperature;
  if (options.form == "kd") return divergence(at::log_softmax(given, 1), at::log_softmax(target, 1)) * (temperature * temperature);
  const Tensor chosen = at::zeros_like(given, at::kBool).scatter_(1, labels.unsqueeze(1), true);
  const Tensor of_label = divergence(label_against_rest(given, chosen), label_against_rest(target, chosen));
  const Tensor of_rest = divergence(among_the_rest(given, chosen), among_the_rest(target, chosen));
  return (of_label + options.nontarget * of_rest) * (temperature * temperature);
}

}  // namespace prune
