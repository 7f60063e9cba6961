// Accuracy and loss of a net over some images.
#pragma once

#include <span>

#include "eval/data/loader.h"
#include "eval/nets/net.h"

namespace eval {

struct Evaluation {
  std::int64_t images = 0;
  double accuracy = 0;  ///< share of 1, the class with the highest score
  double loss = 0;      ///< mean cross entropy, natural logarithm
};

/// In fp32 and in the net's evaluation mode, so that an exported net reproduces it.
Evaluation evaluate(const Net& net, const Dataset& data, const Normalisation& normalisation, std::span<const std::int64_t> images);

}  // namespace eval
