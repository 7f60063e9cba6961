// A batch in two halves: bytes and draws, which the loader's threads make and which travel to a GPU, and the rest of what an image writer
// does, on the GPU. Used by the batch loader.
#pragma once

#include <cstdint>
#include <span>

#include "eval/data/augmentation.h"
#include "eval/torch.h"

namespace eval {

/// Images as ImageWriter::write_bytes leaves them.
struct ByteBatch {
  torch::Tensor bytes;       ///< [N, C, H + 2 b, W + 2 b] uint8, b = ImageWriter::border()
  torch::Tensor placements;  ///< [N, 5] int64: the members of Placement, in their order
};

/// The first half: the images, on the processor. The i-th is drawn by mix_seed(seed, first + i). `pinned`: in memory that a GPU reads while
/// the processor goes on; only where there is a GPU.
ByteBatch read_bytes(const ImageWriter& writer, std::span<const std::int64_t> images, std::uint64_t seed, std::size_t first, bool pinned);

/// The second half: crops, mirrors, normalises and cuts out on a device, without waiting for it.
class BatchFinisher {
 public:
  /// Copies of the writer what it needs.
  BatchFinisher(const ImageWriter& writer, torch::Device device);

  /// [N, C, H, W] fp32, channels last, on the device: bit for bit what the writer's write() gives. The batch may lie anywhere.
  torch::Tensor finished(const ByteBatch& batch) const;

 private:
  torch::Device device_;
  std::int64_t beyond_ = 0, cutout_ = 0;  ///< pixels around the bytes that are black; side of the hole
  torch::Tensor rows_;                    ///< [H, 1] int64: 0, 1 ...
  torch::Tensor columns_;                 ///< [2, W] int64: 0, 1 ..., and the same backwards
  torch::Tensor values_;                  ///< [256 C]: normalised value of [channel][byte]
  torch::Tensor first_values_;            ///< [C] int32: 256 c, where a channel's values begin
};

}  // namespace eval
