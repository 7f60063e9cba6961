// A table of images: a comma- or tab-separated file with a path and a label a row, and perhaps a split and a group.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "eval/data/classes.h"
#include "eval/data/formats.h"
#include "eval/data/image_dataset.h"
#include "eval/data/text_table.h"
#include "storage/base/error.h"

namespace eval {
namespace {

namespace fs = std::filesystem;
using storage::Json;
using storage::OptionKind;

bool is_number(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(number);
}

/// The labels in use: as numbers where all are, or the classes are ordered, else as texts.
std::vector<std::string> sorted_labels(const std::set<std::string>& labels, bool ordered) {
  return in_order({labels.begin(), labels.end()}, ordered || std::all_of(labels.begin(), labels.end(), is_number));
}

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t"), end = text.find_last_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

/// The columns that a table is read by.
struct Columns {
  std::size_t path, label;
  std::optional<std::size_t> split, group;
};

Columns columns_of(const TextTable& table, const Json& options, const std::string& where) {
  const auto optional = [&](const char* key, const char* usual) -> std::optional<std::size_t> {
    if (!options.contains(key) && !table.has(usual)) return std::nullopt;
    return table.column(options.value(key, std::string(usual)), where);
  };
  return {table.column(options.at("path_column"), where), table.column(options.at("label_column"), where),
          optional("split_column", "split"), optional("group_column", "group")};
}

/// Fills a table row by row.
class CsvReader {
 public:
  CsvReader(const fs::path& file, const Json& options)
      : file_(file),
        text_(read_text_table(file, file.extension() == ".tsv" ? '\t' : ',')),
        columns_(columns_of(text_, options, file.string())) {
    table_.files.root = options.contains("root") ? fs::path(options["root"].get<std::string>()) : file.parent_path();
    table_.listings = {file};
    table_.ordered = options.at("ordered");
    for (const auto& [line, reason] : text_.broken) refuse(line, reason);
    labels_ = options.contains("class_names") ? given_labels(options["class_names"]) : used_labels();
    table_.class_names = chosen_classes(options, labels_, "data of format csv");
  }

  ImageTable read(const SplitOptions& options) {
    for (const TextTable::Row& row : text_.rows) add(row);
    if (table_.files.names.empty() && table_.broken.empty())
      throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: lists no image", file_.string()));
    const DrawKeys keys{columns_.group ? groups_ : table_.files.names, columns_.group.has_value(), all_labels_};
    if (columns_.group) check_groups();
    table_.labels = all_labels_;
    relabel(table_.labels, labels_, table_.class_names);
    const bool was_drawn = table_.splits.test.empty();
    if (!table_.files.names.empty())
      table_.splits = complete_splits(table_.labels, std::move(table_.splits), keys, options, "data of format csv");
    drop_unlabelled(table_, was_drawn);
    return std::move(table_);
  }

 private:
  static std::vector<std::string> given_labels(const std::vector<std::string>& names) {
    std::set<std::string> seen;
    for (const std::string& name : names)
      if (!seen.insert(name).second)
        storage::refuse(fmt::format("data of format csv: class_names: '{}' is given twice; valid: each once", name));
    return names;
  }

  void refuse(int line, const std::string& reason) {
    table_.broken.push_back({fmt::format("{}:{}", file_.filename().string(), line), reason});
  }

  std::vector<std::string> used_labels() const {
    std::set<std::string> labels;
    for (const TextTable::Row& row : text_.rows)
      if (const std::string& label = row.cells[columns_.label]; !label.empty() && label == trimmed(label)) labels.insert(label);
    return sorted_labels(labels, table_.ordered);
  }

