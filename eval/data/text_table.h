// Tables as text, with the line of each row: comma- or tab-separated files, and columns between blanks. Used by formats that list images.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace eval {

struct TextTable {
  struct Row {
    int line = 0;  ///< counted from 1
    std::vector<std::string> cells;
  };
  std::vector<std::string> header;
  std::vector<Row> rows;
  std::vector<std::pair<int, std::string>> broken;  ///< line and reason: rows with another number of cells than the header

  /// The number of a column. Throws storage::Error(invalid), opened by `where`, with the names that there are.
  std::size_t column(const std::string& name, const std::string& where) const;
  bool has(const std::string& name) const;
};

/// Reads a file whose first line is the header. With ',' cells may stand in double quotes (RFC 4180); with '\t' they are as they are; with
/// ' ' any run of blanks separates. Empty lines are passed over. Throws storage::Error(invalid): no file, or no header.
TextTable read_text_table(const std::filesystem::path& path, char separator);

}  // namespace eval
