#include "prune/algebra.h"

#include <catch2/catch.hpp>

#include "support/difference.h"

using support::relative_difference;
using torch::Tensor;

namespace {

Tensor random(std::vector<std::int64_t> sizes, torch::ScalarType type = torch::kFloat64) {
  return torch::randn(sizes, type);
}

}  // namespace

TEST_CASE("products equal LibTorch's, at every edge of the tiles, for floats, groups and transposed matrices") {
  torch::manual_seed(3);
  for (const std::int64_t g : {1, 3})
    for (const std::int64_t n : {1, 255, 256, 513})
      for (const std::int64_t p : {1, 6, 13})
        for (const std::int64_t m : {1, 8, 17}) {
          INFO(g << ", " << n << ", " << p << ", " << m);
          const Tensor a = random({g, n, p}, torch::kFloat32), b = random({n, g, m}).transpose(0, 1);
          CHECK(relative_difference(prune::products(a, b), at::bmm(a.to(torch::kFloat64).transpose(1, 2), b)) < 1e-13);
          const Tensor z = at::cat({a.to(torch::kFloat64), b}, 2);
          const Tensor wanted = at::bmm(z.transpose(1, 2), z.slice(2, 0, p));
          CHECK(relative_difference(prune::normal_equations(z, p), wanted) < 1e-13);
          Tensor sums;
          for (const Tensor& rows : {z, z.slice(1, 0, n / 2), z.slice(1, n / 2)}) prune::add_normal_equations(sums, rows, p);
          prune::complete(sums);
          CHECK(relative_difference(sums, 2 * wanted) < 1e-13);
        }
}

TEST_CASE("definite systems are solved, at every edge of the panels, and others are refused") {
  torch::manual_seed(4);
  for (const std::int64_t p : {1, 63, 64, 65, 200})
    for (const std::int64_t m : {1, 9}) {
      INFO(p << ", " << m);
      const Tensor x = random({2, 2 * p + 1, p}), wanted = random({2, p, m});
      const Tensor matrix = at::bmm(x.transpose(1, 2), x);
      CHECK(relative_difference(prune::solve_definite(matrix, torch::zeros({2, p}, torch::kFloat64), at::bmm(matrix, wanted)), wanted) <
            1e-9);
      const Tensor ridge = torch::full({2, 1}, 3., torch::kFloat64);
      CHECK(relative_difference(prune::solve_definite(matrix, ridge, at::bmm(matrix, wanted) + 3 * wanted), wanted) < 1e-9);
      Tensor indefinite = matrix.clone();
      indefinite[1].diagonal()[p - 1].fill_(-1);
      CHECK_FALSE(prune::solve_definite(indefinite, torch::zeros({2, p}, torch::kFloat64), wanted).defined());
    }
}
