// Image folders: a folder a class, under train/, val/ and test/ or straight under the root. ImageNet's usual layout is one of these.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "eval/data/classes.h"
#include "eval/data/formats.h"
#include "eval/data/image_dataset.h"
#include "eval/data/image_decode.h"
#include "storage/base/error.h"
#include "storage/base/file.h"

namespace eval {
namespace {

namespace fs = std::filesystem;
using storage::OptionKind;

/// "train/cat/1.jpg": the parts before the last.
std::vector<std::string> folders_of(const std::string& file) {
  std::vector<std::string> folders;
  for (const fs::path& part : fs::path(file).parent_path()) folders.push_back(part.string());
  return folders;
}

/// One image: its split, if a folder says so, and its class.
struct Placed {
  std::optional<Split> split;
  std::string label;
};

Placed place(const fs::path& root, const std::string& file, bool split_folders) {
  const std::vector<std::string> folders = folders_of(file);
  const std::size_t depth = split_folders ? 1 : 0;
  if (folders.size() <= depth) storage::refuse(root / file, "lies in no folder of a class");
  const std::optional<Split> split = split_folders ? split_from_usual_name(folders.front()) : std::nullopt;
  if (split_folders && !split) storage::refuse(root / file, "lies beside the training folder, in none of train/, val/ and test/");
  return {split, folders[depth]};
}

/// Tiny ImageNet's validation images lie in one folder, and a list names their classes; those for testing have none.
constexpr const char* annotations_file = "val/val_annotations.txt";

/// The class of each file of val/images/, by that list: "val_0.JPEG<tab>n03444034<tab>...".
std::map<std::string, std::string> read_annotations(const fs::path& list) {
  std::map<std::string, std::string> labels;
  std::istringstream lines(storage::read_file(list));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t name = line.find('\t'), label = line.find('\t', name + 1);
    if (line.empty() || line == "\r") continue;
    if (name == std::string::npos || label == std::string::npos)
      storage::refuse(list, fmt::format("'{}' is no image, class and box between tabs", line));
    labels["val/images/" + line.substr(0, name)] = line.substr(name + 1, label - name - 1);
  }
  return labels;
}

/// Leaves out images under test/images/, which have no label.
void drop_unannotated(std::vector<std::string>& files) {
  std::erase_if(files, [](const std::string& file) { return file.starts_with("test/images/"); });
}

/// The folders straight under another, hidden ones left out, sorted.
std::vector<std::string> folders_under(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.is_directory() && entry.path().filename().string().front() != '.') names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// Whether the folders under the root are splits. Fails where some have a split's name and none is for training.
bool has_split_folders(const fs::path& root, const std::vector<std::string>& folders) {
  std::vector<std::string> splits;
  for (const std::string& name : folders) {
    const std::optional<Split> split = split_from_usual_name(name);
    if (split == Split::train) return true;
    if (split) splits.push_back(name);
  }
  if (!splits.empty())
    storage::refuse(
        root, fmt::format("holds {}, named as splits, and no folder for training; valid: train/ beside them, or other names for classes",
                          fmt::join(splits, ", ")));
  return false;
}

/// Whether a folder holds results of runs, as one has that was started among the images.
bool holds_results(const fs::path& folder) {
  const std::vector<std::string> runs = folders_under(folder);
  return std::any_of(runs.begin(), runs.end(), [&](const std::string& run) { return fs::exists(folder / run / "experiment.db"); });
}

/// Fails for a class without an image.
void check_classes(const fs::path& folder, const std::map<std::string, std::int32_t>& classes) {
  for (const std::string& name : folders_under(folder))
    if (!classes.contains(name) && !holds_results(folder / name))
      storage::refuse(folder / name, fmt::format("holds no {} file; valid: a folder a class, each with images", image_formats()));
  if (classes.empty()) storage::refuse(folder, fmt::format("holds no {} file in a folder of a class", image_formats()));
  if (classes.size() < 2)
    storage::refuse(folder, fmt::format("holds one class, '{}'; valid: a folder for each of two classes or more", classes.begin()->first));
}

/// All images, as of one class, and none of them for validation or test.
ImageTable read_unlabelled(const storage::Json& options, const fs::path& root) {
  for (const char* key : {"validation_images", "test_images", "classes"})
    if (options.contains(key))
      storage::refuse(root, fmt::format("images without labels have no {}; valid: train_images, part_from, part_to", key));
  ImageTable table;
  table.files = {root, list_images(root, table.broken)};
  if (table.files.names.empty()) storage::refuse(root, fmt::format("holds no {} file", image_formats()));
  table.class_names = {"image"};
  table.labels.assign(table.files.names.size(), 0);
  table.splits = unlabelled_splits(table.files.names, split_options_from_json(options), "data of format folder");
  return table;
}

ImageTable read_folder(const storage::Json& options, const std::string&) {
  const fs::path root = options.at("root").get<std::string>();
  require_root(root, "a folder a class, each with image files, or train/, val/ and test/ with such folders",
               "ImageNet's are made from the archives of https://image-net.org");
  if (is_unlabelled(options)) return read_unlabelled(options, root);
  ImageTable table;
  table.files = {root, list_images(root, table.broken)};
  if (table.files.names.empty()) storage::refuse(root, fmt::format("holds no {} file in a folder of a class", image_formats()));
  const std::vector<std::string> folders = folders_under(root);
  std::map<std::string, std::string> annotated;
  if (fs::is_regular_file(root / annotations_file)) {
    annotated = read_annotations(root / annotations_file);
    table.listings = {root / annotations_file};
    drop_unannotated(table.files.names);
  }
  const bool split_folders = has_split_folders(root, folders);

  std::vector<Placed> placed;
  std::map<std::string, std::int32_t> classes;
  for (const std::string& file : table.files.names) {
    placed.push_back(place(root, file, split_folders));
    if (const auto label = annotated.find(file); label != annotated.end())
      placed.back().label = label->second;
    else if (!annotated.empty() && file.starts_with("val/images/"))
      storage::refuse(root / annotations_file, fmt::format("does not name {}", file));
    if (placed.back().split.value_or(Split::train) == Split::train) classes[placed.back().label] = 0;
  }
  if (!split_folders) check_classes(root, classes);
  for (const std::string& name : folders)
    if (split_folders && split_from_usual_name(name) == Split::train) check_classes(root / name, classes);
  table.ordered = options.at("ordered");
  std::vector<std::string> labels;
  for (const auto& [name, number] : classes) labels.push_back(name);
  labels = in_order(std::move(labels), table.ordered);
  for (std::size_t i = 0; i < labels.size(); ++i) classes[labels[i]] = static_cast<std::int32_t>(i);
  table.class_names = chosen_classes(options, labels, "data of format folder");
  std::vector<std::int32_t> all_labels;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    const auto known = classes.find(placed[i].label);
    if (known == classes.end()) storage::refuse(root / table.files.names[i], "is of a class that has no training image");
    all_labels.push_back(known->second);
    table.splits[placed[i].split.value_or(Split::train)].push_back(static_cast<std::int64_t>(i));
  }
  table.labels = all_labels;
  relabel(table.labels, labels, table.class_names);
  // Where there is no test folder, as with ImageNet, val/ is what results are reported on, and validation comes from the training images.
  if (table.splits.test.empty()) std::swap(table.splits.test, table.splits.validation);
  const bool was_drawn = table.splits.test.empty();
  table.splits = complete_splits(table.labels, std::move(table.splits), {table.files.names, false, all_labels},
                                 split_options_from_json(options), "data of format folder");
  drop_unlabelled(table, was_drawn);
  return table;
}

}  // namespace

DatasetEntry folder_format() {
  storage::Options options{
      {.name = "root", .kind = OptionKind::path, .doc = "folder of the classes' folders, or of train/, val/ and test/"},
      {.name = "test",
       .kind = OptionKind::real,
       .fallback = 0.2,
       .doc = "share of the images to test on, by class and a hash of the name, where no folder says which",
       .min = 0,
       .max = 1},
      {.name = "labels",
       .kind = OptionKind::choice,
       .doc =
           "none: all images below the root, whatever folder they lie in (of part_from, part_to and train_images), and none for validation "
           "or test: for what looks at no label, as a refit",
       .choices = {"none"},
       .optional = true},
      {.name = "ordered",
       .kind = OptionKind::boolean,
       .fallback = false,
       .doc = "the classes have an order, that of the numbers with which their folders' names begin"},
  };
  options.insert(options.end(), split_options().begin(), split_options().end());
  return image_format("folder", "image files (JPEG, PNG, BMP, TIFF, WebP), a folder a class; ImageNet's layout too", std::move(options), {},
                      read_folder);
}

}  // namespace eval
