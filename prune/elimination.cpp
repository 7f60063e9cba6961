#include "prune/elimination.h"

#include <algorithm>
#include <cmath>

#include "prune/algebra.h"
#include "prune/parallel.h"
#include "storage/base/error.h"

namespace prune {

using torch::Tensor;

namespace {

/// Rows of F that are gathered before they are taken from the inverse.
constexpr std::int64_t capacity = 256;

/// Cholesky's factor of a matrix [k, k] in place, above whose diagonal nothing is read; pivots below `least` are taken for that.
void factorise_block(double* a, std::int64_t k, double least) {
  for (std::int64_t i = 0; i < k; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      double left = a[i * k + j];
      for (std::int64_t t = 0; t < j; ++t) left -= a[i * k + t] * a[j * k + t];
      a[i * k + j] = i == j ? std::sqrt(std::max(left, least)) : left / a[j * k + j];
    }
}

/// x = L^-1 x. factor: [k, k]; x: [k, m].
void substitute(const double* factor, std::int64_t k, double* x, std::int64_t m) {
  for (std::int64_t i = 0; i < k; ++i) {
    for (std::int64_t t = 0; t < i; ++t)
      for (std::int64_t j = 0; j < m; ++j) x[i * m + j] -= factor[i * k + t] * x[t * m + j];
    const double scale = 1 / factor[i * k + i];
    for (std::int64_t j = 0; j < m; ++j) x[i * m + j] *= scale;
  }
}

Tensor regularised_inverse(const Tensor& gram, double ridge) {
  const double scale = std::max(gram.diagonal().mean().item<double>(), 1e-30);
  const Tensor identity = torch::eye(gram.size(0), gram.options()).unsqueeze(0);
  for (int attempt = 0; attempt < 16; ++attempt, ridge = std::max(1e-14, ridge * 10)) {
    const Tensor diagonal = torch::full({1}, ridge * scale, gram.options());
    if (const Tensor inverse = solve_definite(gram.unsqueeze(0), diagonal, identity); inverse.defined()) return inverse[0];
  }
  throw storage::Error(storage::ErrorKind::internal, "the inputs of a layer are not finite");
}

}  // namespace

BlockElimination::BlockElimination(Tensor gram, Tensor weights, std::vector<Block> blocks, double ridge)
    : blocks_(std::move(blocks)), there_(blocks_.size(), true), rises_(blocks_.size(), 0) {
  const std::int64_t inputs = blocks_.empty() ? 0 : blocks_.back().first + blocks_.back().count;
  inverse_ = regularised_inverse(gram, ridge).slice(0, 0, inputs).slice(1, 0, inputs).contiguous();
  weights_ = weights.slice(0, 0, inputs).clone(torch::MemoryFormat::Contiguous);
  std::int64_t largest = 1;
  for (const Block& block : blocks_) {
    const Tensor diagonal = inverse_.slice(0, block.first, block.first + block.count).slice(1, block.first, block.first + block.count);
    const Tensor values = diagonal.contiguous();
    diagonals_.emplace_back(values.data_ptr<double>(), values.data_ptr<double>() + values.numel());
    least_.push_back(1e-15 * diagonal.diagonal().max().item<double>());
    largest = std::max(largest, block.count);
  }
  pending_ = torch::empty({capacity + largest, inputs}, inverse_.options());
  for_ranges(std::ssize(blocks_), largest * largest * (largest + weights_.size(1)), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) measure(static_cast<std::size_t>(b));
  });
}

void BlockElimination::measure(std::size_t index) {
  const Block& block = blocks_[index];
  const std::int64_t m = weights_.size(1);
  const double* own = weights_.data_ptr<double>() + block.first * m;
  std::vector<double> factor = diagonals_[index], solved(own, own + block.count * m);
  factorise_block(factor.data(), block.count, least_[index]);
  substitute(factor.data(), block.count, solved.data(), m);
  double sum = 0;
  for (const double value : solved) sum += value * value;
  rises_[index] = sum;
}

/// The rows of A that belong to a block.
Tensor BlockElimination::take_rows(const Block& gone) {
  Tensor rows = inverse_.narrow(0, gone.first, gone.count).clone();
  if (waiting_ > 0) {
    const Tensor waiting = pending_.narrow(0, 0, waiting_).unsqueeze(0);
    rows -= products(waiting.narrow(2, gone.first, gone.count), waiting)[0];
  }
  return rows;
}

/// What the removal of a block changes in another. rows: F, [k, n]; own: L^-1 V of the removed block, [k, m].
void BlockElimination::update(std::size_t index, const Tensor& rows, const Tensor& own) {
  const Block& block = blocks_[index];
  const std::int64_t gone = rows.size(0), inputs = rows.size(1), m = own.size(1), k = block.count;
  const double* f = rows.data_ptr<double>() + block.first;
  const double* v = own.data_ptr<double>();
  double* weights = weights_.data_ptr<double>() + block.first * m;
  double* diagonal = diagonals_[index].data();
  for (std::int64_t t = 0; t < gone; ++t)
    for (std::int64_t i = 0; i < k; ++i) {
      const double factor = f[t * inputs + i];
      for (std::int64_t j = 0; j < k; ++j) diagonal[i * k + j] -= factor * f[t * inputs + j];
      for (std::int64_t j = 0; j < m; ++j) weights[i * m + j] -= factor * v[t * m + j];
    }
  measure(index);
}

void BlockElimination::remove(std::size_t index) {
  const Block& gone = blocks_[index];
  const std::int64_t m = weights_.size(1);
  std::vector<double> factor = diagonals_[index];
  factorise_block(factor.data(), gone.count, least_[index]);
  Tensor rows = take_rows(gone), own = weights_.narrow(0, gone.first, gone.count).clone();
  substitute(factor.data(), gone.count, rows.data_ptr<double>(), rows.size(1));
  substitute(factor.data(), gone.count, own.data_ptr<double>(), m);
  there_[index] = false;
  rises_[index] = 0;
  for_ranges(std::ssize(blocks_), gone.count * gone.count * (gone.count + m), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b)
      if (there_[static_cast<std::size_t>(b)]) update(static_cast<std::size_t>(b), rows, own);
  });
  pending_.narrow(0, waiting_, gone.count).copy_(rows);
  waiting_ += gone.count;
  if (waiting_ < capacity) return;
  inverse_ -= normal_equations(pending_.narrow(0, 0, waiting_).unsqueeze(0), inverse_.size(0))[0];
  waiting_ = 0;
}

}  // namespace prune
