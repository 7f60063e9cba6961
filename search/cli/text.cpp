#include <fmt/format.h>

#include "search/cli/commands.h"
#include "search/cli/printable.h"
#include "search/report/table_text.h"

namespace search::cli {

namespace {

/// For the eye: numbers with six digits.
std::string cell(const Json& row, const std::string& column) {
  const Json value = row.value(column, Json());
  return value.is_number_float() ? fmt::format("{:.6g}", value.get<double>()) : printable(text_of(value));
}

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

/// Of a text of several lines the first, for a cell of a table.
std::string first_line(const std::string& text) {
  const std::size_t end = text.find('\n');
  return end == std::string::npos ? text : text.substr(0, end) + " ...";
}

}  // namespace

void print_json(const Json& json) {
  fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

std::string to_text(const Json& rows, const std::vector<std::string>& columns) {
  std::vector<std::vector<std::string>> table{columns};
  for (const Json& row : rows) {
    table.emplace_back();
    for (const std::string& column : columns) table.back().push_back(first_line(cell(row, column)));
  }
  return aligned(table, Side::left);
}

std::string to_csv(const Json& rows, const std::vector<std::string>& columns) {
  std::string csv = fmt::format("{}\r\n", fmt::join(columns, ","));
  for (const Json& row : rows) {
    std::vector<std::string> cells;
    for (const std::string& column : columns) cells.push_back(quoted(text_of(row.value(column, Json()))));
    csv += fmt::format("{}\r\n", fmt::join(cells, ","));
  }
  return csv;
}

Json rows_where(const Json& rows, const std::string& key, const Json& value) {
  Json found = Json::array();
  for (const Json& row : rows) {
    if (row.at(key) == value) found.push_back(row);
  }
  return found;
}

}  // namespace search::cli
