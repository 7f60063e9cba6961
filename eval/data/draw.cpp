#include "eval/data/draw.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "eval/data/seed.h"
#include "storage/base/fingerprint.h"

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
  // Equal remainders go by a hash of the class: by its number, the later classes would be the ones without images.
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    if (remainder(a) != remainder(b)) return remainder(a) > remainder(b);
    return mix_seed(0, static_cast<std::uint64_t>(a)) < mix_seed(0, static_cast<std::uint64_t>(b));
  });
  for (std::int64_t i = 0; i < open; ++i) ++quota[order[i]];
  return quota;
}

/// `arrange` orders the images of a class; the first of them are taken.
/// `least`: of every class that has more than so many images.
template <typename Arrange>
Draw draw_by_class(std::span<const std::int32_t> labels, const std::vector<std::int64_t>& images, std::int64_t count,
                   const Arrange& arrange, std::int64_t least = 0) {
  std::vector<std::vector<std::int64_t>> classes;
  for (const std::int64_t image : images) {
    const auto label = static_cast<std::size_t>(labels[image]);
    if (label >= classes.size()) classes.resize(label + 1);
    classes[label].push_back(image);
  }
  std::vector<std::int64_t> quota = quotas(classes, static_cast<std::int64_t>(images.size()), count);
  for (std::size_t c = 0; c < classes.size(); ++c)
    if (std::ssize(classes[c]) > least) quota[c] = std::max(quota[c], least);
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

std::string draw_hash(std::uint64_t seed, const std::string& name) {
  return storage::sha256(fmt::format("{} {}", seed, name));
}

}  // namespace

Draw draw_stratified(std::span<const std::int32_t> labels, const std::vector<std::int64_t>& images, std::int64_t count,
                     std::mt19937_64& random) {
  return draw_by_class(labels, images, count, [&](std::vector<std::int64_t>& members) { shuffle(members, random); });
}

Draw draw_last(std::span<const std::int32_t> labels, const std::vector<std::int64_t>& images, std::int64_t count) {
  return draw_by_class(labels, images, count, [](std::vector<std::int64_t>& members) { std::reverse(members.begin(), members.end()); });
}

Draw draw_by_name(std::span<const std::int32_t> labels, const std::vector<std::int64_t>& images, std::int64_t count,
                  std::span<const std::string> names, std::uint64_t seed, std::int64_t least) {
  const auto by_hash = [&](std::vector<std::int64_t>& members) {
    std::vector<std::pair<std::string, std::int64_t>> hashed;
    for (const std::int64_t image : members) hashed.emplace_back(draw_hash(seed, names[image]), image);
    std::sort(hashed.begin(), hashed.end());
    for (std::size_t i = 0; i < members.size(); ++i) members[i] = hashed[i].second;
  };
  return draw_by_class(labels, images, count, by_hash, least);
}

Draw draw_groups(const std::vector<std::int64_t>& images, std::int64_t count, std::span<const std::string> groups, std::uint64_t seed,
                 std::size_t least) {
  std::map<std::string, std::vector<std::int64_t>> members;
  for (const std::int64_t image : images) members[groups[image]].push_back(image);
  std::map<std::string, const std::vector<std::int64_t>*> order;  // by hash
  for (const auto& [group, of_group] : members) order[draw_hash(seed, group)] = &of_group;
  Draw draw;
  std::size_t unopened = order.size(), left = 0;
  for (const auto& [hash, of_group] : order) {
    const auto taken = std::ssize(draw.taken), with = taken + std::ssize(*of_group);
    const bool nearer = draw.taken.empty() || std::abs(with - count) < std::abs(taken - count);
    const bool takes = nearer && left + unopened > least;
    --unopened;
    if (!takes) ++left;
    std::vector<std::int64_t>& side = takes ? draw.taken : draw.left;
    side.insert(side.end(), of_group->begin(), of_group->end());
  }
  std::sort(draw.taken.begin(), draw.taken.end());
  std::sort(draw.left.begin(), draw.left.end());
  return draw;
}

}  // namespace eval
