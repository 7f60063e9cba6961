// Mean and deviation of pixels: how bytes become the numbers that nets take. Measured once a dataset, or given.
#pragma once

#include <vector>

#include "eval/data/dataset.h"

namespace eval {

/// Per channel: (pixel / 255 - mean) / deviation.
struct Normalisation {
  std::vector<float> mean, deviation;
};

/// Mean and standard deviation of the training images' pixels, channel by channel, margins left out.
Normalisation measure_normalisation(const Dataset& data);

/// The keys of every format that give them instead: mean and deviation.
const storage::Options& normalisation_options();

/// What a dataset's settings give, else what is measured. Throws storage::Error(invalid) for one number too many or too few.
Normalisation normalisation_of(const storage::Json& settings, const Dataset& data);

}  // namespace eval
