// Random changes of training images, and the step from bytes to normalised numbers. Used by the batch loader.
#pragma once

#include <cstdint>

#include "eval/data/normalisation.h"

namespace eval {

struct Planes;

struct Augmentation {
  bool flip = false;     ///< left to right, every second image
  int padding = 0;       ///< crop: up to so many pixels to each side; the margin shows there, and black (zero) beyond it
  double min_scale = 1;  ///< resized crop: a random part of at least this share of the area, its sides as 3:4 to 4:3 (Szegedy et al. 2015)
  double jitter = 0;     ///< brightness, contrast and saturation, each by a factor in [1 - jitter, 1 + jitter]
  bool trivial = false;  ///< one change out of 14 at a random strength: TrivialAugment, wide (image_changes.h)
  int cutout = 0;        ///< side of a square, anywhere, that becomes the mean (DeVries and Taylor 2017); in pixels
};

/// Writes images of one dataset as a net takes them. Thread-safe.
class ImageWriter {
 public:
  /// Borrows the data.
  ImageWriter(const Dataset& data, const Normalisation& normalisation, const Augmentation& augmentation);

  /// Writes the image, changed as `seed` draws it, to `out`: normalised, row by row, channels last.
  void write(std::int64_t image, std::uint64_t seed, float* out) const;

 private:
  Planes crop_resized(const Planes& from, std::uint64_t seed) const;
  void place(const Planes& planes, std::uint64_t seed, float* out) const;
  void cut_out(std::uint64_t seed, float* out) const;

  const Dataset& data_;
  Augmentation augmentation_;
  Shape shape_;
  std::vector<float> values_;  ///< normalised value of [channel][byte]
};

}  // namespace eval
