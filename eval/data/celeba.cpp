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

constexpr const char* attributes_file = "list_attr_celeba.txt";
constexpr const char* partition_file = "list_eval_partition.txt";
constexpr const char* where_from =
    "CelebA comes from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html: list_attr_celeba.txt and list_eval_partition.txt beside the "
    "folder "
    "img_align_celeba/";

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: {}", path.string(), what));
}

fs::path require_file(const fs::path& root, const char* name) {
  std::error_code error;
  if (!fs::is_regular_file(root / name, error)) fail(root, fmt::format("holds no file {}. {}", name, where_from));
  return root / name;
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return words;
    const std::size_t end = std::min(line.find_first_of(" \t\r", begin), line.size());
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
    const std::string where = fmt::format("{}:{}", partition_file, line);
    if (words.size() != 2 || words[1].size() != 1 || words[1][0] < '0' || words[1][0] > '2')
      broken.push_back({where, "is not an image and 0, 1 or 2"});
    else
      splits[words[0]] = all_splits[static_cast<std::size_t>(words[1][0] - '0')];
  }
  return splits;
}

ImageTable read_celeba(const storage::Json& options, const std::string& target) {
  const fs::path root = options.at("root").get<std::string>();
  require_root(root, "the folder of CelebA", where_from);
  ImageTable table;
  table.files.root = root;
  table.listings = {require_file(root, attributes_file), require_file(root, partition_file)};
  table.class_names = attribute_classes(target);
  const std::map<std::string, Split> splits = read_partition(table.listings[1], table.broken);

  const auto lines = read_lines(table.listings[0]);
  if (lines.size() < 3) fail(table.listings[0], "is no list of attributes: a count, the names, and a line an image");
  const std::vector<std::string>& names = lines[1].second;
  const auto attribute = std::find(names.begin(), names.end(), target);
  if (attribute == names.end()) fail(table.listings[0], fmt::format("has no attribute '{}'{}", target, storage::suggestion(target, names)));
  const auto column = static_cast<std::size_t>(attribute - names.begin()) + 1;
  for (std::size_t i = 2; i < lines.size(); ++i) {
    const auto& [line, words] = lines[i];
    const std::string where = fmt::format("{}:{}", attributes_file, line);
    const auto split = splits.find(words.front());
    if (words.size() != names.size() + 1) {
      table.broken.push_back({where, fmt::format("has {} columns, not {}", words.size(), names.size() + 1)});
    } else if (words[column] != "1" && words[column] != "-1") {
      table.broken.push_back({where, fmt::format("{} is {}, not 1 or -1", target, words[column])});
    } else if (split == splits.end()) {
      table.broken.push_back({where, fmt::format("{} is not in {}", words.front(), partition_file)});
    } else {
      table.splits[split->second].push_back(static_cast<std::int64_t>(table.files.names.size()));
      table.files.names.push_back("img_align_celeba/" + words.front());
      table.rows.push_back(where);
      table.labels.push_back(words[column] == "1" ? 1 : 0);
    }
  }
  for (const Split split : all_splits)
    if (table.splits[split].empty()) fail(table.listings[1], fmt::format("leaves no {} image", to_string(split)));
  return table;
}

}  // namespace

DatasetEntry celeba_format() {
  return image_format("celeba", "CelebA: faces with 40 attributes",
                      {{.name = "root", .kind = OptionKind::path, .doc = "folder of the two lists and img_align_celeba/"}},
                      face_attributes(), read_celeba);
}

}  // namespace eval
