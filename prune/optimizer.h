// Steps of gradient descent over a net's parameters, in groups with decay and rates of their own. Each operation takes all tensors of a
// group at once: on a GPU a few kernels instead of a few for each tensor. Used by the training loop.
#pragma once

#include <cstdint>
#include <vector>

#include "eval/nets/net.h"
#include "prune/train_options.h"

namespace torch::serialize {
class InputArchive;
class OutputArchive;
}  // namespace torch::serialize

namespace prune {

/// Stochastic gradient descent with momentum (Sutskever et al. 2013) and AdamW (Loshchilov and Hutter 2019, epsilon 1e-8), by the formulas
/// of torch::optim and in its order: on a CPU to the same bits.
class Optimizer {
 public:
  /// `decay: weights` leaves norms and biases without decay; `body_lr_factor` scales the rate of all layers but the one that makes the
  /// class scores.
  Optimizer(const OptimizerOptions& options, double body_lr_factor, const eval::Net& net);

  /// For the next step.
  void set_lr(double lr) { lr_ = lr; }

  /// Moves the parameters by their gradients, which it uses up: they hold other numbers then. A parameter without one stays.
  void step();

  /// Writes its state for a checkpoint: the number of steps and the averages of gradients.
  void save(torch::serialize::OutputArchive& archive) const;

  /// Throws c10::Error, and changes nothing, where the archive is of other parameters or another optimiser.
  void load(torch::serialize::InputArchive& archive);

 private:
  /// Lists as long as that of the parameters, or empty.
  struct Tensors {
    std::vector<torch::Tensor> parameters;
    std::vector<torch::Tensor> gradients;  ///< within a step alone
    std::vector<torch::Tensor> averages;   ///< of gradients: sgd's momentum, and adamw's first moment
    std::vector<torch::Tensor> squares;    ///< adamw's second moment
  };
  struct Group {
    double lr_factor = 1, weight_decay = 0;
    Tensors tensors;
  };

  void move(const Group& group, const Tensors& tensors) const;
  void move_by_sgd(const Tensors& t, double lr, double weight_decay) const;
  void move_by_adamw(const Tensors& t, double lr, double weight_decay) const;

  OptimizerOptions options_;
  std::vector<Group> groups_;
  double lr_;
  std::int64_t steps_ = 0;
};

}  // namespace prune
