// Synthetic datasets in the layouts of real ones, for those who have no licence yet: every image is a texture that tells its
// class, drawn from a seed. `nas-run sample` makes them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace eval {

/// Raised when equal seeds come to mean other images.
inline constexpr int drawing_version = 2;

/// What is asked for, defaults filled in.
struct SampleRequest {
  std::int64_t images = 0;  ///< in all splits; a row that repeats an image counts
  int size = 0;             ///< pixels a side, or of the shorter side where they differ
  std::uint64_t seed = 1;
  std::function<bool()> stopped;  ///< asked before each image, from several threads; may be empty
};

/// One row of the table of samples.
struct SampleEntry {
  std::string name;    ///< "adience"
  std::string format;  ///< of eval/data that reads it
  std::string doc;
  std::int64_t images = 0, least_images = 0;    ///< the default, and how many every class in every split needs
  int size = 0, least_size = 0, most_size = 0;  ///< likewise
  std::function<void(const SampleRequest& request, const std::filesystem::path& folder)> draw;  ///< into a folder that is there
};

const std::vector<SampleEntry>& sample_registry();

/// The sample's entry. Throws storage::Error(usage), with the nearest name.
const SampleEntry& sample_entry(const std::string& name);

/// The request with the entry's defaults where nothing is given. Throws storage::Error(usage) for a number out of range.
SampleRequest make_request(const SampleEntry& entry, std::optional<std::int64_t> images, std::optional<int> size, std::uint64_t seed);

/// Draws into a neighbour of `target`, which gets its name when all is there: false, and nothing is left, where it was stopped before.
/// Throws storage::Error(usage) where `target` is there and not an empty folder, Error(environment) on a full disk or a place that cannot
/// be written.
bool draw_sample(const SampleEntry& entry, const SampleRequest& request, const std::filesystem::path& target);

}  // namespace eval
