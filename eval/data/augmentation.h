// Random changes of training images, and the step from bytes to normalised numbers. Used by the batch loader.
#pragma once

#include <cstdint>
#include <vector>

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

/// Where a net's image lies in its bytes, and where its hole is, as a seed draws them.
struct Placement {
  int top = 0, left = 0;            ///< first row and column in the image with `padding` more pixels on each side: in [0, 2 * padding]
  bool mirrored = false;            ///< left to right, within those columns
  int hole_top = 0, hole_left = 0;  ///< first row and column of what cutout makes the mean; may lie before the image
};

/// Writes images of one dataset as a net takes them. Thread-safe.
class ImageWriter {
 public:
  /// Borrows the data.
  ImageWriter(const Dataset& data, const Normalisation& normalisation, const Augmentation& augmentation);

  /// Writes the image, changed as `seed` draws it, to `out`: normalised, row by row, channels last.
  void write(std::int64_t image, std::uint64_t seed, float* out) const;

  /// The first half of write(), for a device that does the other (device_batch.h): writes the bytes, with all changes but the placement, to
  /// `out`: planes (channel, row, column) of the image with border() more pixels on each side.
  void write_bytes(std::int64_t image, std::uint64_t seed, std::uint8_t* out) const;

  /// The second half, as write() takes it.
  Placement draw_placement(std::uint64_t seed) const;

  /// Pixels around an image that a placement may show and the data have; beyond them is black. At most the padding.
  int border() const;

  const Augmentation& augmentation() const { return augmentation_; }
  /// Of the images that are written.
  Shape shape() const { return shape_; }
  /// The normalised values of the 256 bytes, channel by channel.
  const std::vector<float>& values() const { return values_; }

 private:
  Planes changed_planes(std::int64_t image, std::uint64_t seed) const;
  Planes crop_resized(const Planes& from, std::uint64_t seed) const;
  void place(const Planes& planes, const Placement& placement, float* out) const;
  void cut_out(const Placement& placement, float* out) const;

  const Dataset& data_;
  Augmentation augmentation_;
  Shape shape_;
  std::vector<float> values_;  ///< normalised value of [channel][byte]
};

}  // namespace eval
