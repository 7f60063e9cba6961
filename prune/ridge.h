// Least squares with a ridge, for refitting a layer: samples are gathered batch by batch, and the ridge is chosen on those held out.
#pragma once

#include <optional>
#include <vector>

#include "eval/torch.h"

namespace prune {

/// What stands for a constant: nothing; a bias, which the solution changes; or whatever constant fits best, because the reader takes it out
/// again, as batch norm does.
enum class Intercept { none, bias, free };

/// The change D of known weights that lowers |R - X D|^2 + r |D|^2, where R is what the known weights leave of the outputs (Hoerl, Kennard
/// 1970, about a prior mean). One such problem for each group of a grouped convolution, solved side by side in double precision. r is
/// `ridge` times the mean diagonal of X'X; a thousandth of that for a bias, a millionth for a free constant.
class RidgeRegression {
 public:
  struct Size {
    std::int64_t groups = 1, inputs = 1, outputs = 1;  ///< inputs and outputs of one group
    Intercept intercept = Intercept::none;
  };

  struct Solution {
    torch::Tensor change;  ///< [groups, inputs + 1 with an intercept, outputs], double; undefined: the known weights stay
    double ridge = 0;      ///< the one taken
    double before = 0;     ///< |R|^2 over all samples; with a free intercept, about its mean
    double after = 0;      ///< the same after the change
    bool no_gain = false;  ///< the change is undefined because no ridge lowered the error on the samples held out
  };

  /// `dual`: solve for the samples' multipliers, which costs less where samples are fewer than inputs but keeps all of them in memory.
  RidgeRegression(Size size, bool dual, torch::Device device);

  /// x: [n, groups, inputs], residual: [n, groups, outputs]. `held_out`: not used to fit while the ridge is chosen.
  void add(const torch::Tensor& x, const torch::Tensor& residual, bool held_out);

  /// With the ridge given, or, without one, the best of powers of ten on the samples held out; 0.01 where none was held out. A ridge too
  /// small to solve with is raised tenfold until it is not.
  Solution solve(std::optional<double> ridge) const;

 private:
  /// Sums over samples, or, in the dual form, the samples.
  struct Samples {
    std::int64_t count = 0;
    torch::Tensor gram, cross;        ///< [g, p, p] and [g, p, m]; in the dual form the kernel [g, n, n]
    torch::Tensor power;              ///< [g]: sum of squares of x
    torch::Tensor sums;               ///< [g, m] of the residual
    double squares = 0;               ///< of the residual
    std::vector<torch::Tensor> x, r;  ///< dual form: [g, n, p] and [g, n, m]
  };

  Samples together(const Samples& a, const Samples& b) const;
  torch::Tensor change(const Samples& samples, double ridge) const;
  double error(const Samples& samples, const torch::Tensor& change) const;
  double error_unchanged(const Samples& samples) const;
  double best_ridge() const;

  Size size_;
  bool dual_;
  torch::Tensor weights_of_penalty_;  ///< [p]: 1, and less for the constant
  Samples used_, held_;
};

}  // namespace prune
