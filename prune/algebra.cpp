#include "prune/algebra.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

namespace prune {

using torch::Tensor;

namespace {

/// A tile of the result is tile_rows x tile_columns and stays in registers while `depth` rows of the factors are passed over.
constexpr std::int64_t tile_rows = 6, tile_columns = 8, depth = 256;
/// Columns that Cholesky's factors advance by.
constexpr std::int64_t panel = 64;

struct Wide {
  using Lanes __attribute__((vector_size(64), aligned(8), may_alias)) = double;
};
struct Middle {
  using Lanes __attribute__((vector_size(32), aligned(8), may_alias)) = double;
};
struct Narrow {
  using Lanes __attribute__((vector_size(16), aligned(8), may_alias)) = double;
};

/// tile = a' b. a: [rows, tile_rows], b: [rows, tile_columns], both contiguous.
template <typename Width>
[[gnu::always_inline]] inline void multiply(const double* a, const double* b, std::int64_t rows, double* tile) {
  using Lanes = typename Width::Lanes;
  constexpr std::int64_t parts = tile_columns * sizeof(double) / sizeof(Lanes);
  Lanes sum[tile_rows][parts]{};
  for (std::int64_t k = 0; k < rows; ++k, a += tile_rows, b += tile_columns)
    for (std::int64_t i = 0; i < tile_rows; ++i)
      for (std::int64_t part = 0; part < parts; ++part) sum[i][part] += a[i] * reinterpret_cast<const Lanes*>(b)[part];
  for (std::int64_t i = 0; i < tile_rows; ++i)
    for (std::int64_t part = 0; part < parts; ++part) reinterpret_cast<Lanes*>(tile)[i * parts + part] = sum[i][part];
}

using Multiply = void (*)(const double*, const double*, std::int64_t, double*);

#ifdef __x86_64__
[[gnu::target("avx512f,avx512vl,fma")]] void multiply_wide(const double* a, const double* b, std::int64_t rows, double* tile) {
  multiply<Wide>(a, b, rows, tile);
}
[[gnu::target("avx2,fma")]] void multiply_middle(const double* a, const double* b, std::int64_t rows, double* tile) {
  multiply<Middle>(a, b, rows, tile);
}
#endif

Multiply widest() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return multiply_wide;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return multiply_middle;
#endif
  return multiply<Narrow>;
}

/// Element (i, j) of a matrix lies at data[i * row + j * column].
struct Matrix {
  const double* data;
  std::int64_t row, column;
};

/// Columns first ... first + width of some rows, zeros where there are none, as `multiply` reads them.
void pack(const Matrix& from, std::int64_t rows, std::int64_t first, std::int64_t columns, std::int64_t width, double* to) {
  const std::int64_t there = std::min(width, columns - first);
  for (std::int64_t k = 0; k < rows; ++k, to += width)
    for (std::int64_t j = 0; j < width; ++j) to[j] = j < there ? from.data[k * from.row + (first + j) * from.column] : 0;
}

/// c += sign * a' b. a: [n, p], b: [n, m], c: [p, m] with rows `c_row` apart. `lower`: what lies above the diagonal may be left out.
void add_product(Matrix a, Matrix b, std::int64_t n, std::int64_t p, std::int64_t m, double sign, bool lower, double* c,
                 std::int64_t c_row) {
  static const Multiply multiply_tile = widest();
  const std::int64_t down = (p + tile_rows - 1) / tile_rows, across = (m + tile_columns - 1) / tile_columns;
  std::vector<double> right(across * tile_columns * std::min(n, depth));
  for (std::int64_t first = 0; first < n; first += depth, a.data += depth * a.row, b.data += depth * b.row) {
    const std::int64_t rows = std::min(depth, n - first);
    at::parallel_for(0, across, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t j = begin; j < end; ++j) pack(b, rows, j * tile_columns, m, tile_columns, &right[j * tile_columns * rows]);
    });
    at::parallel_for(0, down, 4, [&](std::int64_t begin, std::int64_t end) {
      double left[tile_rows * depth], tile[tile_rows * tile_columns];
      for (std::int64_t turn = begin; turn < end; ++turn) {
        const std::int64_t i = (turn % 2 == 0 ? turn / 2 : down - 1 - turn / 2) * tile_rows;  // long and short rows alternate
        const std::int64_t high = std::min(tile_rows, p - i);
        pack(a, rows, i, p, tile_rows, left);
        for (std::int64_t j = 0; j < m && !(lower && j >= i + tile_rows); j += tile_columns) {
          multiply_tile(left, &right[j * rows], rows, tile);
          const std::int64_t wide = std::min(tile_columns, m - j);
          for (std::int64_t y = 0; y < high; ++y)
            for (std::int64_t x = 0; x < wide; ++x) c[(i + y) * c_row + j + x] += sign * tile[y * tile_columns + x];
        }
      }
    });
  }
}

Tensor doubles(const Tensor& tensor) {
  return tensor.to(torch::kFloat64);
}

Matrix matrix_of(const Tensor& tensor, std::int64_t index) {
  return {tensor.data_ptr<double>() + index * tensor.stride(0), tensor.stride(1), tensor.stride(2)};
}