  void add(const TextTable::Row& row) {
    const std::string& path = row.cells[columns_.path];
    const std::string& label = row.cells[columns_.label];
    const auto known = std::find(labels_.begin(), labels_.end(), label);
    const std::optional<Split> split = columns_.split ? split_from_usual_name(row.cells[*columns_.split]) : Split::train;
    if (path.empty()) return refuse(row.line, "names no image");
    if (!seen_.insert(fs::path(path).lexically_normal().string()).second)
      return refuse(row.line, fmt::format("lists {} a second time", path));
    if (label != trimmed(label))
      return refuse(row.line, fmt::format("label '{}' begins or ends with a blank; valid: '{}'", label, trimmed(label)));
    if (known == labels_.end()) return refuse(row.line, fmt::format("label '{}' is not one of {}", label, fmt::join(labels_, ", ")));
    if (!split) return refuse(row.line, fmt::format("split '{}' is not one of train, validation, test", row.cells[*columns_.split]));
    const std::string group = columns_.group ? row.cells[*columns_.group] : "";
    if (group != trimmed(group))
      return refuse(row.line, fmt::format("group '{}' begins or ends with a blank; valid: '{}'", group, trimmed(group)));
    const auto image = static_cast<std::int64_t>(table_.files.names.size());
    table_.files.names.push_back(path);
    table_.rows.push_back(fmt::format("{}:{}", file_.filename().string(), row.line));
    all_labels_.push_back(static_cast<std::int32_t>(known - labels_.begin()));
    groups_.push_back(group.empty() ? "image " + path : group);  // nothing is said: the image is a group by itself
    table_.splits[*split].push_back(image);
  }

  /// Splits that the file gives must not share a group either.
  void check_groups() const {
    std::map<std::string, Split> split_of;
    for (const Split split : all_splits) {
      for (const std::int64_t image : table_.splits[split]) {
        const auto [known, added] = split_of.emplace(groups_[image], split);
        if (known->second != split)
          throw storage::Error(storage::ErrorKind::invalid,
                               fmt::format("{}: group '{}' is in {} and in {}; valid: each group in one split", file_.string(),
                                           groups_[image], to_string(known->second), to_string(split)));
      }
    }
  }

  fs::path file_;
  TextTable text_;
  Columns columns_;
  ImageTable table_;
  std::vector<std::string> labels_;       // all that may stand in the file
  std::vector<std::int32_t> all_labels_;  // by image, the place of its label in `labels_`
  std::vector<std::string> groups_;
  std::set<std::string> seen_;
};

ImageTable read_csv(const Json& options, const std::string&) {
  const fs::path file = options.at("file").get<std::string>();
  std::error_code error;
  if (!fs::is_regular_file(file, error))
    throw storage::Error(
        storage::ErrorKind::invalid,
        fmt::format("{}: no such file; expected is a table with the columns path and label, and perhaps split and group", file.string()));
  return CsvReader(file, options).read(split_options_from_json(options));
}

}  // namespace

DatasetEntry csv_format() {
  storage::Options options{
      {.name = "file", .kind = OptionKind::path, .doc = "the table: comma-separated, or .tsv with tabs; its first line names the columns"},
      {.name = "root", .kind = OptionKind::path, .doc = "where the paths start; the table's folder if absent", .optional = true},
      {.name = "path_column", .kind = OptionKind::text, .fallback = "path", .doc = "column of the images' files"},
      {.name = "label_column", .kind = OptionKind::text, .fallback = "label", .doc = "column of the classes"},
      {.name = "split_column",
       .kind = OptionKind::text,
       .doc = "column of train, validation or test; 'split' where there is one",
       .optional = true},
      {.name = "group_column",
       .kind = OptionKind::text,
       .doc = "column of what must not be in two splits, as a person; 'group' where there is one",
       .optional = true},
      {.name = "class_names",
       .kind = OptionKind::names,
       .doc = "the labels in their order; those in use, sorted, if absent",
       .optional = true},
      {.name = "ordered", .kind = OptionKind::boolean, .fallback = false, .doc = "the classes have that order"},
      {.name = "test",
       .kind = OptionKind::real,
       .fallback = 0.2,
       .doc = "share of the images to test on where no row says which",
       .min = 0,
       .max = 1},
  };
  options.insert(options.end(), split_options().begin(), split_options().end());
  return image_format("csv", "image files that a table lists with their labels", std::move(options), {}, read_csv);
}

}  // namespace eval
