// Which images train, validate and test: drawn by seed, class by class, the same on every platform. Used by the formats in this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "storage/base/option.h"

namespace eval {

/// Image numbers by split, each list ascending. An image may be in none.
struct Splits {
  std::vector<std::int64_t> train, validation, test;
};

/// Image numbers that a draw took and those it left, both ascending.
struct Draw {
  std::vector<std::int64_t> taken, left;
};

/// Takes `count` of the images (0 <= count <= their number), as equal a share of each class as whole images allow: largest remainders,
/// ties to the smaller class number. `labels` is indexed by image number.
Draw draw_stratified(std::span<const std::int32_t> labels, const std::vector<std::int64_t>& images, std::int64_t count,
                     std::mt19937_64& random);

/// The same shares, of each class the last images.
Draw draw_last(std::span<const std::int32_t> labels, const std::vector<std::int64_t>& images, std::int64_t count);

struct SplitOptions {
  double validation = 0.1;  ///< share of the training images, in (0, 1)
  std::optional<std::int64_t> validation_images, train_images, test_images;
  std::uint64_t seed = 1;
  bool last = false;  ///< the last images of each class validate, not some drawn by seed
};

/// The keys of formats that bring training and test images but no validation images.
const storage::Options& split_options();

/// From the JSON that check_options made of split_options(); other keys are left alone.
SplitOptions split_options_from_json(const storage::Json& json);

/// Images in each split.
struct SplitSizes {
  std::int64_t train = 0, validation = 0, test = 0;
};

/// What make_splits draws from so many training and test images; it throws for the same options.
SplitSizes split_sizes(std::int64_t training, std::int64_t test, const SplitOptions& options, const std::string& where);

/// Images 0 .. training-1 are for training, the rest for test. The validation images are drawn first, then the subset for training; test
/// takes the first images. Throws storage::Error(invalid), opened by `where`, if a split would be empty or larger than what there is.
Splits make_splits(std::span<const std::int32_t> labels, std::int64_t training, const SplitOptions& options, const std::string& where);

}  // namespace eval