template <typename Each>
void for_each_matrix(std::int64_t count, const Each& each) {
  at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) each(g);
  });
}

/// Cholesky's factor of the first `columns` rows in place, and below it what the same elimination makes of the rows that follow: with
/// [A; B'] the factor L of A and (L^-1 B)'. Above the diagonal nothing is read and anything may be left. False: A is not positive definite.
bool factorise(double* matrix, std::int64_t rows, std::int64_t columns) {
  const auto row = [&](std::int64_t i) { return matrix + i * columns; };
  const auto eliminate = [&](std::int64_t i, std::int64_t first, std::int64_t last) {  // columns first ... last of row i
    for (std::int64_t j = first; j < last; ++j) {
      double left = row(i)[j];
      for (std::int64_t t = first; t < j; ++t) left -= row(i)[t] * row(j)[t];
      row(i)[j] = i == j ? left : left / row(j)[j];
    }
  };
  for (std::int64_t first = 0; first < columns; first += panel) {
    const std::int64_t last = std::min(columns, first + panel);
    for (std::int64_t i = first; i < last; ++i) {
      eliminate(i, first, i + 1);
      if (!(row(i)[i] > 0 && std::isfinite(row(i)[i]))) return false;
      row(i)[i] = std::sqrt(row(i)[i]);
    }
    at::parallel_for(last, rows, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) eliminate(i, first, last);
    });
    if (last == columns) break;
    const Matrix done{row(last) + first, 1, columns};
    add_product(done, done, last - first, rows - last, columns - last, -1, /*lower=*/true, row(last) + last, columns);
  }
  return true;
}

/// x = L'^-1 x, from the last panel up. factor: [p, p], x: [p, m].
void substitute_back(const double* factor, std::int64_t p, double* x, std::int64_t m) {
  for (std::int64_t first = (p - 1) / panel * panel; first >= 0; first -= panel) {
    const std::int64_t last = std::min(p, first + panel);
    add_product({factor + last * p + first, p, 1}, {x + last * m, m, 1}, p - last, last - first, m, -1, false, x + first * m, m);
    for (std::int64_t i = last - 1; i >= first; --i) {
      for (std::int64_t t = i + 1; t < last; ++t)
        for (std::int64_t j = 0; j < m; ++j) x[i * m + j] -= factor[t * p + i] * x[t * m + j];
      for (std::int64_t j = 0; j < m; ++j) x[i * m + j] /= factor[i * p + i];
    }
  }
}

}  // namespace

Tensor products(const Tensor& a, const Tensor& b) {
  const Tensor left = doubles(a), right = doubles(b);
  if (!left.is_cpu()) return at::bmm(left.transpose(1, 2), right);
  Tensor result = torch::zeros({left.size(0), left.size(2), right.size(2)}, left.options());
  for_each_matrix(left.size(0), [&](std::int64_t g) {
    add_product(matrix_of(left, g), matrix_of(right, g), left.size(1), left.size(2), right.size(2), 1, false,
                result.data_ptr<double>() + g * result.stride(0), result.size(2));
  });
  return result;
}

Tensor normal_equations(const Tensor& z, std::int64_t columns) {
  const Tensor all = doubles(z);
  if (!all.is_cpu()) return at::bmm(all.transpose(1, 2), all.slice(2, 0, columns));
  Tensor result = torch::zeros({all.size(0), all.size(2), columns}, all.options());
  for_each_matrix(all.size(0), [&](std::int64_t g) {
    double* sums = result.data_ptr<double>() + g * result.stride(0);
    add_product(matrix_of(all, g), matrix_of(all, g), all.size(1), all.size(2), columns, 1, /*lower=*/true, sums, columns);
    for (std::int64_t i = 0; i < columns; ++i)
      for (std::int64_t j = 0; j < i; ++j) sums[j * columns + i] = sums[i * columns + j];
  });
  return result;
}

Tensor solve_definite(const Tensor& matrix, const Tensor& right) {
  if (!matrix.is_cpu()) {
    const auto [lower, info] = at::linalg_cholesky_ex(matrix);
    if (info.ne(0).any().item<bool>()) return {};
    const Tensor solution = at::cholesky_solve(right, lower);
    return at::isfinite(solution).all().item<bool>() ? solution : Tensor();
  }
  const std::int64_t p = matrix.size(1), m = right.size(2);
  Tensor factor = at::cat({matrix, right.transpose(1, 2)}, 1).contiguous();  // [g, p + m, p]
  std::atomic<bool> definite = true;
  for_each_matrix(matrix.size(0), [&](std::int64_t g) {
    if (!factorise(factor.data_ptr<double>() + g * factor.stride(0), p + m, p)) definite = false;
  });
  if (!definite) return {};
  Tensor solution = factor.slice(1, p).transpose(1, 2).contiguous();  // [g, p, m]
  for_each_matrix(matrix.size(0), [&](std::int64_t g) {
    substitute_back(factor.data_ptr<double>() + g * factor.stride(0), p, solution.data_ptr<double>() + g * solution.stride(0), m);
  });
  return at::isfinite(solution).all().item<bool>() ? solution : Tensor();
}

}  // namespace prune
