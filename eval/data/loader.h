// Batches for training and evaluation: pixels cut, flipped, shifted and normalised by oneTBB tasks ahead of the step that uses them, a few
// batches at a time. For a GPU the tasks make bytes, and the GPU does what follows them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "eval/data/augmentation.h"
#include "eval/data/seed.h"
#include "eval/torch.h"

namespace eval {

struct Batch {
  torch::Tensor images;  ///< [N, C, H, W] fp32, channels last
  torch::Tensor labels;  ///< [N] int64
};

/// Serves `order` in batches, in that order; the same arguments give the same bits, whatever the threads do and whatever the device.
class BatchLoader {
 public:
  struct Options {
    int batch = 128;
    Augmentation augmentation;
    std::uint64_t seed = 0;              ///< of the augmentation
    bool drop_last = false;              ///< leave out the last batch where it is not full, unless it is the only one
    torch::Device device = torch::kCPU;  ///< where batches are served; for a GPU as many threads prepare them as LibTorch's operators have
  };

  BatchLoader(const Dataset& data, const Normalisation& normalisation, std::vector<std::int64_t> order, Options options);
  ~BatchLoader();

  /// The next batch, or nothing at the end.
  std::optional<Batch> next();

  std::size_t batches() const;

  /// Seconds that next() has waited for data so far.
  double waited() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The images of a split in an order drawn by seed.
std::vector<std::int64_t> shuffled(std::span<const std::int64_t> images, std::uint64_t seed);

/// The first `count` of the training images in an order drawn by seed; all where there are fewer.
std::vector<std::int64_t> sample_images(const Dataset& data, std::int64_t count, std::uint64_t seed);

/// `count` of the images, drawn by seed so that every class has its share; all where there are fewer.
std::vector<std::int64_t> sample_of_classes(const Dataset& data, std::span<const std::int64_t> images, std::int64_t count,
                                            std::uint64_t seed);

}  // namespace eval
