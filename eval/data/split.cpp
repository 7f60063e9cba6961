#include "eval/data/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "eval/data/classes.h"
#include "eval/data/draw.h"
#include "eval/data/seed.h"
#include "storage/base/fingerprint.h"
#include "storage/base/named.h"

namespace eval {
namespace {

void check_count(const std::string& where, const char* key, std::int64_t count, std::int64_t most) {
  if (count >= 1 && count <= most) return;
  if (most < 1)
    throw storage::Error(storage::ErrorKind::invalid,
                         fmt::format("{}: {} would be {} images; there are too few images with a label to take some", where, key, count));
  throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: {} would be {} images; valid are 1 to {}", where, key, count, most));
}

/// A name as a number in [0, 1) that has nothing to do with those of other names.
double number_of_name(const std::string& name) {
  return unit_number(std::stoull(storage::sha256(name).substr(0, 16), nullptr, 16));
}

/// Leaves of `images` those whose number lies in the part that the options ask for.
template <typename NumberOf>
void keep_part(std::vector<std::int64_t>& images, const SplitOptions& options, const std::string& where, const NumberOf& number_of) {
  if (!(options.part_from < options.part_to))
    throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: part_from {} is not below part_to {}; valid: as in 0 and 0.5", where,
                                                                  options.part_from, options.part_to));
  if (options.part_from == 0 && options.part_to == 1) return;
  std::erase_if(images, [&](std::int64_t image) {
    const double number = number_of(image);
    return number < options.part_from || number >= options.part_to;
  });
}

/// The same of images that have names.
void keep_part(std::vector<std::int64_t>& images, const SplitOptions& options, const std::string& where,
               std::span<const std::string> names) {
  keep_part(images, options, where, [&](std::int64_t image) { return number_of_name(names[static_cast<std::size_t>(image)]); });
}

void keep_labelled(std::span<const std::int32_t> labels, std::vector<std::int64_t>& images) {
  std::erase_if(images, [&](std::int64_t image) { return labels[static_cast<std::size_t>(image)] < 0; });
}

/// Images in each split.
struct SplitSizes {
  std::int64_t train = 0, validation = 0, test = 0;
};

/// Fails where there are fewer groups to draw from than splits to fill.
void check_groups(const Splits& given, std::span<const std::string> groups, const std::string& where) {
  std::set<std::string> distinct;
  for (const std::int64_t image : given.train) distinct.insert(groups[static_cast<std::size_t>(image)]);
  const std::size_t needed = 1 + (given.test.empty() ? 1 : 0) + (given.validation.empty() ? 1 : 0);
  if (distinct.size() < needed)
    throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: {} groups cannot fill {} splits; valid: a group for each at least",
                                                                  where, distinct.size(), needed));
}

}  // namespace

std::string to_string(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::validation:
      return "validation";
    case Split::test:
      return "test";
  }
  return "unknown";
}

Split split_from_string(const std::string& text) {
  return storage::find_named(all_splits, text, "split", [](Split split) { return to_string(split); });
}

std::optional<Split> split_from_usual_name(const std::string& given) {
  std::string text = given;
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  if (text == "train" || text == "training") return Split::train;
  if (text == "val" || text == "valid" || text == "validation") return Split::validation;
  if (text == "test" || text == "testing") return Split::test;
  return std::nullopt;
}

const std::vector<std::int64_t>& Splits::operator[](Split split) const {
  switch (split) {
    case Split::train:
      return train;
    case Split::validation:
      return validation;
    case Split::test:
      break;
  }
  return test;
}

std::vector<std::int64_t>& Splits::operator[](Split split) {
  return const_cast<std::vector<std::int64_t>&>(std::as_const(*this)[split]);
}

const storage::Options& split_options() {
  using storage::OptionKind;
  static const storage::Options options = {
      {.name = "validation",
       .kind = OptionKind::real,
       .fallback = 0.1,
       .doc = "share of the training images held out, by class",
       .min = 0,
       .max = 1},
      {.name = "validation_images",
       .kind = OptionKind::integer,
       .doc = "number of images held out, instead of a share",
       .min = 1,
       .optional = true},
      {.name = "validation_from",
       .kind = OptionKind::choice,
       .fallback = "random",
       .doc = "which images of a class are held out: drawn by split_seed, or the last in the order of the files",
       .choices = {"random", "last"}},
      {.name = "train_images",
       .kind = OptionKind::integer,
       .doc = "train on a subset of this size, drawn by class after the validation images",
       .min = 1,
       .optional = true},
      {.name = "test_images",
       .kind = OptionKind::integer,
       .doc = "test on a subset of this size, drawn by class",
       .min = 1,
       .optional = true},
      {.name = "split_seed", .kind = OptionKind::integer, .fallback = 1, .doc = "seed of these draws", .min = 0},
      classes_option(),
      {.name = "part_from",
       .kind = OptionKind::real,
       .doc = "with part_to: train and validate on the images whose hash, a number from 0 to 1, is part_from or more and below part_to, so "
              "that data of two such parts share none, as those of a pretraining and of its task; 0 if absent",
       .min = 0,
       .max = 1,
       .optional = true},
      {.name = "part_to", .kind = OptionKind::real, .doc = "the end of that part; 1 if absent", .min = 0, .max = 1, .optional = true},
  };
  return options;
}

SplitOptions split_options_from_json(const storage::Json& json) {
  const auto optional = [&](const char* key) -> std::optional<std::int64_t> {
    return json.contains(key) ? std::optional(json[key].get<std::int64_t>()) : std::nullopt;
  };
  return {.test = json.value("test", 0.2),
          .validation = json.at("validation"),
          .validation_images = optional("validation_images"),
          .train_images = optional("train_images"),
          .test_images = optional("test_images"),
          .seed = json.at("split_seed"),
          .last = json.at("validation_from") == "last",
          .part_from = json.value("part_from", 0.0),
          .part_to = json.value("part_to", 1.0)};
}

