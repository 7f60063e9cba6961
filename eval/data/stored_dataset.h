// The dataset of every format: images of one size in one block of bytes, in memory or in a mapped file. Made by the formats in this folder.
#pragma once

#include <utility>

#include "eval/data/dataset.h"

namespace eval {

/// A block of bytes and what keeps it there.
struct PixelBlock {
  std::span<const std::uint8_t> bytes;
  std::shared_ptr<const void> owner;

  /// Owns the vector.
  static PixelBlock of(std::vector<std::uint8_t> bytes) {
    auto owner = std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes));
    return {*owner, owner};
  }
};

/// What a format has read. `pixels` holds image after image, each of stored_bytes(shape, margin).
struct StoredImages {
  Shape shape;
  int margin = 0;
  PixelBlock pixels;
  std::string content = {};          ///< as Dataset::content()
  std::vector<std::int32_t> labels;  ///< -1: none, and then in no split
  std::vector<std::string> class_names;
  bool ordered = false;
  Splits splits;
  std::vector<LeftOut> left_out;
};

class StoredDataset final : public Dataset {
 public:
  explicit StoredDataset(StoredImages images) : images_(std::move(images)), image_bytes_(stored_bytes(images_.shape, images_.margin)) {}

  Shape shape() const override { return images_.shape; }
  int margin() const override { return images_.margin; }
  std::span<const std::uint8_t> pixels(std::int64_t image) const override {
    return images_.pixels.bytes.subspan(static_cast<std::size_t>(image) * image_bytes_, image_bytes_);
  }
  std::span<const std::int32_t> labels() const override { return images_.labels; }
  bool ordered() const override { return images_.ordered; }
  std::string content() const override { return images_.content; }
  std::span<const LeftOut> left_out() const override { return images_.left_out; }
  const std::vector<std::string>& class_names() const override { return images_.class_names; }
  std::span<const std::int64_t> split(Split split) const override { return images_.splits[split]; }

 private:
  StoredImages images_;
  std::size_t image_bytes_;
};

}  // namespace eval
