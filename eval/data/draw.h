// Takes some of the images and leaves the others: class by class or in whole groups, by seed, by name or from the end, the same on every
// platform. Used by the splits.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace eval {

/// Image numbers that a draw took and those it left, both ascending.
struct Draw {
  std::vector<std::int64_t> taken, left;
};

/// Takes `count` of the images (0 <= count <= their number), as equal a share of each class as whole images allow: largest remainders,
/// ties by a hash of the class number, so that no class is favoured. `labels` is indexed by image number.
Draw draw_stratified(std::span<const std::int32_t> labels, const std::vector<std::int64_t>& images, std::int64_t count,
                     std::mt19937_64& random);

/// The same shares, of each class the last images.
Draw draw_last(std::span<const std::int32_t> labels, const std::vector<std::int64_t>& images, std::int64_t count);

/// The same shares, of each class those whose names have the least SHA-256 with the seed: other images of the set do not matter.
/// `least`: so many at least of every class that has more, which may make more than `count`.
Draw draw_by_name(std::span<const std::int32_t> labels, const std::vector<std::int64_t>& images, std::int64_t count,
                  std::span<const std::string> names, std::uint64_t seed, std::int64_t least = 0);

/// Takes whole groups in the order of their hashes, as draw_by_name, as long as that comes nearer to `count` images; at least one, and
/// so that `least` groups are left. `groups` is indexed by image number.
Draw draw_groups(const std::vector<std::int64_t>& images, std::int64_t count, std::span<const std::string> groups, std::uint64_t seed,
                 std::size_t least = 1);

}  // namespace eval
