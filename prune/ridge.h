// Least squares with a ridge, for refitting a layer: samples are gathered batch by batch, and the ridge is chosen on those held out.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "eval/torch.h"

namespace prune {

/// What stands for a constant: nothing; a bias, which the solution changes; or whatever constant fits best, because the reader takes it out
/// again, as batch norm does.
enum class Intercept { none, bias, free };

/// The change D of known weights W that lowers |Y - X (W + D)|^2 + r |D|^2 (Hoerl, Kennard 1970, about a prior mean). One such problem for
/// each group of a grouped convolution, solved side by side in double precision. r is `ridge` times the mean diagonal of X'X; a thousandth
/// of that for a bias, a millionth for a free constant.
class RidgeRegression {
 public:
  struct Size {
    std::int64_t groups = 1, inputs = 1, outputs = 1;  ///< inputs and outputs of one group
    Intercept intercept = Intercept::none;
  };

  struct Solution {
    torch::Tensor change;  ///< [groups, inputs + 1 with an intercept, outputs], double; undefined: the known weights stay
    double ridge = 0;      ///< the one taken
    double before = 0;     ///< |Y - X W|^2 over all samples; with a free intercept, about its mean
    double after = 0;      ///< the same after the change
    bool no_gain = false;  ///< the change is undefined because no ridge lowered the error on the samples held out
  };

  /// known: W, [groups, inputs and, where there is a bias, that, outputs]. `dual`: solve for the samples' multipliers, which costs less
  /// where samples are fewer than inputs but keeps all of them in memory.
  RidgeRegression(Size size, torch::Tensor known, bool dual);

  /// x: [n, groups, inputs], y: [n, groups, outputs]; weights: [n], what each sample's squares count, 1 where there are none. `held_out`:
  /// not used to fit while the ridge is chosen.
  void add(const torch::Tensor& x, const torch::Tensor& y, bool held_out, const torch::Tensor& weights = {});

  /// With the ridge given, or, without one, the best on the samples held out, downhill by powers of ten from `start`, which is taken where
  /// none was held out. A ridge too small to solve with is raised tenfold until it is not.
  Solution solve(std::optional<double> ridge, double start = 1e-2) const;

 private:
  /// Sums over samples, or, in the dual form, the samples.
  struct Samples {
    double count = 0;                 ///< by their weights
    torch::Tensor normal;             ///< [g, p + m, p]: X'X, below it Y'X
    double squares = 0;               ///< of Y
    std::vector<torch::Tensor> x, r;  ///< dual form: [g, n, p], and [g, n, m], what the known weights leave of Y
  };

  /// Least squares of R = Y - X W, what the known weights leave.
  struct Problem {
    torch::Tensor matrix, right;  ///< X'X and X'R; in the dual form the samples' kernel [g, n, n], and R
    torch::Tensor penalty;        ///< [g, 1]: r where `ridge` is 1
    torch::Tensor x;              ///< dual form: [g, n, p]
    double squares = 0;           ///< |R|^2
    double before = 0;            ///< the same, with a free intercept about its mean
  };

  Samples together(const Samples& a, const Samples& b) const;
  Problem problem(const Samples& samples) const;
  torch::Tensor change(const Problem& problem, double ridge) const;
  double error(const Problem& problem, const torch::Tensor& change) const;
  double best_ridge(double start) const;

  Size size_;
  bool dual_;
  torch::Tensor known_;               ///< [g, p, m], with what stands for the constant; double but in the dual form, where it is large
  torch::Tensor weights_of_penalty_;  ///< [p]: 1, and less for the constant
  Samples used_, held_;
};

}  // namespace prune
