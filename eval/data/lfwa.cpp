// LFWA (Liu et al. 2015): Labeled Faces in the Wild with 40 attributes, in MATLAB files of version 7.3, which are HDF5. The suggested
// split; of its training identities those whose last name begins with R to Z validate (Tian, Arbel, Clark 2021).
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "eval/data/face_attributes.h"
#include "eval/data/formats.h"
#include "eval/data/image_dataset.h"
#include "eval/data/mat_file.h"
#include "storage/base/error.h"

namespace eval {
namespace {

namespace fs = std::filesystem;
using storage::Json;
using storage::OptionKind;

constexpr const char* attributes_file = "lfw_att_40.mat";
constexpr const char* indices_file = "indices_train_test.mat";
constexpr const char* lfwa_source =
    "LFWA comes from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html: lfw_att_40.mat and indices_train_test.mat (here or in anno/) "
    "beside "
    "the folder lfw/ of the faces";

fs::path find_file(const fs::path& root, const char* name) {
  std::error_code error;
  for (const fs::path& place : {root, root / "anno"})
    if (fs::is_regular_file(place / name, error)) return place / name;
  storage::refuse(root, fmt::format("holds no file {}. {}", name, lfwa_source));
}

/// "lfw/Aaron_Eckhart/Aaron_Eckhart_0001.jpg" from MATLAB's path of it.
std::string file_of(std::string name) {
  std::replace(name.begin(), name.end(), '\\', '/');
  return "lfw/" + name;
}

/// The letter that a person's last name begins with, as a capital.
char initial_of(const std::string& file) {
  const std::string person = fs::path(file).parent_path().filename().string();
  const std::size_t mark = person.rfind('_');
  const std::size_t begin = mark == std::string::npos ? 0 : mark + 1;
  return begin < person.size() ? static_cast<char>(std::toupper(static_cast<unsigned char>(person[begin]))) : '\0';
}

/// Image numbers from MATLAB's, which count from 1.
std::vector<std::int64_t> read_indices(const MatFile& file, const fs::path& path, const char* name, std::size_t images) {
  std::vector<std::int64_t> numbers;
  for (const double index : file.numbers(name).values) {
    if (!(index >= 1 && index <= static_cast<double>(images)) || index != std::floor(index))
      storage::refuse(path, fmt::format("{} holds {}, which is no image; valid are 1 to {}", name, index, images));
    numbers.push_back(static_cast<std::int64_t>(index) - 1);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::vector<std::int32_t> read_labels(const MatFile& file, const fs::path& path, const std::string& target, std::size_t images) {
  const std::vector<std::string> names = file.texts("AttrName");
  const auto attribute = std::find(names.begin(), names.end(), target);
  if (attribute == names.end()) storage::refuse(path, fmt::format("has no attribute '{}'{}", target, storage::suggestion(target, names)));
  const MatFile::Matrix labels = file.numbers("label");
  if (labels.columns != names.size() || labels.rows != images)
    storage::refuse(path,
                    fmt::format("label is {} x {} for {} images and {} attributes", labels.rows, labels.columns, images, names.size()));
  std::vector<std::int32_t> values;
  const auto column = static_cast<std::size_t>(attribute - names.begin());
  for (std::size_t image = 0; image < images; ++image) values.push_back(labels.values[column * images + image] > 0 ? 1 : 0);
  return values;
}

ImageTable read_lfwa(const Json& options, const std::string& target) {
  const fs::path root = options.at("root").get<std::string>();
  require_root(root, "the folder of LFWA", lfwa_source);
  ImageTable table;
  table.listings = {find_file(root, attributes_file), find_file(root, indices_file)};
  const MatFile attributes(table.listings[0]), indices(table.listings[1]);
  table.files.root = root;
  for (const std::string& name : attributes.texts("name")) table.files.names.push_back(file_of(name));
  const std::size_t images = table.files.names.size();
  for (std::size_t i = 0; i < images; ++i) table.rows.push_back(fmt::format("{}: name {}", attributes_file, i + 1));
  table.labels = read_labels(attributes, table.listings[0], target, images);
  table.class_names = attribute_classes(target);
  table.splits.test = read_indices(indices, table.listings[1], "indices_img_test", images);
  for (const std::int64_t image : read_indices(indices, table.listings[1], "indices_img_train", images)) {
    const char initial = initial_of(table.files.names[image]);
    table.splits[initial >= 'R' && initial <= 'Z' ? Split::validation : Split::train].push_back(image);
  }
  for (const Split split : all_splits)
    if (table.splits[split].empty()) storage::refuse(table.listings[1], fmt::format("leaves no {} image", to_string(split)));
  return table;
}

}  // namespace

DatasetEntry lfwa_format() {
  return image_format("lfwa", "LFWA: faces with 40 attributes",
                      {{.name = "root", .kind = OptionKind::path, .doc = "folder of the two .mat files (or anno/ with them) and lfw/"}},
                      face_attributes(), read_lfwa);
}

}  // namespace eval
