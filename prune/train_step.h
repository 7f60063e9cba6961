// A step of training: a batch's gradients, computed in parts where memory asks for it, and what moves the net by them. Used by the training
// loop.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "eval/data/loader.h"
#include "eval/nets/net.h"
#include "prune/loss_scaler.h"
#include "prune/mixing.h"
#include "prune/optimizer.h"
#include "prune/train.h"

namespace prune {

class TrainStep {
 public:
  /// What the steps so far leave to the next one besides the net itself. A checkpoint keeps it.
  struct State {
    Optimizer optimizer;
    eval::Weights average;   ///< moving average of the weights; empty without `ema`
    LossScaler scaler;       ///< of fp16
    std::int64_t steps = 0;  ///< taken so far
    int parts = 1;           ///< in which batches are computed
  };

  /// Borrows both. `say` is told where memory does not suffice for a batch and it is tried again in more parts. Throws
  /// storage::Error(invalid) where batch norm would see one value a channel.
  TrainStep(eval::Net& net, const TrainTask& task, std::function<void(const std::string&)> say);

  /// Moves the net by the gradients of the batch's mean loss and returns that, a scalar on the device. In fp16 the net stays where a
  /// gradient is not finite. seed: of mixup and CutMix; dropout draws from LibTorch's generator.
  torch::Tensor take(const eval::Batch& batch, double lr, std::uint64_t seed);

  State& state() { return state_; }
  const State& state() const { return state_; }

 private:
  /// What the sums over a batch are divided by, so that its parts add up to its mean loss.
  struct Weighing {
    torch::Tensor labels, other_labels;
    double images = 1;
  };

  std::int64_t least_part() const;
  void check_batch_norm(std::int64_t batch) const;
  void find_zeros();
  void restore_zeros();
  bool is_taught() const { return options_.distill && options_.distill->weight > 0; }
  torch::Tensor gradients_of(const MixedBatch& batch);
  torch::Tensor total_weight(const torch::Tensor& labels) const;
  torch::Tensor backward(const MixedBatch& part, const Weighing& weighing);
  torch::Tensor cross_entropy(const torch::Tensor& scores, const torch::Tensor& labels) const;
  torch::Tensor taught(const torch::Tensor& images) const;

  eval::Net& net_;
  const TrainTask& task_;
  const TrainOptions& options_;
  std::function<void(const std::string&)> say_;
  State state_;
  std::vector<torch::Tensor> parameters_;
  std::vector<torch::Tensor> filters_, nonzero_;  ///< weights that keep their zeros, and factors of 0 and 1; empty: none do
  std::vector<torch::Tensor> running_, scales_;   ///< batch norm's statistics, and its scales
  std::vector<torch::Tensor> running_before_;     ///< the statistics before a step
  torch::Tensor class_weights_;                   ///< undefined: all alike
};

/// Weights of the classes, inverse to their share of the split's images, with a mean of 1 over the images; 0 for a class without any.
std::vector<float> balanced_class_weights(const eval::Dataset& data, eval::Split split);

}  // namespace prune
