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

/// Solves matrix * x = right by Cholesky's factors. matrix: [g, p, p], symmetric; right: [g, p, m]; doubles. Returns [g, p, m], or an
/// undefined tensor where a matrix is not positive definite.
torch::Tensor solve_definite(const torch::Tensor& matrix, const torch::Tensor& right);

}  // namespace prune
