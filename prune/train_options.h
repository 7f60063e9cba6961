// The options of training as a table and as values: read from YAML by search/, used by training in prune/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/base/option.h"

namespace prune {

/// Keys of `train:` and `prune: retrain:` besides `optimizer`.
const storage::Options& train_options();

/// Keys of `optimizer:`.
const storage::Options& optimizer_options();

/// Keys of `prune: retrain: distill:`.
const storage::Options& distill_options();

struct OptimizerOptions {
  std::string name = "sgd";  ///< sgd | adamw
  double lr = 0.05, momentum = 0.9, weight_decay = 5e-4;
  bool nesterov = true;               ///< where momentum is above 0
  std::string decay = "weights";      ///< what decays: weights | all
  double beta1 = 0.9, beta2 = 0.999;  ///< adamw
  bool operator==(const OptimizerOptions&) const = default;
};

/// Learning from another net's scores (prune/distillation.h).
struct DistillOptions {
  std::string form = "kd";  ///< kd | dkd
  double weight = 0.5;      ///< share of the teacher's term in the loss
  double temperature = 4;   ///< of both nets' scores in that term
  double nontarget = 4;     ///< dkd: weight of the part among the classes that are not the label
  bool operator==(const DistillOptions&) const = default;
};

struct TrainOptions {
  int epochs = 10;
  int batch = 128;
  OptimizerOptions optimizer = {};
  std::string lr_schedule = "cosine";  ///< cosine | step | plateau | constant
  int lr_every = 30;                   ///< epochs: of a step, or without a better validation accuracy
  double lr_gamma = 0.1;               ///< factor of a step
  double warmup = 0;                   ///< epochs of linear warm-up, may be a fraction
  double label_smoothing = 0;
  double mixup = 0;                    ///< alpha of the Beta distribution; 0: none (Zhang et al. 2018)
  double cutmix = 0;                   ///< likewise of CutMix (Yun et al. 2019)
  double bn_l1 = 0;                    ///< L1 penalty on batch norm's scales (Liu et al. 2017)
  double body_lr_factor = 1;           ///< of the learning rate of all layers but the one that makes the class scores
  int micro_batch = 0;                 ///< images computed at a time, gradients summed to a batch's; 0: the whole batch
  double ema = 0;                      ///< decay of the weights' moving average, which is then what is validated and kept; 0: none
  std::string class_weights = "none";  ///< none | balanced
  double clip = 0;                     ///< largest norm of the gradient; 0: none
  int early_stop = 0;                  ///< epochs without a better validation accuracy; 0: never
  std::vector<std::string> augment;    ///< flip, crop, resized_crop, jitter, cutout, trivial_augment
  int padding = 2;                     ///< pixels
  double min_scale = 0.35, jitter = 0.2;
  int cutout_size = 8;                         ///< pixels
  std::string precision = "auto";              ///< auto | fp32 | bf16 | fp16 | tf32
  std::optional<DistillOptions> distill = {};  ///< none: from the labels alone
  int stop_after = 0;  ///< epochs after which to end, with a checkpoint to go on from; 0: all. No key: the search sets it
  bool operator==(const TrainOptions&) const = default;

  /// Epochs after which the training ends.
  int last_epoch() const { return stop_after > 0 ? stop_after : epochs; }
};

/// As the tables name them: {..., "optimizer": {...}}, with "distill" and "stop_after" where they are set.
storage::Json to_json(const TrainOptions& options);

/// The inverse. Throws storage::Error(invalid) for a key that is missing, unknown or out of its range.
TrainOptions train_options_from_json(const storage::Json& json);

}  // namespace prune
