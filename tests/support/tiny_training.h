// A net and data that train in a moment, for the tests of training.
#pragma once

#include "prune/train.h"
#include "support/tiny_data.h"
#include "support/tiny_nets.h"

namespace support {

struct TinyTraining {
  TinyData data = squares(4, 16);
  eval::Normalisation normalisation = eval::measure_normalisation(data);
  eval::NetSpec spec = plain_net();

  eval::Net fresh(std::uint64_t seed = 1) const { return {spec, eval::initial_weights(spec, seed)}; }

  /// Without augmentation; 64 images in batches of 16.
  prune::TrainTask task(int epochs) const {
    prune::TrainTask task{data, normalisation};
    task.options = {.epochs = epochs, .batch = 16, .optimizer = {.lr = 0.05}};
    task.seed = 3;
    return task;
  }
};

}  // namespace support
