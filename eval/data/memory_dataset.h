// The dataset of every format that decodes all its images into one block of bytes. Made by the formats in this folder.
#pragma once

#include <utility>

#include "eval/data/dataset.h"
#include "eval/data/split.h"

namespace eval {

/// What a format has read. `pixels` holds image after image, each of shape.channels * shape.height * shape.width bytes.
struct MemoryImages {
  Shape shape;
  std::vector<std::uint8_t> pixels;
  std::vector<std::int32_t> labels;
  std::vector<std::string> class_names;
  Splits splits;
};

class MemoryDataset final : public Dataset {
 public:
  explicit MemoryDataset(MemoryImages images)
      : images_(std::move(images)),
        image_bytes_(static_cast<std::size_t>(images_.shape.channels) * images_.shape.height * images_.shape.width) {}

  Shape shape() const override { return images_.shape; }
  std::span<const std::uint8_t> pixels(std::int64_t image) const override {
    return std::span(images_.pixels).subspan(static_cast<std::size_t>(image) * image_bytes_, image_bytes_);
  }
  std::span<const std::int32_t> labels() const override { return images_.labels; }
  const std::vector<std::string>& class_names() const override { return images_.class_names; }
  std::span<const std::int64_t> split(Split split) const override {
    switch (split) {
      case Split::train:
        return images_.splits.train;
      case Split::validation:
        return images_.splits.validation;
      case Split::test:
        return images_.splits.test;
    }
    return {};
  }

 private:
  MemoryImages images_;
  std::size_t image_bytes_;
};

}  // namespace eval
