// How a net bears changed test images: noise, and attacks made on the net itself or on another. Asked for by the stage `robustness`.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "eval/data/dataset.h"
#include "eval/data/normalisation.h"
#include "eval/nets/net.h"
#include "eval/perturbation.h"

namespace eval {

/// What it did to a net.
struct PerturbationResult {
  Perturbation perturbation;
  std::int64_t images = 0;
  double clean_accuracy = 0;  ///< of the same images as they are
  double accuracy = 0;
  double success = 0;       ///< of the images that were right, the share that is wrong now; NaN where none was right
  std::string images_hash;  ///< SHA-256 of the changed images, [N, C, H, W] fp32 in [0, 1]
};

/// Called with the share that is done.
using Progress = std::function<void(double fraction)>;

/// `count` test images drawn by seed, or all where there are fewer; ascending.
std::vector<std::int64_t> robustness_images(const Dataset& data, std::int64_t count, std::uint64_t seed);

/// Changes the images in every way, before normalisation and clipped to [0, 1]; what is drawn for an image depends on the seed and its
/// number alone. `sources`: the nets that perturbations name, on the device of `net`. The changed images are equal to the bit for every
/// net, but where an attack is made on the net itself. Throws storage::Error(invalid) for an unknown name.
std::vector<PerturbationResult> measure_robustness(const Net& net, const std::map<std::string, const Net*>& sources, const Dataset& data,
                                                   const Normalisation& normalisation, const std::vector<std::int64_t>& images,
                                                   const std::vector<Perturbation>& perturbations, std::uint64_t seed,
                                                   const Progress& progress = nullptr);

}  // namespace eval
