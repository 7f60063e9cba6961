// Decoded images on disk, mapped into memory: every file is decoded once, whatever runs, tasks and workers use it. Used by image_dataset.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "eval/data/image_decode.h"
#include "eval/data/stored_dataset.h"

namespace eval {

/// Image files under one folder. Files are named relative to it.
struct ImageFiles {
  std::filesystem::path root;
  std::vector<std::string> names;
};

/// Images in the files' order, each of frame.bytes(); those that could not be decoded are black.
struct DecodedImages {
  PixelBlock pixels;
  std::string content;                                       ///< a hash of all pixels, taken while they were decoded
  std::vector<std::pair<std::int64_t, std::string>> broken;  ///< number of the image and the reason, ascending
};

/// Where the cache lies: $XDG_CACHE_HOME/nas-run/images, else ~/.cache/nas-run/images. Throws storage::Error(environment) where neither is
/// set.
std::filesystem::path image_cache_folder();

/// Maps the images from the cache, decoding them first, with all cores, where an equal set is not there: equal in names, sizes and times of
/// the files and in the frame. Of several processes that ask at once, one decodes and the others wait. Pixels go straight to the file, so
/// that memory does not grow with the set. Before that, sets that were not used for longest make room under the limit.
/// Throws storage::Error(environment): no room on the disk or under the limit, or a folder that cannot be written.
DecodedImages cached_images(const ImageFiles& files, const ImageFrame& frame, const DecodeOptions& options);

/// A set in the cache.
struct CachedSet {
  std::filesystem::path file;
  std::int64_t bytes = 0;
  std::string root;  ///< the folder that it was made from
  std::int64_t images = 0;
  std::filesystem::file_time_type used;
};

/// The sets in the cache, the longest unused first.
std::vector<CachedSet> cached_sets();

/// Removes a set; processes that have it mapped keep it until they end.
void remove_cached(const CachedSet& set);

}  // namespace eval
