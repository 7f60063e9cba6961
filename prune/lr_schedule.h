// The learning rate over the epochs, and what of the past decides it. Used by the training loop.
#pragma once

#include <vector>

#include "prune/train_options.h"

namespace prune {

struct Epoch {
  double train_loss = 0, val_accuracy = 0, val_loss = 0, lr = 0;
};

/// The learning rate's factor at `step` of `steps`, which make up options.epochs: linear from 0 over `warmup` steps, then the schedule. A
/// plateau's falls are plateau_factor's.
double lr_factor(const TrainOptions& options, double step, double steps, double warmup);

/// The learning rate that a training of these options has `epochs` before its end; its highest from as many epochs on as there are after
/// the warm-up. Not of a plateau, whose rate the validation decides. Where a retraining of so many epochs is to begin (Renda, Frankle,
/// Carbin 2020, arXiv 2003.02389: the learning rate rewound).
double rate_before_end(const TrainOptions& options, int epochs);

/// Of the schedule `plateau`: lr_gamma to the power of the times that lr_every epochs passed without a better validation accuracy. 1 for
/// others.
double plateau_factor(const TrainOptions& options, const std::vector<Epoch>& history);

/// Epochs since the first that had the best validation accuracy.
int epochs_since_best(const std::vector<Epoch>& history);

}  // namespace prune
