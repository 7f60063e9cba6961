// Products and positive definite systems in double precision, as fast without a tuned BLAS as with one: Debian's default BLAS, which its
// LibTorch calls, does one to three GFLOP/s on one core. Called where layers are fitted by least squares. Tensors on a GPU go to LibTorch.
#pragma once

#include <cstdint>

#include "eval/torch.h"

namespace prune {

/// a' b of each pair of matrices, in double. a: [g, n, p], b: [g, n, m], floats or doubles. Returns [g, p, m].
torch::Tensor products(const torch::Tensor& a, const torch::Tensor& b);

/// The first `columns` columns of z' z, in double. z: [g, n, q]. Returns [g, q, columns]: with z = [x, y], x' x above y' x.
torch::Tensor normal_equations(const torch::Tensor& z, std::int64_t columns);

/// Adds those of more rows to `sums`, which is undefined before the first ones, but for what lies above the diagonal: `complete` before it
/// is read.
void add_normal_equations(torch::Tensor& sums, const torch::Tensor& z, std::int64_t columns);

/// Mirrors what lies below the diagonal of z' z, [g, q, columns], in place; once more changes nothing.
void complete(const torch::Tensor& sums);

/// Solves (matrix + the diagonal matrix of `diagonal`) x = right by Cholesky's factors. matrix: [g, p, p], symmetric; diagonal: what can be
/// added to [g, p]; right: [g, p, m]; doubles. Returns [g, p, m], or an undefined tensor where the sum is not positive definite.
torch::Tensor solve_definite(const torch::Tensor& matrix, const torch::Tensor& diagonal, const torch::Tensor& right);

}  // namespace prune
