#include "prune/algebra.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "prune/parallel.h"

namespace prune {

using torch::Tensor;

namespace {

/// Rows of a tile of the result. A tile, as wide as the processor's registers allow, stays in them.
constexpr std::int64_t tile_rows = 6;
/// Rows of the factors that are packed, and passed over for each tile, at once.
constexpr std::int64_t depth = 256;
/// Doubles of the right factor that meet every row of tiles before the next ones: half a megabyte, which stays in a core's cache.
constexpr std::int64_t numbers_at_once = 1 << 16;
/// Columns that Cholesky's factors advance by.
constexpr std::int64_t panel = 64;

struct Wide {
  using Lanes __attribute__((vector_size(64), aligned(8), may_alias)) = double;
  static constexpr std::int64_t columns = 16;
};
struct Middle {
  using Lanes __attribute__((vector_size(32), aligned(8), may_alias)) = double;
  static constexpr std::int64_t columns = 8;
};
struct Narrow {
  using Lanes __attribute__((vector_size(16), aligned(8), may_alias)) = double;
  static constexpr std::int64_t columns = 4;
};

/// c += sign * a' b, of one tile. a: [rows, tile_rows], b: [rows, Width::columns], both contiguous; c: rows `c_row` apart.
template <typename Width>
[[gnu::always_inline]] inline void multiply(const double* a, const double* b, std::int64_t rows, double sign, double* c,
                                            std::int64_t c_row) {
  using Lanes = typename Width::Lanes;
  constexpr std::int64_t parts = Width::columns * sizeof(double) / sizeof(Lanes);
  Lanes sum[tile_rows][parts]{};
  for (std::int64_t k = 0; k < rows; ++k, a += tile_rows, b += Width::columns)
    for (std::int64_t i = 0; i < tile_rows; ++i)
      for (std::int64_t part = 0; part < parts; ++part) sum[i][part] += a[i] * reinterpret_cast<const Lanes*>(b)[part];
  for (std::int64_t i = 0; i < tile_rows; ++i)
    for (std::int64_t part = 0; part < parts; ++part) reinterpret_cast<Lanes*>(c + i * c_row)[part] += sign * sum[i][part];
}

/// Element (i, j) of a matrix lies at data[i * row + j * column].
struct Matrix {
  const double* data;
  std::int64_t row, column;
};

/// All columns of some rows, `width` at a time, as `multiply` reads them: zeros where there are no more.
template <std::int64_t width>
void pack(const Matrix& from, std::int64_t rows, std::int64_t columns, double* to) {
  for_ranges((columns + width - 1) / width, width * rows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin * width; first < end * width; first += width) {
      const std::int64_t there = std::min(width, columns - first);
      const double* source = from.data + first * from.column;
      double* packed = to + first * rows;
      for (std::int64_t k = 0; k < rows; ++k, source += from.row, packed += width) {
        if (there == width && from.column == 1)
          std::copy_n(source, width, packed);
        else
          for (std::int64_t j = 0; j < width; ++j) packed[j] = j < there ? source[j * from.column] : 0;
      }
    }
  });
}

/// `multiply` for a processor, and `pack` for its right factor.
struct Kernel {
  void (*multiply)(const double* a, const double* b, std::int64_t rows, double sign, double* c, std::int64_t c_row);
  void (*pack)(const Matrix& from, std::int64_t rows, std::int64_t columns, double* to);
  std::int64_t columns;
};

#ifdef __x86_64__
[[gnu::target("avx512f,avx512vl,fma")]] void multiply_wide(const double* a, const double* b, std::int64_t rows, double sign, double* c,
                                                           std::int64_t c_row) {
  multiply<Wide>(a, b, rows, sign, c, c_row);
}
[[gnu::target("avx2,fma")]] void multiply_middle(const double* a, const double* b, std::int64_t rows, double sign, double* c,
                                                 std::int64_t c_row) {
  multiply<Middle>(a, b, rows, sign, c, c_row);
}
#endif

Kernel widest() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return {multiply_wide, pack<Wide::columns>, Wide::columns};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {multiply_middle, pack<Middle::columns>, Middle::columns};
#endif
  return {multiply<Narrow>, pack<Narrow::columns>, Narrow::columns};
}

