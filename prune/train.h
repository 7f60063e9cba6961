// The training loop: of a base, of a baseline, and of a cut net that is retrained.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "eval/data/loader.h"
#include "eval/nets/net.h"
#include "eval/precision.h"
#include "prune/lr_schedule.h"

namespace prune {

struct TrainResult {
  enum class End { done, diverged, interrupted };
  End end = End::done;
  std::string reason;          ///< of a divergence
  bool can_go_on = false;      ///< it was stopped by `stop_after`, not over by itself: its checkpoint is of the last epoch
  std::vector<Epoch> history;  ///< one entry an epoch, resumed ones included
  int best_epoch = 0;          ///< counted from 1; of equal accuracy the one of less loss; 0: the net as it was given
  Epoch best;                  ///< its validation
  double data_wait_s = 0,
         train_s = 0;       ///< of this process: seconds in which the loop waited for batches, and in all, validation not counted
  std::int64_t images = 0;  ///< trained on in train_s
  int parts = 1;            ///< in which batches are computed: as `micro_batch` asks, and more where memory did not suffice
};

/// Everything but the net. The seed decides the order of images, their augmentation, mixup and dropout, epoch by epoch, so that a resumed
/// run repeats the bits of an undisturbed one at the same number of threads.
struct TrainTask {
  const eval::Dataset& data;
  const eval::Normalisation& normalisation;
  TrainOptions options;
  eval::Precision precision = eval::Precision::fp32;
  std::uint64_t seed = 1;
  std::filesystem::path checkpoint;  ///< written after every epoch after which there is something left to train; empty: none
  std::function<void(double fraction, const std::string&)> progress;  ///< may be empty
  const std::atomic<bool>* stop = nullptr;                            ///< once true, ends as `interrupted` at the next batch
  /// Validation of the net as it is given, where that may be the best: a net that was refitted is kept if no epoch does as well.
  std::optional<Epoch> start = {};
  std::string from = {};               ///< which net that is; a checkpoint of a training from another is passed over
  bool keep_zeros = false;             ///< weights of filters that are 0 as given stay so: those that `magnitude` took
  const eval::Net* teacher = nullptr;  ///< whose scores count where options.distill->weight is above 0; on the net's device
};

/// Trains `net` and leaves in it the weights of the epoch with the best validation accuracy, of equal ones that with the least loss; with
/// `ema` those are averages. A batch that does not fit into memory is computed in halves, quarters ... whose gradients are summed: the step
/// stays that of the whole batch, but batch norm sees the parts. A loss that is not finite ends it as diverged, as does one far above that
/// of guessing for many batches in a row. Throws storage::Error(invalid) where batch norm would see one value a channel.
TrainResult train(eval::Net& net, const TrainTask& task);

}  // namespace prune
