// The IDX format of MNIST and its successors: four files, raw or gzipped, of grey images and their labels.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>

#include "eval/data/classes.h"
#include "eval/data/formats.h"
#include "eval/data/split.h"
#include "eval/data/stored_dataset.h"
#include "storage/base/error.h"
#include "storage/base/fingerprint.h"

namespace eval {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 4> file_names{"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                                "t10k-labels-idx1-ubyte"};
constexpr std::uint32_t max_extent = 4096;  // pixels, before padding
constexpr std::uint64_t max_deflate_ratio = 1032;

/// One IDX file of unsigned bytes, read front to back. A header is believed only where a file of that size can hold what it declares.
class IdxFile {
 public:
  IdxFile(const fs::path& path, int rank) : path_(path), file_(gzopen(path.c_str(), "rb"), &gzclose) {
    if (!file_) storage::refuse(path_, fmt::format("cannot be opened: {}", std::strerror(errno)));
    gzbuffer(file_.get(), 1 << 18);
    std::vector<std::uint8_t> header(4 + 4 * static_cast<std::size_t>(rank));
    wanted_ = header.size();
    read(header);
    const std::uint32_t magic = 0x800 + static_cast<std::uint32_t>(rank);
    if (number(header, 0) != magic) {
      storage::refuse(path_, fmt::format("begins with 0x{:08x} where IDX with {} dimension{} of bytes has 0x{:08x}", number(header, 0),
                                         rank, rank == 1 ? "" : "s", magic));
    }
    for (int i = 1; i <= rank; ++i) dimensions_.push_back(number(header, i));
    check_size();
  }

  std::int64_t count() const { return dimensions_[0]; }
  int dimension(int index) const { return static_cast<int>(dimensions_[index]); }

  /// Fills `bytes`; a file that ends before is refused.
  void read(std::span<std::uint8_t> bytes) {
    while (!bytes.empty()) {
      const int got = gzread(file_.get(), bytes.data(), static_cast<unsigned>(std::min<std::size_t>(bytes.size(), 1 << 30)));
      if (got < 0) fail_damaged();
      if (got == 0) storage::refuse(path_, fmt::format("ends after {} bytes of {}", read_, wanted_));
      read_ += static_cast<std::uint64_t>(got);
      bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
  }

  /// Nothing may follow what the header declared, and the checksum of a gzipped file must hold.
  void finish() {
    std::uint8_t more = 0;
    const int got = gzread(file_.get(), &more, 1);
    if (got > 0) storage::refuse(path_, fmt::format("goes on after the {} bytes that its header ({}) asks for", wanted_, shown()));
    int code = Z_OK;
    gzerror(file_.get(), &code);
    if (code == Z_BUF_ERROR) storage::refuse(path_, "ends inside its gzip stream");
    if (got < 0 || code != Z_OK) fail_damaged();
  }

  /// "60000 x 28 x 28"
  std::string shown() const { return fmt::format("{}", fmt::join(dimensions_, " x ")); }

 private:
  static std::uint32_t number(const std::vector<std::uint8_t>& header, int index) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | header[4 * static_cast<std::size_t>(index) + i];
    return value;
  }

  void check_size() {
    std::uint64_t bytes = dimensions_[0];
    for (std::size_t i = 1; i < dimensions_.size(); ++i) {
      if (dimensions_[i] < 1 || dimensions_[i] > max_extent) {
        storage::refuse(path_, fmt::format("declares {}; an image has 1 to {} pixels a side", shown(), max_extent));
      }
      bytes *= dimensions_[i];
    }
    if (bytes == 0) storage::refuse(path_, "declares no entries");
    wanted_ += bytes;
    std::error_code error;
    const std::uint64_t size = fs::file_size(path_, error);
    if (error) storage::refuse(path_, fmt::format("has no size: {}", error.message()));
    if (gzdirect(file_.get()) ? size != wanted_ : wanted_ / max_deflate_ratio > size) {
      storage::refuse(path_, fmt::format("declares {}, which is {} bytes, but has {}{}", shown(), wanted_, size,
                                         gzdirect(file_.get()) ? "" : " gzipped, too few to hold them"));
    }
  }

  [[noreturn]] void fail_damaged() {
    int code = Z_OK;
    const char* reason = gzerror(file_.get(), &code);
    storage::refuse(path_,
                    fmt::format("is damaged after {} bytes of {}: {}", read_, wanted_, code == Z_ERRNO ? std::strerror(errno) : reason));
  }