/// c += sign * a' b. a: [n, p], b: [n, m], c: [p, m] with rows `c_row` apart. `lower`: what lies above the diagonal may be left out.
void add_product(Matrix a, Matrix b, std::int64_t n, std::int64_t p, std::int64_t m, double sign, bool lower, double* c,
                 std::int64_t c_row) {
  static const Kernel kernel = widest();
  const std::int64_t down = (p + tile_rows - 1) / tile_rows, across = (m + kernel.columns - 1) / kernel.columns;
  std::vector<double> left(down * tile_rows * std::min(n, depth)), right(across * kernel.columns * std::min(n, depth));
  const auto add_tile = [&](std::int64_t rows, std::int64_t i, std::int64_t j) {
    const double *of_a = &left[i * rows], *of_b = &right[j * rows];
    double* to = c + i * c_row + j;
    const std::int64_t high = std::min(tile_rows, p - i), wide = std::min(kernel.columns, m - j);
    if (high == tile_rows && wide == kernel.columns) return kernel.multiply(of_a, of_b, rows, sign, to, c_row);
    double tile[tile_rows * Wide::columns]{};
    kernel.multiply(of_a, of_b, rows, sign, tile, kernel.columns);
    for (std::int64_t y = 0; y < high; ++y)
      for (std::int64_t x = 0; x < wide; ++x) to[y * c_row + x] += tile[y * kernel.columns + x];
  };
  for (std::int64_t first = 0; first < n; first += depth, a.data += depth * a.row, b.data += depth * b.row) {
    const std::int64_t rows = std::min(depth, n - first), columns = numbers_at_once / rows / kernel.columns * kernel.columns;
    pack<tile_rows>(a, rows, p, left.data());
    kernel.pack(b, rows, m, right.data());
    for_ranges(down, tile_rows * m * rows / 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t block = 0; block < m; block += columns)
        for (std::int64_t turn = begin; turn < end; ++turn) {
          const std::int64_t i = (turn % 2 == 0 ? turn / 2 : down - 1 - turn / 2) * tile_rows;  // long and short rows alternate
          const std::int64_t last = std::min({m, block + columns, lower ? i + tile_rows : m});
          for (std::int64_t j = block; j < last; j += kernel.columns) add_tile(rows, i, j);
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

/// work: operations that each takes.
template <typename Each>
void for_each_matrix(std::int64_t count, std::int64_t work, const Each& each) {
  if (count == 1) return each(0);
  for_ranges(count, work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) each(g);
  });
}

/// Row times the inverse of L', L a factor [width, width] whose transpose, with rows `panel` apart, is `upper`; of the row's first `width`
/// numbers.
[[gnu::always_inline]] inline void eliminate(const double* upper, std::int64_t width, double* row) {
  for (std::int64_t t = 0; t < width; ++t) {
    const double* of_t = upper + t * panel;
    row[t] /= of_t[t];
    const double factor = row[t];
    for (std::int64_t j = t + 1; j < width; ++j) row[j] -= factor * of_t[j];
  }
}

using Eliminate = void (*)(const double* upper, std::int64_t width, double* row);

void eliminate_narrow(const double* upper, std::int64_t width, double* row) {
  eliminate(upper, width, row);
}

#ifdef __x86_64__
[[gnu::target("avx2")]] void eliminate_middle(const double* upper, std::int64_t width, double* row) {
  eliminate(upper, width, row);
}
#endif

Eliminate widest_elimination() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) return eliminate_middle;
#endif
  return eliminate_narrow;
}

/// Cholesky's factor of the first `columns` rows in place, and below it what the same elimination makes of the rows that follow: with
/// [A; B'] the factor L of A and (L^-1 B)'. Above the diagonal nothing is read and anything may be left. False: A is not positive definite.
bool factorise(double* matrix, std::int64_t rows, std::int64_t columns) {
  static const Eliminate eliminate_row = widest_elimination();
  const auto row = [&](std::int64_t i) { return matrix + i * columns; };
  std::vector<double> upper(panel * panel);
  for (std::int64_t first = 0; first < columns; first += panel) {
    const std::int64_t last = std::min(columns, first + panel), width = last - first;
    for (std::int64_t i = 0; i < width; ++i) {
      double* own = row(first + i) + first;
      eliminate_row(upper.data(), i, own);
      for (std::int64_t t = 0; t < i; ++t) own[i] -= own[t] * own[t];
      if (!(own[i] > 0 && std::isfinite(own[i]))) return false;
      own[i] = std::sqrt(own[i]);
      for (std::int64_t t = 0; t <= i; ++t) upper[t * panel + i] = own[t];
    }
    for_ranges(rows - last, width * width / 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = last + begin; i < last + end; ++i) eliminate_row(upper.data(), width, row(i) + first);
    });
    if (last == columns) break;
    const Matrix done{row(last) + first, 1, columns};
    add_product(done, done, width, rows - last, columns - last, -1, /*lower=*/true, row(last) + last, columns);
  }
  return true;
}

