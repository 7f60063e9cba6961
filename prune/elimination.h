// Backward elimination of inputs from least squares: what the error grows by when a block of inputs goes and the others are fitted anew.
// Used by the criterion `reconstruct`.
#pragma once

#include <cstdint>
#include <vector>

#include "eval/torch.h"

namespace prune {

/// Inputs of a least squares problem that go together: `count` of them from `first` on.
struct Block {
  std::int64_t first = 0, count = 1;
};

/// Outputs Y = X W of p inputs, which are blocks one after another and then inputs that stay. While blocks go, the weights V of the inputs
/// S that are left solve min |Y - X_S V|^2 + r |V - W|^2, where W counts as r |W|^2 for inputs that are gone; with the inverse A of
/// (X'X + r) over S the error grows by tr(V_b' (A_bb)^-1 V_b) when block b goes (optimal brain surgeon, Hassibi, Stork 1993, eq. 5, of
/// blocks and several outputs). V and A follow from those before, so X is not needed again.
class BlockElimination {
 public:
  /// gram: X'X, [p, p]; weights: W, [p, m]; both double on the CPU. ridge: r over the mean of X'X's diagonal; raised tenfold until
  /// X'X + r can be inverted.
  BlockElimination(torch::Tensor gram, torch::Tensor weights, std::vector<Block> blocks, double ridge);

  /// What the error would grow by, for each block; 0 where it is gone.
  const std::vector<double>& rises() const { return rises_; }

  /// Takes a block away that is still there.
  void remove(std::size_t block);

 private:
  torch::Tensor take_rows(const Block& gone);
  void update(std::size_t block, const torch::Tensor& rows, const torch::Tensor& own);
  void measure(std::size_t block);

  std::vector<Block> blocks_;
  std::vector<char> there_;
  torch::Tensor inverse_;  ///< A over the blocks, [n, n], but for what `pending_` takes from it
  torch::Tensor pending_;  ///< A = inverse_ - F'F of the first `waiting_` rows F, [capacity, n]: products of many rows cost less
  std::int64_t waiting_ = 0;
  torch::Tensor weights_;                       ///< V, [n, m]; of inputs that are gone what they last were
  std::vector<std::vector<double>> diagonals_;  ///< by block: A_bb, row by row
  std::vector<double> least_;                   ///< by block: pivots of A_bb below this are rounding
  std::vector<double> rises_;
};

}  // namespace prune
