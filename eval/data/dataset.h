// A dataset without LibTorch: raw pixels in memory or in a mapped file, labels and the split. `nas-run validate` and the workers read the
// same one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eval/data/split.h"
#include "eval/nets/net_spec.h"
#include "storage/base/option.h"

namespace eval {

/// An image, or the row that lists it, that cannot be used.
struct LeftOut {
  std::string image;  ///< its file, with the row that lists it where there is one
  std::string reason;
};

/// Images are numbered from 0 over all splits; an image of a split has one label in [0, classes). An image may be in no split.
class Dataset {
 public:
  virtual ~Dataset() = default;

  /// Channels, height and width of an image as a net takes it.
  virtual Shape shape() const = 0;

  /// Pixels that are kept around that on each side, for crops in training.
  virtual int margin() const { return 0; }

  /// Raw pixels of one image with its margin, planes of bytes (channel, row, column). Valid while the dataset lives.
  virtual std::span<const std::uint8_t> pixels(std::int64_t image) const = 0;

  virtual std::span<const std::int32_t> labels() const = 0;

  /// The classes have an order, as those of age: a neighbour is a smaller mistake.
  virtual bool ordered() const { return false; }

  /// What the data list but could not be read, where they were told to go on without it.
  virtual std::span<const LeftOut> left_out() const { return {}; }

  /// A hash of all that is read and that the data's identity covers by names, sizes and the ends of files alone: the pixels, and the labels
  /// that lie beside them in such files. Equal for every target. "": not known.
  virtual std::string content() const { return {}; }

  virtual const std::vector<std::string>& class_names() const = 0;

  /// Image numbers of a split, ascending.
  virtual std::span<const std::int64_t> split(Split split) const = 0;
};

/// What planning needs of a dataset.
struct DatasetInfo {
  Shape shape;                                       ///< as Dataset::shape()
  int classes = 0;                                   ///< as the size of Dataset::class_names()
  std::int64_t train = 0, validation = 0, test = 0;  ///< images in each split, those included that turn out to be broken
  std::int64_t images = 0;                           ///< in all
  int folds = 0;           ///< of a cross-validation: each number in [0, folds) under the option `fold` is a split of its own
  bool digits = false;     ///< the classes are digits, as far as the data say: mirrored images are of none
  bool synthetic = false;  ///< drawn by `nas-run sample`: figures from it say nothing of the world
};

/// How image files are decoded where that is still to be done. It decides nothing of the data.
struct DecodeOptions {
  std::int64_t cache_limit = 0;                                      ///< bytes that all decoded images may take in the cache; 0: no limit
  std::function<void(std::int64_t done, std::int64_t of)> progress;  ///< called from several threads; may be empty
};

/// One row of the table of formats. The functions get checked options, defaults filled in.
struct DatasetEntry {
  std::string format;  ///< "idx"
  std::string doc;
  storage::Options options;          ///< the keys under `data: NAME:` besides `format`
  std::vector<std::string> targets;  ///< valid `target` of a task; empty: the format has one label, and the target is ""
  std::function<std::unique_ptr<Dataset>(const storage::Json& options, const std::string& target, const DecodeOptions& decoding)> open;
  /// A value of the files' names and sizes and of some of their content, wherever they lie. Dataset::content() covers the rest.
  std::function<storage::Json(const storage::Json& options)> identity;
  /// Shape, classes and counts without decoding an image.
  std::function<DatasetInfo(const storage::Json& options, const std::string& target)> describe;
  /// What else `nas-run validate` shows, as {"folds": [...]}; may be empty.
  std::function<storage::Json(const storage::Json& options)> details = {};
};

const std::vector<DatasetEntry>& dataset_registry();

/// The format's entry. Throws storage::Error(invalid), with the nearest name.
const DatasetEntry& dataset_entry(const std::string& format);

/// Opens what `settings` names: {"format": ..., its options ...}, as the experiment validated it. Image files are decoded where the cache
/// does not have them (image_cache.h). `target`: what of each image is to be told; "" is the format's first.
/// Throws storage::Error(invalid): broken data, the first 20 of them and their number.
std::unique_ptr<Dataset> open_dataset(const storage::Json& settings, const std::string& target = "", const DecodeOptions& decoding = {});

/// What the format's `describe` says of the data that `settings` names.
DatasetInfo describe_dataset(const storage::Json& settings, const std::string& target = "");

/// Whether the settings say that the images have no labels (`labels: none` of format folder): then all are for training.
bool is_unlabelled(const storage::Json& settings);

/// What the format's `details` says, or null.
storage::Json dataset_details(const storage::Json& settings);

/// A value that changes with the names and sizes of the data's files, with the content that the format's `identity` looks at, and with an
/// option other than a path. Pixels that change inside a file of the same size may leave it as it is: Dataset::content() tells them apart.
/// An option spelled out at its default changes nothing.
storage::Json dataset_identity(const storage::Json& settings);

/// The identity of data that lie in a few files: file_identity of each, which looks at the first and last 64 KiB.
storage::Json files_identity(const std::vector<std::filesystem::path>& files);

/// The number of pixels of a stored image.
std::size_t stored_bytes(const Shape& shape, int margin);

}  // namespace eval