/// x = L'^-1 x, from the last panel up. factor: [p, p], x: [p, m].
void substitute_back(const double* factor, std::int64_t p, double* x, std::int64_t m) {
  for (std::int64_t first = (p - 1) / panel * panel; first >= 0; first -= panel) {
    const std::int64_t last = std::min(p, first + panel);
    add_product({factor + last * p + first, p, 1}, {x + last * m, m, 1}, p - last, last - first, m, -1, false, x + first * m, m);
    for_ranges(m, panel * panel / 2, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = last - 1; i >= first; --i) {
        for (std::int64_t t = i + 1; t < last; ++t)
          for (std::int64_t j = begin; j < end; ++j) x[i * m + j] -= factor[t * p + i] * x[t * m + j];
        for (std::int64_t j = begin; j < end; ++j) x[i * m + j] /= factor[i * p + i];
      }
    });
  }
}

}  // namespace

Tensor products(const Tensor& a, const Tensor& b) {
  const Tensor left = doubles(a), right = doubles(b);
  if (!left.is_cpu()) return at::bmm(left.transpose(1, 2), right);
  Tensor result = torch::zeros({left.size(0), left.size(2), right.size(2)}, left.options());
  for_each_matrix(left.size(0), left.size(1) * left.size(2) * right.size(2) / 8, [&](std::int64_t g) {
    add_product(matrix_of(left, g), matrix_of(right, g), left.size(1), left.size(2), right.size(2), 1, false,
                result.data_ptr<double>() + g * result.stride(0), result.size(2));
  });
  return result;
}

void add_normal_equations(Tensor& sums, const Tensor& z, std::int64_t columns) {
  const Tensor all = doubles(z);
  const bool is_first = !sums.defined();
  if (is_first) sums = torch::zeros({all.size(0), all.size(2), columns}, all.options());
  if (!all.is_cpu()) {
    sums.baddbmm_(all.transpose(1, 2), all.slice(2, 0, columns));
    return;
  }
  // Many rows get a sum of their own first: long sums lose digits.
  Tensor more = !is_first && all.size(1) > depth ? torch::zeros_like(sums) : sums;
  for_each_matrix(all.size(0), all.size(1) * all.size(2) * columns / 8, [&](std::int64_t g) {
    add_product(matrix_of(all, g), matrix_of(all, g), all.size(1), all.size(2), columns, 1, /*lower=*/true,
                more.data_ptr<double>() + g * more.stride(0), columns);
  });
  if (!more.is_same(sums)) sums += more;
}

void complete(const Tensor& sums) {
  const std::int64_t columns = sums.size(2);
  constexpr std::int64_t side = 64;  // both sides of a square block stay in the cache
  for_ranges(sums.is_cpu() ? sums.size(0) : 0, columns * columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) {
      double* of_group = sums.data_ptr<double>() + g * sums.stride(0);
      for (std::int64_t down = 0; down < columns; down += side)
        for (std::int64_t across = 0; across <= down; across += side)
          for (std::int64_t i = down; i < std::min(columns, down + side); ++i)
            for (std::int64_t j = across; j < std::min(i, across + side); ++j) of_group[j * columns + i] = of_group[i * columns + j];
    }
  });
}

Tensor normal_equations(const Tensor& z, std::int64_t columns) {
  Tensor sums;
  add_normal_equations(sums, z, columns);
  complete(sums);
  return sums;
}

Tensor solve_definite(const Tensor& matrix, const Tensor& diagonal, const Tensor& right) {
  if (!matrix.is_cpu()) {
    Tensor sum = matrix.clone();
    sum.diagonal(0, 1, 2).add_(diagonal);
    const auto [lower, info] = at::linalg_cholesky_ex(sum);
    if (info.ne(0).any().item<bool>()) return {};
    const Tensor solution = at::cholesky_solve(right, lower);
    return at::isfinite(solution).all().item<bool>() ? solution : Tensor();
  }
  const std::int64_t p = matrix.size(1), m = right.size(2);
  Tensor factor = at::cat({matrix, right.transpose(1, 2)}, 1);  // [g, p + m, p]
  factor.diagonal(0, 1, 2).add_(diagonal);
  std::atomic<bool> definite = true;
  for_each_matrix(matrix.size(0), p * p * (p + m) / 8, [&](std::int64_t g) {
    if (!factorise(factor.data_ptr<double>() + g * factor.stride(0), p + m, p)) definite = false;
  });
  if (!definite) return {};
  Tensor solution = factor.slice(1, p).transpose(1, 2).contiguous();  // [g, p, m]
  for_each_matrix(matrix.size(0), p * p * (p + m) / 8, [&](std::int64_t g) {
    substitute_back(factor.data_ptr<double>() + g * factor.stride(0), p, solution.data_ptr<double>() + g * solution.stride(0), m);
  });
  return at::isfinite(solution).all().item<bool>() ? solution : Tensor();
}

}  // namespace prune