namespace {

SplitSizes split_sizes(std::int64_t training, std::int64_t test, const SplitOptions& options, const std::string& where) {
  const std::int64_t held_out = options.validation_images.value_or(std::llround(options.validation * static_cast<double>(training)));
  check_count(where, options.validation_images ? "validation_images" : "validation", held_out, training - 1);
  const std::int64_t train = options.train_images.value_or(training - held_out);
  check_count(where, "train_images", train, training - held_out);
  const std::int64_t tested = options.test_images.value_or(test);
  check_count(where, "test_images", tested, test);
  return {train, held_out, tested};
}

/// Leaves as many of the images as the options ask for.
void keep_train_images(std::span<const std::int32_t> labels, std::vector<std::int64_t>& images, const SplitOptions& options,
                       const std::string& where, std::span<const std::string> names) {
  if (!options.train_images) return;
  check_count(where, "train_images", *options.train_images, std::ssize(images));
  images = draw_by_name(labels, images, *options.train_images, names, options.seed).taken;
}

}  // namespace

Splits make_splits(std::span<const std::int32_t> labels, std::int64_t training, const SplitOptions& options, const std::string& where) {
  std::vector<std::int64_t> images(training), tested(labels.size() - static_cast<std::size_t>(training));
  std::iota(images.begin(), images.end(), 0);
  std::iota(tested.begin(), tested.end(), training);
  keep_labelled(labels, images);
  keep_labelled(labels, tested);
  keep_part(images, options, where, [](std::int64_t image) { return unit_number(mix_seed(0, static_cast<std::uint64_t>(image))); });
  const SplitSizes sizes = split_sizes(std::ssize(images), std::ssize(tested), options, where);
  std::mt19937_64 random(options.seed);
  Draw validation = options.last ? draw_last(labels, images, sizes.validation) : draw_stratified(labels, images, sizes.validation, random);
  Splits splits;
  splits.validation = std::move(validation.taken);
  splits.train = options.train_images ? draw_stratified(labels, validation.left, sizes.train, random).taken : std::move(validation.left);
  splits.test = std::move(tested);
  if (options.test_images) {
    std::mt19937_64 of_test(mix_seed(options.seed, 1));  // so that the other draws do not depend on it
    splits.test = draw_stratified(labels, splits.test, sizes.test, of_test).taken;
  }
  return splits;
}

Splits complete_splits(std::span<const std::int32_t> labels, Splits given, const DrawKeys& keys, const SplitOptions& options,
                       const std::string& where) {
  const auto draw = [&](std::span<const std::int32_t> classes, std::int64_t count, std::int64_t least) {
    if (keys.groups)
      return draw_groups(given.train, count, keys.names, options.seed, given.validation.empty() && given.test.empty() ? 2 : 1);
    return options.last ? draw_last(classes, given.train, count)
                        : draw_by_name(classes, given.train, count, keys.names, options.seed, least);
  };
  const bool draws_test = given.test.empty(), draws_validation = given.validation.empty();
  if (keys.groups) check_groups(given, keys.names, where);
  if (keys.groups && options.last && draws_validation)
    throw storage::Error(storage::ErrorKind::invalid,
                         fmt::format("{}: validation_from: last: groups have no order; valid: random, or no groups", where));
  if (draws_test) {
    const std::int64_t count = std::llround(options.test * static_cast<double>(given.train.size()));
    check_count(where, "test", count, std::ssize(given.train) - 2);
    Draw test = draw(keys.all_labels.empty() ? labels : keys.all_labels, count, 1);
    given.test = std::move(test.taken);
    given.train = std::move(test.left);
  }
  for (const Split split : all_splits) keep_labelled(labels, given[split]);
  if (keys.groups && draws_test && given.test.empty())
    throw storage::Error(
        storage::ErrorKind::invalid,
        fmt::format("{}: the groups that are drawn for the test have no image of these classes; valid: a larger 'test', another "
                    "split_seed, or splits that the data say",
                    where));
  if (keys.groups) check_groups(given, keys.names, where);
  keep_part(given.train, options, where, keys.names);
  if (!draws_validation) {
    keep_part(given.validation, options, where, keys.names);
  } else {
    const std::int64_t count =
        options.validation_images.value_or(std::llround(options.validation * static_cast<double>(given.train.size())));
    check_count(where, options.validation_images ? "validation_images" : "validation", count, std::ssize(given.train) - 1);
    Draw validation = draw(labels, count, 0);
    given.validation = std::move(validation.taken);
    given.train = std::move(validation.left);
  }
  keep_train_images(labels, given.train, options, where, keys.names);
  if (options.test_images) {
    check_count(where, "test_images", *options.test_images, std::ssize(given.test));
    given.test = draw_by_name(labels, given.test, *options.test_images, keys.names, options.seed).taken;
  }
  for (const Split split : all_splits) check_count(where, to_string(split).c_str(), std::ssize(given[split]), std::ssize(labels));
  return given;
}

Splits unlabelled_splits(std::span<const std::string> names, const SplitOptions& options, const std::string& where) {
  Splits splits;
  splits.train.resize(names.size());
  std::iota(splits.train.begin(), splits.train.end(), 0);
  keep_part(splits.train, options, where, names);
  keep_train_images(std::vector<std::int32_t>(names.size()), splits.train, options, where, names);
  check_count(where, "train", std::ssize(splits.train), std::ssize(names));
  return splits;
}

}  // namespace eval
