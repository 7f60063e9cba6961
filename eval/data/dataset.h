// A dataset in memory, without LibTorch: raw pixels, labels and the split. `nas-run validate` and the workers read the same one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eval/nets/net_spec.h"
#include "storage/base/option.h"

namespace eval {

enum class Split { train, validation, test };
std::string to_string(Split split);
/// Throws storage::Error(invalid) for an unknown name.
Split split_from_string(const std::string& text);

/// Images are numbered from 0 over all splits; every image has one label in [0, classes). An image may be in no split.
class Dataset {
 public:
  virtual ~Dataset() = default;

  /// Channels, height and width of every image.
  virtual Shape shape() const = 0;

  /// Raw pixels of one image, planes of bytes (channel, row, column). Valid while the dataset lives.
  virtual std::span<const std::uint8_t> pixels(std::int64_t image) const = 0;

  virtual std::span<const std::int32_t> labels() const = 0;
  virtual const std::vector<std::string>& class_names() const = 0;

  /// Image numbers of a split, ascending.
  virtual std::span<const std::int64_t> split(Split split) const = 0;
};

/// What planning needs of a dataset.
struct DatasetInfo {
  Shape shape;                                       ///< as Dataset::shape()
  int classes = 0;                                   ///< as the size of Dataset::class_names()
  std::int64_t train = 0, validation = 0, test = 0;  ///< images in each split
};

/// One row of the table of formats.
struct DatasetEntry {
  std::string format;  ///< "idx"
  std::string doc;
  storage::Options options;          ///< the keys under `data: NAME:` besides `format`
  std::vector<std::string> targets;  ///< valid `target` of a task; empty: the format has one label, and the target is ""
  std::unique_ptr<Dataset> (*open)(const storage::Json& options, const std::string& target);
  /// The files whose content decides the data, for the identity. Like `open` it gets checked options, defaults filled in.
  std::vector<std::filesystem::path> (*files)(const storage::Json& options);
  /// Shape, classes and counts from options and the files' headers, in a few milliseconds.
  DatasetInfo (*describe)(const storage::Json& options, const std::string& target);
};

const std::vector<DatasetEntry>& dataset_registry();

/// The format's entry. Throws storage::Error(invalid), with the nearest name.
const DatasetEntry& dataset_entry(const std::string& format);

/// Opens what `settings` names: {"format": ..., its options ...}, as the experiment validated it.
/// `target`: what of each image is to be told; "" is the format's first.
std::unique_ptr<Dataset> open_dataset(const storage::Json& settings, const std::string& target = "");

/// What the format's `describe` says of the data that `settings` names.
DatasetInfo describe_dataset(const storage::Json& settings, const std::string& target = "");

/// A value that changes when the files' content does (file_identity of each file) or an option other than a path. An option spelled out
/// at its default changes nothing.
storage::Json dataset_identity(const storage::Json& settings);

}  // namespace eval
