// LibTorch's optimisers over a net's parameters, in groups with decay and rates of their own. Used by the training loop.
#pragma once

#include <torch/optim/optimizer.h>

#include <memory>
#include <vector>

#include "eval/nets/net.h"
#include "prune/train_options.h"

namespace prune {

class Optimizer {
 public:
  /// `decay: weights` leaves norms and biases without decay; `body_lr_factor` scales the rate of all layers but the one that makes the
  /// class scores.
  Optimizer(const OptimizerOptions& options, double body_lr_factor, const eval::Net& net);

  /// For the next step.
  void set_lr(double lr);
  void step() { torch_->step(); }

  /// Its state is what a checkpoint holds.
  torch::optim::Optimizer& torch() { return *torch_; }

 private:
  std::unique_ptr<torch::optim::Optimizer> torch_;
  std::vector<double> lr_factors_;  ///< by group
};

}  // namespace prune
