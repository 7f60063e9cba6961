// CelebA (Liu et al. 2015): faces with 40 attributes and three splits, listed in text files.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "eval/data/face_attributes.h"
#include "eval/data/formats.h"
#include "eval/data/image_dataset.h"
#include "storage/base/error.h"
#include "storage/base/file.h"

namespace eval {
namespace {

namespace fs = std::filesystem;
using storage::OptionKind;

/// As the lists lie side by side, as CelebA's own tree has them, and as Kaggle's copy.
const std::vector<const char*> attribute_files{"list_attr_celeba.txt", "Anno/list_attr_celeba.txt", "list_attr_celeba.csv"};
const std::vector<const char*> partition_files{"list_eval_partition.txt", "Eval/list_eval_partition.txt", "list_eval_partition.csv"};
const std::vector<const char*> image_folders{"img_align_celeba/img_align_celeba", "img_align_celeba", "Img/img_align_celeba"};
constexpr const char* celeba_source =
    "CelebA comes from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html: list_attr_celeba.txt and list_eval_partition.txt beside the "
    "folder "
    "img_align_celeba/, or in Anno/, Eval/ and Img/, or as Kaggle's .csv";

fs::path require_file(const fs::path& root, const std::vector<const char*>& names) {
  std::error_code error;
  for (const char* name : names)
    if (fs::is_regular_file(root / name, error)) return root / name;
  storage::refuse(root, fmt::format("holds no file {}. {}", names.front(), celeba_source));
}

/// The folder of the images, from the root; where none is there, the usual one, whose images are then missing.
std::string image_folder(const fs::path& root) {
  std::error_code error;
  for (const char* name : image_folders)
    if (fs::is_directory(root / name, error)) return name;
  return image_folders[1];
}

/// Between blanks, or the commas of Kaggle's files.
std::vector<std::string> words_of(std::string_view line) {
  constexpr const char* blanks = " \t\r,";
  std::vector<std::string> words;
  while (true) {
    const std::size_t begin = line.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return words;
    const std::size_t end = std::min(line.find_first_of(blanks, begin), line.size());
    words.emplace_back(line.substr(begin, end - begin));
    line.remove_prefix(end);
  }
}

/// The words of each line that has some, with its number.
std::vector<std::pair<int, std::vector<std::string>>> read_lines(const fs::path& path) {
  const std::string text = storage::read_file(path);
  std::vector<std::pair<int, std::vector<std::string>>> lines;
  int number = 1;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::vector<std::string> words = words_of(std::string_view(text).substr(begin, end - begin));
    if (!words.empty()) lines.emplace_back(number, std::move(words));
    begin = end + 1;
  }
  return lines;
}

std::map<std::string, Split> read_partition(const fs::path& path, std::vector<LeftOut>& broken) {
  std::map<std::string, Split> splits;
  for (const auto& [line, words] : read_lines(path)) {
    const std::string where = fmt::format("{}:{}", path.filename().string(), line);
    if (line == 1 && words.front() == "image_id") continue;  // the head of Kaggle's file
    if (words.size() != 2 || words[1].size() != 1 || words[1][0] < '0' || words[1][0] > '2')
      broken.push_back({where, "is not an image and 0, 1 or 2"});
    else
      splits[words[0]] = all_splits[static_cast<std::size_t>(words[1][0] - '0')];
  }
  return splits;
}

/// The names of the attributes, and a line an image: its name, then 1 or -1 for each.
struct AttributeList {
  std::vector<std::string> names;
  std::vector<std::pair<int, std::vector<std::string>>> lines;
};

/// The official list begins with the number of its images, Kaggle's with "image_id" before the names. Fails where the number is another.
AttributeList read_attributes(const fs::path& path) {
  AttributeList list{{}, read_lines(path)};
  const auto take_first = [&] {
    std::vector<std::string> words = std::move(list.lines.front().second);
    list.lines.erase(list.lines.begin());
    return words;
  };
  if (list.lines.size() < 3) storage::refuse(path, "is no list of attributes: a count, the names, and a line an image");
  if (list.lines.front().second.front() == "image_id") {
    list.names = take_first();
    list.names.erase(list.names.begin());
    return list;
  }
  const std::string count = take_first().front();
  list.names = take_first();
  if (count != std::to_string(list.lines.size()))
    storage::refuse(path,
                    fmt::format("says in line 1 that it lists {} images, and lists {}; valid: the whole list", count, list.lines.size()));
  return list;
}

ImageTable read_celeba(const storage::Json& options, const std::string& target) {
  const fs::path root = options.at("root").get<std::string>();
  require_root(root, "the folder of CelebA", celeba_source);
  ImageTable table;
  table.files.root = root;
  table.listings = {require_file(root, attribute_files), require_file(root, partition_files)};
  table.class_names = attribute_classes(target);
  const std::map<std::string, Split> splits = read_partition(table.listings[1], table.broken);

  const auto [names, lines] = read_attributes(table.listings[0]);
  const auto attribute = std::find(names.begin(), names.end(), target);
  if (attribute == names.end())
    storage::refuse(table.listings[0], fmt::format("has no attribute '{}'{}", target, storage::suggestion(target, names)));
  const auto column = static_cast<std::size_t>(attribute - names.begin()) + 1;
  const std::string folder = image_folder(root), list = table.listings[0].filename().string();
  for (const auto& [line, words] : lines) {
    const std::string where = fmt::format("{}:{}", list, line);
    const auto split = splits.find(words.front());
    if (words.size() != names.size() + 1) {
      table.broken.push_back({where, fmt::format("has {} columns, not {}", words.size(), names.size() + 1)});
      continue;
    }
    const std::string& cell = words[column];
    const bool is_labelled = cell == "1" || cell == "-1", has_split = split != splits.end();
    if (!is_labelled)
      table.broken.push_back({where, fmt::format("{} is {}, not 1 or -1", target, cell)});
    else if (!has_split)
      table.broken.push_back({where, fmt::format("{} is not in {}", words.front(), table.listings[1].filename().string())});
    if (!has_split) continue;
    if (is_labelled) table.splits[split->second].push_back(static_cast<std::int64_t>(table.files.names.size()));
    table.files.names.push_back(folder + "/" + words.front());  // also without a label: the same files for every target
    table.rows.push_back(where);
    table.labels.push_back(!is_labelled ? -1 : cell == "1" ? 1 : 0);
  }
  for (const Split split : all_splits)
    if (table.splits[split].empty()) storage::refuse(table.listings[1], fmt::format("leaves no {} image", to_string(split)));
  return table;
}

}  // namespace

DatasetEntry celeba_format() {
  return image_format("celeba", "CelebA: faces with 40 attributes",
                      {{.name = "root",
                        .kind = OptionKind::path,
                        .doc = "folder of the two lists and img_align_celeba/, of Anno/, Eval/ and Img/, or of Kaggle's copy"}},
                      face_attributes(), read_celeba);
}

}  // namespace eval
