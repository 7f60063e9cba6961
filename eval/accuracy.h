// How good a net is over some images: the two numbers that training follows, and all that is stored of a net that is tested.
#pragma once

#include <span>
#include <string>
#include <vector>

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

/// Images of one class that the net took for another, or for that class.
struct Confusion {
  int truth = 0, predicted = 0;
  std::int64_t images = 0;
};

struct Quality : Evaluation {
  double top5 = 0;                   ///< share of images whose class is among the five highest scores
  double balanced_accuracy = 0;      ///< mean of the recalls of the classes that have images
  double one_off = 0;                ///< share of images whose class is the predicted one or its neighbour: for classes with an order
  double calibration_error = 0;      ///< mean distance of confidence and accuracy over 15 equal bins, weighed by images (Guo et al. 2017);
                                     ///< scores that are NaN are of the first class, without confidence
  std::vector<double> recall;        ///< by class; NaN where it has no image
  std::vector<Confusion> confusion;  ///< pairs that occur, by truth and prediction
};

/// As evaluate, with everything that can be told from the same pass.
Quality measure_quality(const Net& net, const Dataset& data, const Normalisation& normalisation, std::span<const std::int64_t> images);

/// The same from scores [N, K] and labels [N] (int64).
Quality quality_of(const torch::Tensor& scores, const torch::Tensor& labels);

}  // namespace eval
