#include "eval/data/device_batch.h"

#include <array>

#include "eval/data/seed.h"

namespace eval {

using torch::Tensor;

namespace {

constexpr std::int64_t draws = 5;  // members of Placement

Tensor on_processor(at::IntArrayRef sizes, at::ScalarType type, bool pinned) {
  return torch::empty(sizes, torch::TensorOptions(type).device(torch::kCPU).pinned_memory(pinned));
}

/// A column of the placements as [N, 1, 1].
Tensor drawn(const Tensor& placements, std::int64_t column) {
  return placements.select(1, column).view({-1, 1, 1});
}

}  // namespace

ByteBatch read_bytes(const ImageWriter& writer, std::span<const std::int64_t> images, std::uint64_t seed, std::size_t first, bool pinned) {
  const auto [channels, height, width] = writer.shape();
  const auto count = static_cast<std::int64_t>(images.size());
  const int border = 2 * writer.border();
  ByteBatch made{on_processor({count, channels, height + border, width + border}, torch::kUInt8, pinned),
                 on_processor({count, draws}, torch::kInt64, pinned)};
  std::uint8_t* bytes = made.bytes.data_ptr<std::uint8_t>();
  std::int64_t* placements = made.placements.data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < images.size(); ++i) {
    const std::uint64_t image_seed = mix_seed(seed, first + i);
    writer.write_bytes(images[i], image_seed, bytes + static_cast<std::int64_t>(i) * made.bytes.stride(0));
    const Placement placement = writer.draw_placement(image_seed);
    for (const std::int64_t value :
         std::array<std::int64_t, draws>{placement.top, placement.left, placement.mirrored, placement.hole_top, placement.hole_left})
      *placements++ = value;
  }
  return made;
}

BatchFinisher::BatchFinisher(const ImageWriter& writer, torch::Device device)
    : device_(device), beyond_(writer.augmentation().padding - writer.border()), cutout_(writer.augmentation().cutout) {
  const auto [channels, height, width] = writer.shape();
  rows_ = at::arange(height, at::TensorOptions(at::kLong).device(device)).view({height, 1});
  const Tensor columns = at::arange(width, at::TensorOptions(at::kLong).device(device));
  columns_ = at::stack({columns, columns.flip(0)});
  values_ = at::tensor(writer.values(), at::kFloat).to(device);
  first_values_ = at::arange(0, 256 * channels, 256, at::TensorOptions(at::kInt).device(device));
}

Tensor BatchFinisher::finished(const ByteBatch& batch) const {
  torch::NoGradGuard no_grad;
  const Tensor placements = batch.placements.to(device_, /*non_blocking=*/true);
  Tensor bytes = batch.bytes.to(device_, /*non_blocking=*/true);
  if (beyond_ > 0) bytes = at::constant_pad_nd(bytes, {beyond_, beyond_, beyond_, beyond_}, 0);
  const std::int64_t count = bytes.size(0), height = rows_.size(0), width = columns_.size(1);
  const Tensor images = at::arange(count, rows_.options()).view({count, 1, 1});
  const Tensor columns = columns_.index_select(0, placements.select(1, 2)).view({count, 1, width});
  const Tensor placed = bytes.permute({0, 2, 3, 1}).index({images, rows_ + drawn(placements, 0), columns + drawn(placements, 1)});
  // A table's numbers are the processor's to the last bit, which a division on a GPU would not be.
  const Tensor codes = placed.to(at::kInt) + first_values_;  // [N, H, W, C]
  Tensor finished = values_.index_select(0, codes.reshape({-1})).view({count, height, width, -1});
  if (cutout_ > 0) {
    const Tensor row = rows_ - drawn(placements, 3), column = columns_[0] - drawn(placements, 4);
    const Tensor hole = (row >= 0) & (row < cutout_) & (column >= 0) & (column < cutout_);  // [N, H, W]
    finished.masked_fill_(hole.unsqueeze(3), 0);
  }
  return finished.permute({0, 3, 1, 2});
}

}  // namespace eval
