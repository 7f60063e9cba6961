#include "prune/elimination.h"

#include <catch2/catch.hpp>

using torch::Tensor;

namespace {

Tensor matrix(std::vector<std::vector<double>> rows) {
  std::vector<Tensor> tensors;
  for (const std::vector<double>& row : rows) tensors.push_back(torch::tensor(row, torch::kFloat64));
  return torch::stack(tensors);
}

/// The least |X_S V - Y|^2 over V, by orthogonal factors.
double error_without(const Tensor& x, const Tensor& y, const std::vector<std::int64_t>& columns) {
  if (columns.empty()) return y.square().sum().item<double>();
  const Tensor left = x.index_select(1, torch::tensor(columns, torch::kInt64));
  const Tensor solution = std::get<0>(at::linalg_lstsq(left, y, c10::nullopt, "gelsd"));
  return (left.mm(solution) - y).square().sum().item<double>();
}

}  // namespace

TEST_CASE("what the error grows by when inputs go, by hand") {
  // G = [[2, 1], [1, 2]], its inverse [[2, -1], [-1, 2]] / 3, W = (1, 1). Either goes for 1 / (2/3) = 1.5; then the other's weight is 1 +
  // 1/2 and its square 2.25 counts twice: 4.5. Together W'GW = 6.
  prune::BlockElimination elimination(matrix({{2, 1}, {1, 2}}), matrix({{1}, {1}}), {{0, 1}, {1, 1}}, 0);
  CHECK(elimination.rises()[0] == Approx(1.5));
  CHECK(elimination.rises()[1] == Approx(1.5));
  elimination.remove(0);
  CHECK(elimination.rises()[0] == 0);
  CHECK(elimination.rises()[1] == Approx(4.5));
}

TEST_CASE("an input that stays makes up for those that go") {
  // The third input is the sum of the first two, which are orthogonal and of square 1: with it there the first goes for nothing (the ridge
  // aside), and then the second, whose weight has become 2 - 3 = -1, cannot be told from it: X2 = X3 - X1. What is lost is |X2's part that
  // X3 lacks|^2 = 1 - 1/2.
  prune::BlockElimination elimination(matrix({{1, 0, 1}, {0, 1, 1}, {1, 1, 2}}), matrix({{3}, {2}, {0}}), {{0, 1}, {1, 1}}, 1e-9);
  CHECK(elimination.rises()[0] == Approx(0).margin(1e-6));
  elimination.remove(0);
  CHECK(elimination.rises()[1] == Approx(0.5));
}

TEST_CASE("blocks of any size, several outputs and many removals give the errors of least squares by orthogonal factors") {
  torch::manual_seed(3);
  const std::vector<std::int64_t> sizes{3, 1, 4, 2, 5, 1, 3, 150, 120, 40};  // the last pass what is gathered before the inverse is renewed
  std::vector<prune::Block> blocks;
  std::int64_t inputs = 0;
  for (const std::int64_t size : sizes) {
    blocks.push_back({inputs, size});
    inputs += size;
  }
  inputs += 2;  // two stay
  const Tensor x = torch::randn({900, inputs}, torch::kFloat64)
                       .mm(torch::eye(inputs, torch::kFloat64) + 0.02 * torch::rand({inputs, inputs}, torch::kFloat64));
  const Tensor w = torch::randn({inputs, 7}, torch::kFloat64), y = x.mm(w);
  prune::BlockElimination elimination(x.t().mm(x), w, blocks, 1e-13);
  std::vector<bool> there(blocks.size(), true);
  const auto error_left = [&](std::size_t without) {
    std::vector<std::int64_t> columns{inputs - 2, inputs - 1};
    for (std::size_t b = 0; b < blocks.size(); ++b)
      for (std::int64_t i = 0; there[b] && b != without && i < blocks[b].count; ++i) columns.push_back(blocks[b].first + i);
    return error_without(x, y, columns);
  };
  double error = 0;
  for (const std::size_t next : {7, 1, 4, 8, 0, 9, 3, 6, 2, 5}) {
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      INFO("before " << next << " goes, block " << b);
      CHECK(error + elimination.rises()[b] == Approx(there[b] ? error_left(b) : error).epsilon(1e-6).margin(1e-6));
    }
    error += elimination.rises()[next];
    there[next] = false;
    elimination.remove(next);
  }
}
