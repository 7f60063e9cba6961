#include "eval/data/split.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <numeric>
#include <random>

#include "eval/data/draw.h"
#include "tests/support/throws.h"

using namespace eval;
using Catch::Contains;

namespace {

/// Labels 0, 1, 2 in turns of six: three 0, two 1, one 2.
std::vector<std::int32_t> turns(int images) {
  const std::int32_t turn[] = {0, 1, 0, 2, 0, 1};
  std::vector<std::int32_t> labels;
  for (int i = 0; i < images; ++i) labels.push_back(turn[i % 6]);
  return labels;
}

std::vector<std::int64_t> first(std::int64_t count) {
  std::vector<std::int64_t> images(count);
  std::iota(images.begin(), images.end(), 0);
  return images;
}

std::map<int, int> class_counts(const std::vector<std::int32_t>& labels, const std::vector<std::int64_t>& images) {
  std::map<int, int> counts;
  for (const std::int64_t image : images) ++counts[labels[image]];
  return counts;
}

using Counts = std::map<int, int>;

}  // namespace

TEST_CASE("a draw takes each class's share and leaves the rest") {
  const std::vector<std::int32_t> labels = turns(60);
  std::mt19937_64 random(7);
  const Draw draw = draw_stratified(labels, first(60), 12, random);
  CHECK(class_counts(labels, draw.taken) == Counts{{0, 6}, {1, 4}, {2, 2}});
  CHECK(class_counts(labels, draw.left) == Counts{{0, 24}, {1, 16}, {2, 8}});
  CHECK(std::is_sorted(draw.taken.begin(), draw.taken.end()));
  std::vector<std::int64_t> all;
  std::merge(draw.taken.begin(), draw.taken.end(), draw.left.begin(), draw.left.end(), std::back_inserter(all));
  CHECK(all == first(60));
}

TEST_CASE("what does not divide goes to the largest remainders, ties by a hash of the class") {
  const std::vector<std::int32_t> labels = turns(60);
  std::mt19937_64 random(7);
  // Shares of 10: 5, 3.33, 1.67. Shares of 1: 0.5, 0.33, 0.17. Shares of 3: 1.5, 1, 0.5, a tie.
  CHECK(class_counts(labels, draw_stratified(labels, first(60), 10, random).taken) == Counts{{0, 5}, {1, 3}, {2, 2}});
  CHECK(class_counts(labels, draw_stratified(labels, first(60), 1, random).taken) == Counts{{0, 1}});
  CHECK(draw_stratified(labels, first(60), 3, random).taken.size() == 3);
  // 40 classes of 3 images: the 24 of a share of 0.2 are not those of the first 24 classes.
  std::vector<std::int32_t> many;
  for (std::int32_t c = 0; c < 40; ++c) many.insert(many.end(), 3, c);
  const Counts taken = class_counts(many, draw_stratified(many, first(120), 24, random).taken);
  CHECK(taken.size() == 24);
  CHECK(taken.rbegin()->first >= 30);
  // Of test images each class has one where it has two images or more.
  std::vector<std::string> names;
  for (int i = 0; i < 121; ++i) names.push_back(std::to_string(i));
  many.push_back(40);
  const Counts tested = class_counts(many, draw_by_name(many, first(121), 24, names, 1, 1).taken);
  CHECK(tested.size() == 40);
  CHECK_FALSE(tested.contains(40));
}

TEST_CASE("a draw can take none, all, and of nothing") {
  const std::vector<std::int32_t> labels = turns(6);
  std::mt19937_64 random(1);
  CHECK(draw_stratified(labels, first(6), 0, random).taken.empty());
  CHECK(draw_stratified(labels, first(6), 6, random).taken == first(6));
  CHECK(draw_stratified(labels, {}, 0, random).left.empty());
}

TEST_CASE("draws are the ones worked out by hand from the standard's engine, so every platform draws alike") {
  // mt19937_64 with seed 1 gives 2469588189546311528, 2516265689700432462, 8323445853463659930, 387828560950575246. Of 0 1 2 3 4, from the
  // back: position 4 swaps with 3 (mod 5), 3 with 2 (mod 4), 2 with 0 (mod 3), 1 with 0 (mod 2): 1 4 0 2 3.
  const std::vector<std::int32_t> labels(5, 0);
  std::mt19937_64 random(1);
  const Draw draw = draw_stratified(labels, first(5), 3, random);
  CHECK(draw.taken == std::vector<std::int64_t>{0, 1, 4});
  CHECK(draw.left == std::vector<std::int64_t>{2, 3});
}

TEST_CASE("validation, training subset and test do not meet") {
  const std::vector<std::int32_t> labels = turns(120);
  const SplitOptions options{.validation = 0.2, .validation_images = {}, .train_images = 24, .test_images = 30, .seed = 5};
  const Splits splits = make_splits(labels, 60, options, "data");
  CHECK(class_counts(labels, splits.validation) == Counts{{0, 6}, {1, 4}, {2, 2}});
  CHECK(class_counts(labels, splits.train) == Counts{{0, 12}, {1, 8}, {2, 4}});
  std::vector<std::int64_t> both;
  std::set_intersection(splits.train.begin(), splits.train.end(), splits.validation.begin(), splits.validation.end(),
                        std::back_inserter(both));
  CHECK(both.empty());
  CHECK(splits.train.back() < 60);
  CHECK(splits.validation.back() < 60);
  CHECK(class_counts(labels, splits.test) == Counts{{0, 15}, {1, 10}, {2, 5}});  // of 60: not the first, but each class's share
  CHECK(splits.test.front() >= 60);
  CHECK(splits.test.back() > 100);
}

