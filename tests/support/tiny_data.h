// Datasets made in memory by a test.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "eval/data/dataset.h"

namespace support {

/// Images, labels and splits as the test gives them.
class TinyData : public eval::Dataset {
 public:
  TinyData(eval::Shape shape, int classes) : shape_(shape) {
    for (int c = 0; c < classes; ++c) names_.push_back(std::to_string(c));
  }

  /// `pixels`: channel, row, column.
  void add(eval::Split split, int label, std::vector<std::uint8_t> pixels) {
    splits_[static_cast<int>(split)].push_back(static_cast<std::int64_t>(labels_.size()));
    labels_.push_back(label);
    images_.push_back(std::move(pixels));
  }

  eval::Shape shape() const override { return shape_; }
  std::span<const std::uint8_t> pixels(std::int64_t image) const override { return images_[image]; }
  std::span<const std::int32_t> labels() const override { return labels_; }
  const std::vector<std::string>& class_names() const override { return names_; }
  std::span<const std::int64_t> split(eval::Split split) const override { return splits_[static_cast<int>(split)]; }

 private:
  eval::Shape shape_;
  std::vector<std::string> names_;
  std::vector<std::vector<std::uint8_t>> images_;
  std::vector<std::int32_t> labels_;
  std::vector<std::int64_t> splits_[3];
};

/// `per_class` images of each class and split: a bright 4 x 4 square whose place tells the class, on noise; 8 x 8 pixels a channel, drawn
/// by seed.
TinyData squares(int classes, int per_class, int channels = 1, std::uint64_t seed = 1);

}  // namespace support
