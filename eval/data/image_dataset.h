// Datasets over image files: a format lists the files with their labels and splits, this decodes, caches and leaves out what is broken.
// Used by the formats in this folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "eval/data/dataset.h"
#include "eval/data/image_cache.h"
#include "eval/data/split.h"

namespace eval {

/// What a format knows before an image is decoded.
struct ImageTable {
  ImageFiles files;                  ///< every file once, whatever the target
  std::vector<std::string> rows;     ///< where a file is listed, as "fold_0_data.txt:17"; empty where the folders list it
  std::vector<std::int32_t> labels;  ///< by file; -1: none
  std::vector<std::string> class_names;
  bool ordered = false;
  Splits splits;
  std::string drawn_from;                       ///< hash of all files that test images were drawn from, where some were left out since
  int folds = 0;                                ///< as DatasetInfo
  std::vector<LeftOut> broken;                  ///< rows that list no image, with the reason
  std::vector<std::filesystem::path> listings;  ///< files whose content decides the table
};

/// One format: reads its table from checked options; `target` as Dataset. Throws storage::Error(invalid).
using ReadTable = std::function<ImageTable(const storage::Json& options, const std::string& target)>;

/// The keys that all formats of image files have: size, margin, gray, fit, orientation, source_size, bad_images.
const storage::Options& image_options();

/// A row of the registry. `options`: the format's own keys, of which the first is its place; those of image_options() are added.
DatasetEntry image_format(std::string format, std::string doc, storage::Options options, std::vector<std::string> targets, ReadTable read);

/// Files of a folder and its subfolders that end as images do, relative to it, sorted. Hidden ones are passed over, as are files that
/// are no images; images of other formats and links that lead nowhere are `unread`. Throws storage::Error(invalid) naming links that lead
/// back, and what cannot be read.
std::vector<std::string> list_images(const std::filesystem::path& folder, std::vector<LeftOut>& unread);

/// Takes images without a label out of the table, which has splits. `was_drawn`: they were among those that test images were drawn from.
void drop_unlabelled(ImageTable& table, bool was_drawn);

/// Class labels in the order of their numbers: as texts, or where the classes are ordered by the number that each begins with ("0-2",
/// "3-9", "10-19"). Throws storage::Error(invalid) where ordered ones have none.
std::vector<std::string> in_order(std::vector<std::string> labels, bool ordered);

/// Fails where `root` is no folder: what was looked for, where the data come from, how they should lie, and how to say where they are.
void require_root(const std::filesystem::path& root, const std::string& what, const std::string& where_from);

/// The file that `nas-run sample` leaves in the root of what it drew.
constexpr const char* synthetic_mark = "SYNTHETIC.txt";

}  // namespace eval
