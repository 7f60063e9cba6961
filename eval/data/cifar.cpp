// CIFAR-10 and CIFAR-100 in their authors' binary form (Krizhevsky 2009): records of label bytes and three planes of 32 x 32 pixels.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "eval/data/classes.h"
#include "eval/data/formats.h"
#include "eval/data/image_dataset.h"
#include "eval/data/split.h"
#include "eval/data/stored_dataset.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/fingerprint.h"

namespace eval {
namespace {

namespace fs = std::filesystem;

constexpr Shape image_shape{3, 32, 32};
constexpr std::size_t image_bytes = 3 * 32 * 32;

/// A label of every image, and the file of its classes' names.
struct Label {
  std::string target;
  const char* names;
};

/// What the two sets differ in.
struct Variant {
  const char* format;
  std::vector<std::string> training, test;  ///< files of records
  std::vector<Label> labels;                ///< one byte each, before the pixels of a record
  const char* where_from;

  std::size_t record_bytes() const { return labels.size() + image_bytes; }

  /// Which byte of a record is the label of the target.
  std::size_t label_byte(const std::string& target) const {
    const auto label = std::find_if(labels.begin(), labels.end(), [&](const Label& each) { return each.target == target; });
    return static_cast<std::size_t>(label - labels.begin());
  }
};

const Variant cifar10{"cifar10",
                      {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
                      {"test_batch.bin"},
                      {{"", "batches.meta.txt"}},
                      "cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html, unpacked"};
const Variant cifar100{"cifar100",
                       {"train.bin"},
                       {"test.bin"},
                       {{"coarse", "coarse_label_names.txt"}, {"fine", "fine_label_names.txt"}},
                       "cifar-100-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html, unpacked"};

fs::path require_file(const Variant& variant, const fs::path& root, const std::string& name) {
  std::error_code error;
  if (fs::is_regular_file(root / name, error)) return root / name;
  storage::refuse(root, fmt::format("holds no file {}; expected is what {} holds", name, variant.where_from));
}

std::vector<std::string> read_names(const fs::path& path) {
  const std::string text = storage::read_file(path);
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) names.push_back(line);
    begin = end + 1;
  }
  if (names.empty() || names.size() > 256 || std::set<std::string>(names.begin(), names.end()).size() != names.size())
    storage::refuse(path, fmt::format("has {} names; valid are 1 to 256, all distinct, one a line", names.size()));
  return names;
}

std::int64_t count_records(const Variant& variant, const fs::path& path) {
  const std::uint64_t bytes = fs::file_size(path);
  if (bytes == 0 || bytes % variant.record_bytes() != 0)
    storage::refuse(path, fmt::format("has {} bytes, which are no whole number of records of {} bytes", bytes, variant.record_bytes()));
  return static_cast<std::int64_t>(bytes / variant.record_bytes());
}

std::int64_t count_records(const Variant& variant, const fs::path& root, const std::vector<std::string>& files) {
  std::int64_t records = 0;
  for (const std::string& name : files) records += count_records(variant, require_file(variant, root, name));
  return records;
}

/// The pixels of all records, and a hash of the records.
struct ReadImages {
  std::vector<std::uint8_t> pixels;
  storage::Sha256 content;
};

/// Appends the labels of a file's records, and their pixels where `images` is given.
void read_records(const Variant& variant, const fs::path& path, std::size_t label_byte, std::size_t classes,
                  std::vector<std::int32_t>& labels, ReadImages* images) {
  const std::string bytes = storage::read_file(path);
  if (images != nullptr) images->content.add(bytes);
  for (std::size_t record = 0; record + variant.record_bytes() <= bytes.size(); record += variant.record_bytes()) {
    const auto label = static_cast<std::uint8_t>(bytes[record + label_byte]);
    if (label >= classes)
      storage::refuse(path, fmt::format("record {}: label {} is not in [0, {}]", record / variant.record_bytes(), label, classes - 1));
    labels.push_back(label);
    const char* image = bytes.data() + record + variant.labels.size();
    if (images != nullptr) images->pixels.insert(images->pixels.end(), image, image + image_bytes);
  }
}

fs::path root_of(const storage::Json& options) {
  return options.at("root").get<std::string>();
}

/// What the files say of a target, but for the pixels.
struct Records {
  std::vector<std::string> class_names;
  std::vector<std::int32_t> labels;
  Splits splits;
};

/// `images`: where those go, or null.
Records read_labelled(const Variant& variant, const storage::Json& options, const std::string& target, ReadImages* images) {
  const fs::path root = root_of(options);
  const std::string where = fmt::format("data of format {}", variant.format);
  const std::size_t label_byte = variant.label_byte(target);
  const std::vector<std::string> classes = read_names(require_file(variant, root, variant.labels[label_byte].names));
  Records data{chosen_classes(options, classes, where), {}, {}};
  const auto read = [&](const std::vector<std::string>& names) {
    for (const std::string& name : names) read_records(variant, root / name, label_byte, classes.size(), data.labels, images);
    return std::ssize(data.labels);
  };
  const std::int64_t training = read(variant.training);
  read(variant.test);
  relabel(data.labels, classes, data.class_names);
  data.splits = make_splits(data.labels, training, split_options_from_json(options), where);
  return data;
}

std::unique_ptr<Dataset> open_cifar(const Variant& variant, const storage::Json& options, const std::string& target) {
  const fs::path root = root_of(options);
  ReadImages images;
  const std::int64_t records = count_records(variant, root, variant.training) + count_records(variant, root, variant.test);
  images.pixels.reserve(static_cast<std::size_t>(records) * image_bytes);
  Records labelled = read_labelled(variant, options, target, &images);
  StoredImages data;
  data.shape = image_shape;
  data.class_names = std::move(labelled.class_names);
  data.labels = std::move(labelled.labels);
  data.splits = std::move(labelled.splits);
  data.content = images.content.hex();
  data.pixels = PixelBlock::of(std::move(images.pixels));
  return std::make_unique<StoredDataset>(std::move(data));
}

std::vector<fs::path> cifar_files(const Variant& variant, const storage::Json& options) {
  std::vector<std::string> names = variant.training;
  names.insert(names.end(), variant.test.begin(), variant.test.end());
  for (const Label& label : variant.labels) names.push_back(label.names);
  std::vector<fs::path> paths;
  for (const std::string& name : names) paths.push_back(require_file(variant, root_of(options), name));
  return paths;
}

DatasetInfo describe_cifar(const Variant& variant, const storage::Json& options, const std::string& target) {
  const fs::path root = root_of(options);
  const std::int64_t images = count_records(variant, root, variant.training) + count_records(variant, root, variant.test);
  const Records data = read_labelled(variant, options, target, nullptr);
  std::error_code error;
  return {.shape = image_shape,
          .classes = static_cast<int>(data.class_names.size()),
          .train = std::ssize(data.splits.train),
          .validation = std::ssize(data.splits.validation),
          .test = std::ssize(data.splits.test),
          .images = images,
          .synthetic = fs::exists(root / synthetic_mark, error)};
}

storage::Options cifar_options() {
  storage::Options options = {{.name = "root", .kind = storage::OptionKind::path, .doc = "folder of the binary files"}};
  options.insert(options.end(), split_options().begin(), split_options().end());
  return options;
}

DatasetEntry cifar_format(const Variant& variant, const char* doc, std::vector<std::string> targets) {
  return {variant.format,
          doc,
          cifar_options(),
          std::move(targets),
          [&variant](const storage::Json& options, const std::string& target, const DecodeOptions&) {
            return open_cifar(variant, options, target);
          },
          [&variant](const storage::Json& options) { return files_identity(cifar_files(variant, options)); },
          [&variant](const storage::Json& options, const std::string& target) { return describe_cifar(variant, options, target); }};
}

}  // namespace

DatasetEntry cifar10_format() {
  return cifar_format(cifar10, "CIFAR-10 as binary files: 32 x 32 colour images of 10 classes", {});
}

DatasetEntry cifar100_format() {
  return cifar_format(cifar100, "CIFAR-100 as binary files: 32 x 32 colour images of 100 classes, or of 20 coarse ones",
                      {"fine", "coarse"});
}

}  // namespace eval