  fs::path path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
  std::vector<std::uint32_t> dimensions_;
  std::uint64_t read_ = 0, wanted_ = 0;
};

/// A file of the four in a folder, raw or gzipped, under its name or that with a dot ("train-images.idx3-ubyte"); nothing where it is not
/// there.
std::optional<fs::path> find_file(const fs::path& folder, const std::string& name) {
  std::string dotted = name;
  dotted[dotted.rfind("-idx")] = '.';
  std::error_code error;
  for (const std::string& each : {name, dotted})
    for (const char* ending : {"", ".gz"})
      if (fs::is_regular_file(folder / (each + ending), error)) return folder / (each + ending);
  return std::nullopt;
}

/// The root, or the folder in it where torchvision puts the files: MNIST/raw, FashionMNIST/raw ...
fs::path folder_of_files(const fs::path& root) {
  std::vector<fs::path> folders;
  for (const char* name : {"", "raw", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw"})
    if (find_file(root / name, file_names[0])) folders.push_back(root / name);
  if (folders.size() > 1 && folders.front() != root / "")
    storage::refuse(root,
                    fmt::format("holds the files in {} and in {}; valid: one of these as root", folders[0].string(), folders[1].string()));
  return folders.empty() ? root : folders.front();
}

std::vector<fs::path> locate_files(const storage::Json& options) {
  const fs::path root = options.at("root").get<std::string>(), folder = folder_of_files(root);
  std::vector<fs::path> paths;
  for (const char* name : file_names) {
    const std::optional<fs::path> file = find_file(folder, name);
    if (!file)
      storage::refuse(
          root,
          fmt::format(
              "holds no file {}[.gz]; expected are {}, each raw or with .gz, there or in MNIST/raw, as torchvision has them. Debian's "
              "package dataset-fashion-mnist installs Fashion-MNIST in /usr/share/datasets/fashion-mnist",
              name, fmt::join(file_names, ", ")));
    paths.push_back(*file);
  }
  return paths;
}

std::vector<std::string> class_names(const storage::Json& options) {
  std::vector<std::string> names;
  if (options.contains("class_names")) {
    names = options["class_names"].get<std::vector<std::string>>();
    const std::set<std::string> distinct(names.begin(), names.end());
    if (names.empty() || names.size() > 256 || distinct.size() != names.size()) {
      throw storage::Error(storage::ErrorKind::invalid,
                           fmt::format("data of format idx: class_names: {} names, {} distinct; valid are 1 to 256, all distinct",
                                       names.size(), distinct.size()));
    }
  } else {
    for (int digit = 0; digit < 10; ++digit) names.push_back(std::to_string(digit));
  }
  return names;
}

/// Decodes all images of `file` to `target`, where each has its extents plus `pad` zeros on every side (the target is zero before).
void read_images(IdxFile& file, int pad, std::uint8_t* target) {
  const std::size_t rows = file.dimension(1), columns = file.dimension(2), margin = pad;
  const std::size_t row_step = columns + 2 * margin, image_step = (rows + 2 * margin) * row_step;
  const std::size_t rows_at_once = pad == 0 ? rows : 1;
  for (std::int64_t image = 0; image < file.count(); ++image, target += image_step) {
    for (std::size_t row = 0; row < rows; row += rows_at_once) {
      file.read({target + (row + margin) * row_step + margin, rows_at_once * columns});
    }
  }
  file.finish();
}

void append_labels(IdxFile& file, const fs::path& path, std::size_t classes, std::vector<std::int32_t>& labels) {
  std::vector<std::uint8_t> bytes(file.count());
  file.read(bytes);
  file.finish();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] >= classes) {
      storage::refuse(
          path, fmt::format("label {} of image {} is not in [0, {}]; class_names sets the number of classes", bytes[i], i, classes - 1));
    }
  }
  labels.insert(labels.end(), bytes.begin(), bytes.end());
}

void check_counts(const IdxFile& images, const IdxFile& labels, const fs::path& path) {
  if (labels.count() != images.count()) storage::refuse(path, fmt::format("has {} labels for {} images", labels.count(), images.count()));
}

/// The classes are named 0 to 9 by the options, or these are MNIST's labels, told by the first of them.
bool are_digits(const storage::Json& options, std::span<const std::int32_t> labels) {
  std::vector<std::string> digits;
  for (int digit = 0; digit < 10; ++digit) digits.push_back(std::to_string(digit));
  if (options.contains("class_names")) return class_names(options) == digits;
  constexpr std::array<std::int32_t, 16> mnist{5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7};
  return labels.size() >= mnist.size() && std::equal(mnist.begin(), mnist.end(), labels.begin());
}

/// What the files of labels and the options say.
struct Labelled {
  std::vector<std::string> class_names;
  std::vector<std::int32_t> labels;  // of the training images, then of those for testing
  Splits splits;
  bool digits = false;           // as DatasetInfo
  std::string label_bytes = {};  // the labels as they lie in the files, a byte each
};

Labelled read_labelled(const storage::Json& options, const std::vector<fs::path>& paths, IdxFile& training, IdxFile& test) {
  const std::string where = "data of format idx";
  const std::vector<std::string> classes = class_names(options);
  Labelled data{chosen_classes(options, classes, where), {}, {}};
  append_labels(training, paths[1], classes.size(), data.labels);
  data.digits = are_digits(options, data.labels);
  append_labels(test, paths[3], classes.size(), data.labels);
  data.label_bytes.assign(data.labels.begin(), data.labels.end());
  relabel(data.labels, classes, data.class_names);
  data.splits = make_splits(data.labels, training.count(), split_options_from_json(options), where);
  return data;
}

std::unique_ptr<Dataset> open_idx(const storage::Json& options, const std::string&, const DecodeOptions&) {
  const std::vector<fs::path> paths = locate_files(options);
  IdxFile train_images(paths[0], 3), train_labels(paths[1], 1), test_images(paths[2], 3), test_labels(paths[3], 1);
  check_counts(train_images, train_labels, paths[1]);
  check_counts(test_images, test_labels, paths[3]);
  if (test_images.dimension(1) != train_images.dimension(1) || test_images.dimension(2) != train_images.dimension(2)) {
    storage::refuse(
        paths[2], fmt::format("has images of another size ({}) than the training images ({})", test_images.shown(), train_images.shown()));
  }
  const int pad = options.at("pad").get<int>();
  Labelled labelled = read_labelled(options, paths, train_labels, test_labels);
  StoredImages data;
  data.shape = {1, train_images.dimension(1) + 2 * pad, train_images.dimension(2) + 2 * pad};
  data.class_names = std::move(labelled.class_names);
  data.labels = std::move(labelled.labels);
  data.splits = std::move(labelled.splits);
  const std::size_t image_bytes = static_cast<std::size_t>(data.shape.height) * data.shape.width;
  std::vector<std::uint8_t> pixels(data.labels.size() * image_bytes);
  read_images(train_images, pad, pixels.data());
  read_images(test_images, pad, pixels.data() + train_images.count() * image_bytes);
  storage::Sha256 content;
  content.add(labelled.label_bytes);
  content.add({reinterpret_cast<const char*>(pixels.data()), pixels.size()});
  data.content = content.hex();
  data.pixels = PixelBlock::of(std::move(pixels));
  return std::make_unique<StoredDataset>(std::move(data));
}

DatasetInfo describe_idx(const storage::Json& options, const std::string&) {
  const std::vector<fs::path> paths = locate_files(options);
  const IdxFile training(paths[0], 3);
  IdxFile train_labels(paths[1], 1), test_labels(paths[3], 1);
  const Labelled data = read_labelled(options, paths, train_labels, test_labels);
  const int pad = options.at("pad").get<int>();
  return {.shape = {1, training.dimension(1) + 2 * pad, training.dimension(2) + 2 * pad},
          .classes = static_cast<int>(data.class_names.size()),
          .train = std::ssize(data.splits.train),
          .validation = std::ssize(data.splits.validation),
          .test = std::ssize(data.splits.test),
          .images = std::ssize(data.labels),
          .digits = data.digits};
}

storage::Options idx_options() {
  using storage::OptionKind;
  storage::Options options = {
      {.name = "root",
       .kind = OptionKind::path,
       .fallback = "/usr/share/datasets/fashion-mnist",
       .doc = "folder of the four files, or of MNIST/raw with them"},
      {.name = "pad",
       .kind = OptionKind::integer,
       .fallback = 0,
       .doc = "zero pixels added on each side: 2 makes 28 pixels 32",
       .min = 0,
       .max = 128},
      {.name = "class_names",
       .kind = OptionKind::names,
       .doc = "names of the classes, in order of their labels; 0 to 9 if absent",
       .optional = true},
  };
  options.insert(options.end(), split_options().begin(), split_options().end());
  return options;
}

}  // namespace

DatasetEntry idx_format() {
  return {"idx",         "grey images as IDX files, raw or gzipped (MNIST, Fashion-MNIST)",
          idx_options(), {},
          open_idx,      [](const storage::Json& options) { return files_identity(locate_files(options)); },
          describe_idx};
}

}  // namespace eval
