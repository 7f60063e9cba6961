#include "prune/ridge.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "prune/algebra.h"

namespace prune {

using torch::Tensor;

namespace {

/// Powers of ten between these are tried.
constexpr double least_ridge = 5e-9, largest_ridge = 2;

double sum_of_squares(const Tensor& tensor) {
  return tensor.to(torch::kFloat64).square().sum().item<double>();
}

double inner_product(const Tensor& a, const Tensor& b) {
  return (a * b).sum().item<double>();
}

}  // namespace

RidgeRegression::RidgeRegression(Size size, Tensor known, bool dual) : size_(size), dual_(dual), known_(std::move(known)) {
  const bool constant = size.intercept != Intercept::none;
  if (!dual) known_ = known_.to(torch::kFloat64);
  weights_of_penalty_ = torch::ones({size.inputs + (constant ? 1 : 0)}, known_.options().dtype(torch::kFloat64));
  if (constant) weights_of_penalty_[-1].fill_(size.intercept == Intercept::bias ? 1e-3 : 1e-6);
  if (size.intercept == Intercept::free) known_ = at::constant_pad_nd(known_, {0, 0, 0, 1});
}

void RidgeRegression::add(const Tensor& x, const Tensor& y, bool held_out, const Tensor& weights) {
  if (x.size(0) == 0) return;
  Samples& samples = held_out ? held_ : used_;
  samples.count += weights.defined() ? weights.sum().item<double>() : static_cast<double>(x.size(0));
  std::vector<Tensor> columns{x};
  if (size_.intercept != Intercept::none) columns.push_back(torch::ones({x.size(0), x.size(1), 1}, x.options()));
  columns.push_back(y);
  Tensor all = at::cat(columns, 2);  // [n, g, p + m]
  if (weights.defined()) all = all * weights.sqrt().view({-1, 1, 1});
  const std::int64_t p = weights_of_penalty_.size(0);
  all = all.transpose(0, 1);
  if (dual_) {
    const Tensor inputs = all.slice(2, 0, p).to(torch::kFloat64);
    samples.x.push_back(inputs);
    samples.r.push_back(all.slice(2, p).to(torch::kFloat64) - products(inputs.transpose(1, 2), known_));
    return;
  }
  samples.squares += sum_of_squares(all.slice(2, p));
  add_normal_equations(samples.normal, all, p);
}

RidgeRegression::Samples RidgeRegression::together(const Samples& a, const Samples& b) const {
  if (a.count == 0 || b.count == 0) return a.count == 0 ? b : a;
  Samples all = a;
  all.count += b.count;
  all.squares += b.squares;
  if (!dual_) all.normal = a.normal + b.normal;
  all.x.insert(all.x.end(), b.x.begin(), b.x.end());
  all.r.insert(all.r.end(), b.r.begin(), b.r.end());
  return all;
}

RidgeRegression::Problem RidgeRegression::problem(const Samples& samples) const {
  Problem problem;
  Tensor power, sums;  // [g]: sum of squares of the inputs; [g, m]: of R
  if (dual_) {
    problem.x = at::cat(samples.x, 1);
    problem.right = at::cat(samples.r, 1);
    problem.matrix = products((problem.x / weights_of_penalty_).transpose(1, 2), problem.x.transpose(1, 2));
    problem.squares = sum_of_squares(problem.right);
    power = problem.x.slice(2, 0, size_.inputs).square().sum({1, 2});
    sums = (problem.right * problem.x.slice(2, -1)).sum(1);
  } else {
    complete(samples.normal);
    problem.matrix = samples.normal.slice(1, 0, known_.size(1));
    const Tensor cross = samples.normal.slice(1, known_.size(1)).transpose(1, 2);
    problem.right = cross - products(problem.matrix, known_);
    problem.squares = std::max(0.0, samples.squares - inner_product(known_, cross + problem.right));
    power = problem.matrix.diagonal(0, 1, 2).slice(1, 0, size_.inputs).sum(1);
    sums = problem.right.select(1, -1);
  }
  problem.penalty = (power / static_cast<double>(size_.inputs)).clamp_min(1e-30).unsqueeze(1);
  problem.before = problem.squares;
  if (size_.intercept == Intercept::free) problem.before = std::max(0.0, problem.squares - sum_of_squares(sums) / samples.count);
  return problem;
}

Tensor RidgeRegression::change(const Problem& problem, double ridge) const {
  // With D = P^-1 X' A and P the penalty's weights: (X P^-1 X' + r) A = R (Saunders, Gammerman, Vovk 1998).
  const Tensor diagonal = ridge * (dual_ ? problem.penalty : problem.penalty * weights_of_penalty_);
  const Tensor solution = solve_definite(problem.matrix, diagonal, problem.right);
  if (!dual_ || !solution.defined()) return solution;
  return products(problem.x, solution).div_(weights_of_penalty_.unsqueeze(1));
}

double RidgeRegression::error(const Problem& problem, const Tensor& change) const {
  if (dual_) return sum_of_squares(problem.right - products(problem.x.transpose(1, 2), change));
  return std::max(0.0, problem.squares - inner_product(change, 2 * problem.right - products(problem.matrix, change)));
}

/// Downhill by powers of ten from `start`: towards smaller ridges, else towards larger ones.
double RidgeRegression::best_ridge(double start) const {
  const Problem used = problem(used_), held = problem(held_);
  const auto error_with = [&](double ridge) {
    const Tensor found = change(used, ridge);
    return found.defined() ? error(held, found) : std::numeric_limits<double>::infinity();
  };
  double best = start, least = error_with(start);
  for (const double factor : {0.1, 10.0}) {
    for (double ridge = start * factor; ridge > least_ridge && ridge < largest_ridge; ridge *= factor) {
      const double now = error_with(ridge);
      if (!(now < least)) break;
      least = now;
      best = ridge;
    }
    if (best != start) break;
  }
  return least < held.before ? best : std::numeric_limits<double>::infinity();
}

RidgeRegression::Solution RidgeRegression::solve(std::optional<double> ridge, double start) const {
  Solution solution;
  const Problem all = problem(together(used_, held_));
  solution.before = solution.after = all.before;
  if (solution.before == 0) return solution;
  solution.ridge = ridge ? *ridge : held_.count > 0 && used_.count > 0 ? best_ridge(start) : start;
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
