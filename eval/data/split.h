// Which images train, validate and test: drawn by seed, class by class, the same on every platform. Used by the formats in this folder.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "storage/base/option.h"

namespace eval {

enum class Split { train, validation, test };
inline constexpr std::array all_splits{Split::train, Split::validation, Split::test};

std::string to_string(Split split);
/// Throws storage::Error(invalid) for an unknown name.
Split split_from_string(const std::string& text);
/// The split that a folder or a column of a foreign dataset means: train(ing), val(id, idation), test.
std::optional<Split> split_from_usual_name(const std::string& text);

/// Image numbers by split, each list ascending. An image may be in none.
struct Splits {
  std::vector<std::int64_t> train, validation, test;

  std::vector<std::int64_t>& operator[](Split split);
  const std::vector<std::int64_t>& operator[](Split split) const;
};

struct SplitOptions {
  double test = 0.2;        ///< share of all images, in (0, 1), where no image is bound to be a test image
  double validation = 0.1;  ///< share of the training images, in (0, 1)
  std::optional<std::int64_t> validation_images, train_images, test_images;
  std::uint64_t seed = 1;
  bool last = false;                  ///< the last images of each class validate, not some drawn by seed
  double part_from = 0, part_to = 1;  ///< of the training images those whose hash, in [0, 1), lies in [part_from, part_to)
};

/// The keys of formats that bring training and test images but no validation images.
const storage::Options& split_options();

/// From the JSON that check_options made of split_options(); other keys are left alone.
SplitOptions split_options_from_json(const storage::Json& json);

/// Of images 0 .. training-1 those with a label (0 or above) are for training, of the rest for test. The validation images are drawn first,
/// then the subset for training. Throws storage::Error(invalid), opened by `where`, if a split would be empty or larger than what there is.
Splits make_splits(std::span<const std::int32_t> labels, std::int64_t training, const SplitOptions& options, const std::string& where);

/// What images are drawn by: names of their own, or groups of which none may be in two splits.
struct DrawKeys {
  std::span<const std::string> names;  ///< by image number
  bool groups = false;
  std::span<const std::int32_t> all_labels = {};  ///< also of classes that are left out; empty where none are
};

/// Draws test images from `given.train` where there are none, leaves out images without a label (-1), then draws validation images
/// likewise, then the subset for training. Names and groups decide, so that an image keeps its split when others come or go; and test
/// images are drawn from all classes, so that data of some of them test on none that data of others train on. Throws as make_splits.
Splits complete_splits(std::span<const std::int32_t> labels, Splits given, const DrawKeys& keys, const SplitOptions& options,
                       const std::string& where);

/// Images 0 .. names-1, which have no labels, for training: those of the part that the options ask for, and `train_images` of them.
/// Throws as make_splits.
Splits unlabelled_splits(std::span<const std::string> names, const SplitOptions& options, const std::string& where);

}  // namespace eval
