#include "prune/fisher.h"

#include <cmath>

#include "storage/base/error.h"

namespace prune {

using torch::Tensor;

Tensor Scatter::between() const {
  const Tensor centred = means - mean;
  return centred.t().matmul(centred * counts.unsqueeze(1));
}

ScatterAccumulator::ScatterAccumulator(std::int64_t classes, std::int64_t features)
    : classes_(classes),
      counts_(torch::zeros({classes}, torch::kFloat64)),
      means_(torch::zeros({classes, features}, torch::kFloat64)),
      within_diagonal_(torch::zeros({features}, torch::kFloat64)) {
  if (features <= full_limit) within_ = torch::zeros({features, features}, torch::kFloat64);
}

void ScatterAccumulator::add(const Tensor& firings, const Tensor& labels) {
  torch::NoGradGuard no_grad;
  const Tensor x = firings.detach().to(torch::kCPU, torch::kFloat64);
  const Tensor y = labels.to(torch::kCPU);
  const Tensor membership = torch::one_hot(y, classes_).to(torch::kFloat64);  // [n, K]
  const Tensor added = membership.sum(0);
  const Tensor batch_means = membership.t().matmul(x) / added.clamp_min(1).unsqueeze(1);

  // Scatter of the batch about its own class means, and of its class means about the earlier ones.
  const Tensor centred = x - batch_means.index_select(0, y);
  const Tensor shift = batch_means - means_;
  const Tensor total = counts_ + added;
  const Tensor shift_weight = counts_ * added / total.clamp_min(1);
  within_diagonal_ += centred.square().sum(0) + (shift.square() * shift_weight.unsqueeze(1)).sum(0);
  if (within_.defined())
    within_.addmm_(centred.t(), centred).addmm_(shift.t(), shift * shift_weight.unsqueeze(1));  // in place: [d, d] is large

  means_ += shift * (added / total.clamp_min(1)).unsqueeze(1);
  counts_ = total;
}

Scatter ScatterAccumulator::scatter() const {
  if (!within_diagonal_.isfinite().all().item<bool>() || !means_.isfinite().all().item<bool>())
    throw storage::Error(storage::ErrorKind::invalid,
                         "the last hidden layer gives numbers that are not finite: the net's training diverged; valid: a lower learning rate");
  Scatter result;
  const Tensor total = counts_.sum();
  result.images = std::llround(total.item<double>());
  result.counts = counts_.clone();
  result.means = means_.clone();
  result.mean = (means_ * counts_.unsqueeze(1)).sum(0) / total.clamp_min(1);
  result.within_diagonal = within_diagonal_.clone();
  if (within_.defined()) result.within = within_.clone();
  result.between_diagonal = ((means_ - result.mean).square() * counts_.unsqueeze(1)).sum(0);
  return result;
}

namespace {

/// Neurons whose firings equal those of an earlier one in every image, by their scatter: [d] bool.
Tensor duplicates(const Scatter& scatter) {
  const std::int64_t d = scatter.mean.size(0);
  Tensor found = torch::zeros({d}, torch::kBool);
  if (!scatter.within.defined()) return found;
  // |x_j - x_k|^2 summed over the images is Sa_jj + Sa_kk - 2 Sa_jk, plus n times the squared difference of the means. Some rows j at a
  // time: the whole of it takes a gigabyte at 4,096 neurons.
  const Tensor diagonal = scatter.within_diagonal + scatter.between_diagonal;
  const Tensor centred = scatter.means - scatter.mean, weighed = centred * scatter.counts.unsqueeze(1);
  constexpr std::int64_t rows = 256;
  for (std::int64_t first = 0; first < d; first += rows) {
    const std::int64_t last = std::min(first + rows, d);
    const Tensor both = diagonal.slice(0, first, last).unsqueeze(1) + diagonal.unsqueeze(0);
    const Tensor together = scatter.within.slice(0, first, last) + centred.slice(1, first, last).t().matmul(weighed);
    const Tensor apart = (scatter.mean.slice(0, first, last).unsqueeze(1) - scatter.mean.unsqueeze(0)).square();
    const Tensor distance = both - 2 * together + static_cast<double>(scatter.images) * apart;
    found.slice(0, first, last).copy_((distance <= 1e-10 * both).tril(first - 1).any(1));
  }
  return found;
}

Tensor symmetric_inverse_times(const Tensor& matrix, const Tensor& right) {
  return torch::cholesky_solve(right, torch::linalg_cholesky(matrix));
}

}  // namespace

Tensor fisher_utility(const Scatter& scatter) {
  const Tensor all = scatter.within_diagonal + scatter.between_diagonal;
  // Rounding leaves a constant neuron a little scatter: below 1e-12 of its square it has none.
  const Tensor constant = all <= 1e-12 * static_cast<double>(scatter.images) * scatter.mean.square();
  const Tensor utility = scatter.between_diagonal / scatter.within_diagonal;
  return torch::where(constant.logical_or(duplicates(scatter)), torch::zeros_like(utility), utility);
}

DiscriminantClassifier::DiscriminantClassifier(const Scatter& scatter, const std::vector<std::int64_t>& selected)
    : index_(torch::tensor(selected, torch::kInt64)) {
  const Tensor means = scatter.means.index_select(1, index_);
  const double n = static_cast<double>(std::max<std::int64_t>(scatter.images, 1));
  const Tensor deviations = (scatter.within_diagonal.index_select(0, index_) / n).clamp_min(1e-30).sqrt();
  const Tensor scaled = means / deviations;
  if (scatter.within.defined()) {
    Tensor covariance = scatter.within.index_select(0, index_).index_select(1, index_);
    covariance.div_(n).div_(deviations.unsqueeze(0)).div_(deviations.unsqueeze(1)).diagonal().add_(1e-3);
    weights_ = symmetric_inverse_times(covariance, scaled.t().contiguous());  // [k, K]
  } else {
    weights_ = scaled.t().contiguous();
  }
  offsets_ = (scatter.counts / n).log() - 0.5 * (scaled * weights_.t()).sum(1);  // an absent class: -inf, never chosen
  weights_ = weights_ / deviations.unsqueeze(1);
}

Tensor DiscriminantClassifier::classify(const Tensor& firings) const {
  return (firings.to(torch::kCPU).index_select(1, index_).to(torch::kFloat64).matmul(weights_) + offsets_).argmax(1);
}

std::vector<std::int64_t> most_useful(const Tensor& utility, std::int64_t count) {
  const Tensor order = std::get<1>(utility.sort(/*stable=*/true, /*dim=*/0, /*descending=*/true));
  const std::int64_t useful = std::min(count, utility.gt(0).sum().item<std::int64_t>());
  return {order.data_ptr<std::int64_t>(), order.data_ptr<std::int64_t>() + useful};
}

Selection select_neurons(const Scatter& scatter, const Tensor& utility, const Tensor& firings, const Tensor& labels, double accuracy) {
  const std::vector<std::int64_t> neurons = most_useful(utility, utility.numel());
  const Tensor truth = labels.to(torch::kCPU);
  Selection best;
  best.reached = false;
  // Every count up to 64, then steps of a fiftieth: fits cost the cube of the count.
  for (std::size_t count = 1; count <= neurons.size();) {
    const std::vector<std::int64_t> selected(neurons.begin(), neurons.begin() + static_cast<std::ptrdiff_t>(count));
    const double reached = (DiscriminantClassifier(scatter, selected).classify(firings) == truth).to(torch::kFloat64).mean().item<double>();
    if (best.neurons.empty() || reached > best.accuracy) best = {selected, reached, false};
    if (reached >= accuracy) return {selected, reached, true};
    if (count == neurons.size()) break;
    count = std::min(neurons.size(), count < 64 ? count + 1 : count + count / 50 + 1);
  }
  return best;
}

Tensor wilks_projection(const Scatter& scatter, double ridge) {
  const double n = static_cast<double>(std::max<std::int64_t>(scatter.images, 1));
  const Tensor deviations = (scatter.within_diagonal / n).sqrt();
  // A neuron that never varies within a class would get an infinite weight; one without variance has none to give.
  const Tensor inverse = torch::where(deviations > 0, 1 / deviations, torch::zeros_like(deviations));
  const std::int64_t d = deviations.size(0);
  Tensor correlation;
  if (scatter.within.defined())
    correlation = (scatter.within / n).mul_(inverse.unsqueeze(0)).mul_(inverse.unsqueeze(1));
  else
    correlation = torch::ones({d}, torch::kFloat64);
  // B = C C' from the class means. By Woodbury's identity R^-1 - (R + B)^-1 = P (I + C' P)^-1 P' with P = R^-1 C.
  const Tensor weights = (scatter.counts / n).sqrt().unsqueeze(0);
  const Tensor classes = (scatter.means - scatter.mean).t() * inverse.unsqueeze(1) * weights;  // C: [d, K]
  Tensor solved;
  if (scatter.within.defined()) {
    correlation.diagonal().add_(ridge);
    solved = symmetric_inverse_times(correlation, classes);
  } else {
    solved = classes / (correlation + ridge).unsqueeze(1);
  }
  const std::int64_t K = classes.size(1);
  const Tensor small = torch::eye(K, torch::kFloat64) + classes.t().matmul(solved);
  // P (L L')^-1 P' = (P L'^-1)(P L'^-1)'. The K class means are tied by their mean, so the rank is K - 1 and one direction is dropped.
  const Tensor lower = torch::linalg_cholesky(small);
  const Tensor root = torch::linalg_solve_triangular(lower, solved.t(), /*upper=*/false).t();  // [d, K]
  const auto [gram_values, gram_vectors] = torch::linalg_eigh(root.t().matmul(root), "L");
  const Tensor spanning = gram_vectors.slice(1, K > 1 ? 1 : 0);
  return inverse.unsqueeze(1) * root.matmul(spanning);
}

}  // namespace prune