TEST_CASE("without wishes all training images are used, and a count overrides the share") {
  const std::vector<std::int32_t> labels = turns(72);
  const Splits splits = make_splits(labels, 60, {}, "data");
  CHECK(splits.validation.size() == 6);
  CHECK(splits.train.size() == 54);
  CHECK(splits.test.size() == 12);
  const SplitOptions counted{.validation = 0.5, .validation_images = 12, .train_images = {}, .test_images = {}, .seed = 1};
  CHECK(make_splits(labels, 60, counted, "data").validation.size() == 12);
}

TEST_CASE("the same seed draws the same images, another seed others") {
  const std::vector<std::int32_t> labels = turns(120);
  SplitOptions options;
  const Splits one = make_splits(labels, 108, options, "data"), again = make_splits(labels, 108, options, "data");
  CHECK(one.validation == again.validation);
  CHECK(one.train == again.train);
  options.seed = 2;
  CHECK(make_splits(labels, 108, options, "data").validation != one.validation);
}

TEST_CASE("the validation images do not depend on the training subset") {
  const std::vector<std::int32_t> labels = turns(120);
  SplitOptions options;
  const Splits whole = make_splits(labels, 60, options, "data");
  options.train_images = 20;
  const Splits part = make_splits(labels, 60, options, "data");
  CHECK(part.validation == whole.validation);
  CHECK(std::includes(whole.train.begin(), whole.train.end(), part.train.begin(), part.train.end()));
}

TEST_CASE("images without a label are in no split") {
  std::vector<std::int32_t> labels = turns(72);
  for (std::int32_t& label : labels) label -= 1;  // the first class is not asked for
  const Splits splits = make_splits(labels, 60, {.validation_images = 6}, "data");
  CHECK(class_counts(labels, splits.validation) == Counts{{0, 4}, {1, 2}});
  CHECK(class_counts(labels, splits.train) == Counts{{0, 16}, {1, 8}});
  CHECK(class_counts(labels, splits.test) == Counts{{0, 4}, {1, 2}});
}

TEST_CASE("two parts of the training images share none, and leave the test images alone") {
  const std::vector<std::int32_t> labels = turns(2400);
  const auto half = [&](double from, double to) { return make_splits(labels, 1800, {.part_from = from, .part_to = to}, "data"); };
  const Splits whole = make_splits(labels, 1800, {}, "data"), first = half(0, 0.5), second = half(0.5, 1);
  const auto all = [](const Splits& splits) {
    std::vector<std::int64_t> images = splits.train;
    images.insert(images.end(), splits.validation.begin(), splits.validation.end());
    std::sort(images.begin(), images.end());
    return images;
  };
  std::vector<std::int64_t> both = all(first), of_second = all(second);
  CHECK(both.size() == Approx(900).margin(100));  // a hash divides them: the deviation of a binomial is 21
  both.insert(both.end(), of_second.begin(), of_second.end());
  std::sort(both.begin(), both.end());
  CHECK(both == all(whole));
  CHECK(first.test == whole.test);
  CHECK_THAT(std::string(support::error_of([&] { half(0.5, 0.5); }).what()), Contains("data: part_from 0.5 is not below part_to 0.5"));
}

TEST_CASE("a file is in the same part whatever other files there are") {
  std::vector<std::string> names;
  for (int i = 0; i < 400; ++i) names.push_back("img" + std::to_string(i));
  const std::vector<std::int32_t> labels = turns(400);
  const auto train_of = [&](std::int64_t images) {
    Splits given;
    given.train = first(images);
    given.test = {399};
    for (std::int64_t image = 340; image < 399; ++image) given.validation.push_back(image);
    const Splits splits = complete_splits(labels, given, {names}, {.part_to = 0.3}, "data");
    CHECK(splits.validation.size() == Approx(18).margin(12));  // those that were given are divided alike
    return splits.train;
  };
  const std::vector<std::int64_t> few = train_of(200), many = train_of(340);
  CHECK(few.size() == Approx(60).margin(30));
  CHECK(std::equal(few.begin(), few.end(), many.begin()));
}

TEST_CASE("splits that cannot be are refused with key, count and what is valid") {
  const std::vector<std::int32_t> labels = turns(72);
  const auto refusal = [&](const SplitOptions& options, std::int64_t training = 60) {
    return std::string(support::error_of([&] { make_splits(labels, training, options, "data of format x"); }).what());
  };
  SplitOptions options;
  options.validation = 0.001;
  CHECK_THAT(refusal(options), Contains("data of format x: validation would be 0 images; valid are 1 to 59"));
  options.validation = 1;
  CHECK_THAT(refusal(options), Contains("validation would be 60 images"));
  options.validation_images = 60;
  CHECK_THAT(refusal(options), Contains("validation_images would be 60 images; valid are 1 to 59"));
  options = {};
  options.train_images = 55;
  CHECK_THAT(refusal(options), Contains("train_images would be 55 images; valid are 1 to 54"));
  options = {};
  options.test_images = 13;
  CHECK_THAT(refusal(options), Contains("test_images would be 13 images; valid are 1 to 12"));
  CHECK_THAT(refusal({}, 72), Contains("test_images would be 0 images"));
}

TEST_CASE("options are read from checked JSON") {
  const storage::Json given = {{"validation_images", 5}, {"split_seed", 9}};
  const SplitOptions options = split_options_from_json(storage::check_options(split_options(), given, "data"));
  CHECK(options.validation == 0.1);
  CHECK(options.validation_images == 5);
  CHECK_FALSE(options.train_images.has_value());
  CHECK_FALSE(options.test_images.has_value());
  CHECK(options.seed == 9);
}
