#include "prune/ridge.h"

#include <array>
#include <cmath>
#include <limits>

namespace prune {

using torch::Tensor;

namespace {

/// The solution of a symmetric positive definite system, or an undefined tensor where it is not one.
Tensor solve_definite(const Tensor& matrix, const Tensor& right) {
  const auto [lower, info] = at::linalg_cholesky_ex(matrix);
  if (info.ne(0).any().item<bool>()) return {};
  const Tensor solution = at::cholesky_solve(right, lower);
  return at::isfinite(solution).all().item<bool>() ? solution : Tensor();
}

Tensor plus(const Tensor& a, const Tensor& b) {
  if (!a.defined()) return b;
  return b.defined() ? a + b : a;
}

}  // namespace

RidgeRegression::RidgeRegression(Size size, bool dual, torch::Device device) : size_(size), dual_(dual) {
  const bool constant = size.intercept != Intercept::none;
  weights_of_penalty_ = torch::ones({size.inputs + (constant ? 1 : 0)}, torch::TensorOptions(torch::kFloat64).device(device));
  if (constant) weights_of_penalty_[-1].fill_(size.intercept == Intercept::bias ? 1e-3 : 1e-6);
}

void RidgeRegression::add(const Tensor& x, const Tensor& residual, bool held_out) {
  if (x.size(0) == 0) return;
  Tensor inputs = x.to(torch::kFloat64).transpose(0, 1);  // [g, n, p]
  const Tensor left = residual.to(torch::kFloat64).transpose(0, 1).contiguous();
  Samples& samples = held_out ? held_ : used_;
  samples.count += x.size(0);
  samples.power = plus(samples.power, inputs.square().sum({1, 2}));
  samples.sums = plus(samples.sums, left.sum(1));
  samples.squares += left.square().sum().item<double>();
  if (size_.intercept != Intercept::none) inputs = at::cat({inputs, torch::ones({inputs.size(0), inputs.size(1), 1}, inputs.options())}, 2);
  inputs = inputs.contiguous();
  if (dual_) {
    samples.x.push_back(inputs);
    samples.r.push_back(left);
  } else {
    samples.gram = plus(samples.gram, at::bmm(inputs.transpose(1, 2), inputs));
    samples.cross = plus(samples.cross, at::bmm(inputs.transpose(1, 2), left));
  }
}

RidgeRegression::Samples RidgeRegression::together(const Samples& a, const Samples& b) const {
  Samples all = a;
  all.count += b.count;
  all.squares += b.squares;
  all.gram = plus(a.gram, b.gram);
  all.cross = plus(a.cross, b.cross);
  all.power = plus(a.power, b.power);
  all.sums = plus(a.sums, b.sums);
  if (!dual_) return all;
  all.x.insert(all.x.end(), b.x.begin(), b.x.end());
  all.r.insert(all.r.end(), b.r.begin(), b.r.end());
  all.x = {at::cat(all.x, 1)};
  all.r = {at::cat(all.r, 1)};
  all.gram = at::bmm(all.x[0] / weights_of_penalty_, all.x[0].transpose(1, 2));
  return all;
}

Tensor RidgeRegression::change(const Samples& samples, double ridge) const {
  const Tensor penalty = (samples.power * (ridge / static_cast<double>(size_.inputs))).clamp_min(1e-30).unsqueeze(1);  // [g, 1]
  Tensor matrix = samples.gram.clone();
  // With D = P^-1 X' A and P the penalty's weights: (X P^-1 X' + r) A = R (Saunders, Gammerman, Vovk 1998).
  matrix.diagonal(0, 1, 2).add_(dual_ ? penalty : penalty * weights_of_penalty_);
  if (!dual_) return solve_definite(matrix, samples.cross);
  const Tensor multipliers = solve_definite(matrix, samples.r[0]);
  if (!multipliers.defined()) return {};
  return at::bmm(samples.x[0].transpose(1, 2), multipliers) / weights_of_penalty_.unsqueeze(1);
}

double RidgeRegression::error_unchanged(const Samples& samples) const {
  if (size_.intercept != Intercept::free) return samples.squares;
  return std::max(0.0, samples.squares - samples.sums.square().sum().item<double>() / static_cast<double>(samples.count));
}

double RidgeRegression::error(const Samples& samples, const Tensor& change) const {
  if (dual_) {
    double sum = 0;
    for (std::size_t i = 0; i < samples.x.size(); ++i) sum += (samples.r[i] - at::bmm(samples.x[i], change)).square().sum().item<double>();
    return sum;
  }
  const double explained = (change * (2 * samples.cross - at::bmm(samples.gram, change))).sum().item<double>();
  return std::max(0.0, samples.squares - explained);
}

double RidgeRegression::best_ridge() const {
  constexpr std::array ladder{1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8};
  constexpr int start = 2, end = static_cast<int>(ladder.size());
  const Samples samples = dual_ ? together(used_, {}) : used_;
  const auto error_with = [&](int step) {
    const Tensor found = change(samples, ladder[step]);
    return found.defined() ? error(held_, found) : std::numeric_limits<double>::infinity();
  };
  // Downhill from 0.01: towards smaller ridges, else towards larger ones.
  int best = start;
  double least = error_with(start);
  for (const int direction : {1, -1}) {
    for (int step = start + direction; step >= 0 && step < end; step += direction) {
      const double now = error_with(step);
      if (!(now < least)) break;
      least = now;
      best = step;
    }
    if (best != start) break;
  }
  return least < error_unchanged(held_) ? ladder[best] : std::numeric_limits<double>::infinity();
}

RidgeRegression::Solution RidgeRegression::solve(std::optional<double> ridge) const {
  Solution solution;
  const Samples all = together(used_, held_);
  solution.before = solution.after = error_unchanged(all);
  if (solution.before == 0) return solution;
  solution.ridge = ridge ? *ridge : held_.count > 0 && used_.count > 0 ? best_ridge() : 1e-2;
  if (std::isinf(solution.ridge)) {
    solution.no_gain = true;
    return solution;
  }
  for (int attempt = 0; attempt < 16 && !solution.change.defined(); ++attempt) {
    if (attempt > 0) solution.ridge = std::max(1e-14, solution.ridge * 10);
    solution.change = change(all, solution.ridge);
  }
  if (solution.change.defined()) solution.after = error(all, solution.change);
  return solution;
}

}  // namespace prune
