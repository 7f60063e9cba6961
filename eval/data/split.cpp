#include "eval/data/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "storage/base/error.h"

namespace eval {
namespace {

/// Uniform in [0, bound). The engine's numbers are fixed by the standard, those of the standard distributions are not.
std::uint64_t draw_below(std::uint64_t bound, std::mt19937_64& random) {
  const std::uint64_t end = std::mt19937_64::max() - std::mt19937_64::max() % bound;
  std::uint64_t value = random();
  while (value >= end) value = random();
  return value % bound;
}

/// Fisher and Yates' shuffle.
void shuffle(std::vector<std::int64_t>& values, std::mt19937_64& random) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[draw_below(i, random)]);
}

/// How many of each class make `count` in all.
std::vector<std::int64_t> quotas(const std::vector<std::vector<std::int64_t>>& classes, std::int64_t images, std::int64_t count) {
  std::vector<std::int64_t> quota, order(classes.size());
  std::int64_t open = count;
  for (const auto& members : classes) {
    quota.push_back(images == 0 ? 0 : count * static_cast<std::int64_t>(members.size()) / images);
    open -= quota.back();
  }
  const auto remainder = [&](std::int64_t c) { return count * static_cast<std::int64_t>(classes[c].size()) % images; };
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return remainder(a) > remainder(b); });
  for (std::int64_t i = 0; i < open; ++i) ++quota[order[i]];
  return quota;
}

void check_count(const std::string& where, const char* key, std::int64_t count, std::int64_t most) {
  if (count >= 1 && count <= most) return;
  throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: {} would be {} images; valid are 1 to {}", where, key, count, most));
}

/// `arrange` orders the images of a class; the first of them are taken.
template <typename Arrange>
Draw draw_by_class(std::span<const std::int32_t> labels, const std::vector<std::int64_t>& images, std::int64_t count,
                   const Arrange& arrange) {
  std::vector<std::vector<std::int64_t>> classes;
  for (const std::int64_t image : images) {
    const auto label = static_cast<std::size_t>(labels[image]);
    if (label >= classes.size()) classes.resize(label + 1);
    classes[label].push_back(image);
  }
  const std::vector<std::int64_t> quota = quotas(classes, static_cast<std::int64_t>(images.size()), count);
  Draw draw;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    arrange(classes[c]);
    const auto cut = classes[c].begin() + quota[c];
    draw.taken.insert(draw.taken.end(), classes[c].begin(), cut);
    draw.left.insert(draw.left.end(), cut, classes[c].end());
  }
  std::sort(draw.taken.begin(), draw.taken.end());
  std::sort(draw.left.begin(), draw.left.end());
  return draw;
}

}  // namespace

Draw draw_stratified(std::span<const std::int32_t> labels, const std::vector<std::int64_t>& images, std::int64_t count,
                     std::mt19937_64& random) {
  return draw_by_class(labels, images, count, [&](std::vector<std::int64_t>& members) { shuffle(members, random); });
}

Draw draw_last(std::span<const std::int32_t> labels, const std::vector<std::int64_t>& images, std::int64_t count) {
  return draw_by_class(labels, images, count, [](std::vector<std::int64_t>& members) { std::reverse(members.begin(), members.end()); });
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
      {.name = "test_images", .kind = OptionKind::integer, .doc = "test on the first images only", .min = 1, .optional = true},
      {.name = "split_seed", .kind = OptionKind::integer, .fallback = 1, .doc = "seed of these draws", .min = 0},
  };
  return options;
}

SplitOptions split_options_from_json(const storage::Json& json) {
  const auto optional = [&](const char* key) -> std::optional<std::int64_t> {
    return json.contains(key) ? std::optional(json[key].get<std::int64_t>()) : std::nullopt;
  };
  return {
      json.at("validation").get<double>(),        optional("validation_images"),       optional("train_images"), optional("test_images"),
      json.at("split_seed").get<std::uint64_t>(), json.at("validation_from") == "last"};
}

SplitSizes split_sizes(std::int64_t training, std::int64_t test, const SplitOptions& options, const std::string& where) {
  const std::int64_t held_out = options.validation_images.value_or(std::llround(options.validation * static_cast<double>(training)));
  check_count(where, options.validation_images ? "validation_images" : "validation", held_out, training - 1);
  const std::int64_t train = options.train_images.value_or(training - held_out);
  check_count(where, "train_images", train, training - held_out);
  const std::int64_t tested = options.test_images.value_or(test);
  check_count(where, "test_images", tested, test);
  return {train, held_out, tested};
}

Splits make_splits(std::span<const std::int32_t> labels, std::int64_t training, const SplitOptions& options, const std::string& where) {
  const SplitSizes sizes = split_sizes(training, static_cast<std::int64_t>(labels.size()) - training, options, where);
  std::mt19937_64 random(options.seed);
  std::vector<std::int64_t> images(training);
  std::iota(images.begin(), images.end(), 0);
  Draw validation = options.last ? draw_last(labels, images, sizes.validation) : draw_stratified(labels, images, sizes.validation, random);
  Splits splits;
  splits.validation = std::move(validation.taken);
  splits.train = options.train_images ? draw_stratified(labels, validation.left, sizes.train, random).taken : std::move(validation.left);
  splits.test.resize(sizes.test);
  std::iota(splits.test.begin(), splits.test.end(), training);
  return splits;
}

}  // namespace eval
