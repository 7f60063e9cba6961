#include "eval/data/text_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/option.h"

namespace eval {
namespace {

/// Reads row after row.
class Scanner {
 public:
  Scanner(std::string text, char separator) : text_(std::move(text)), separator_(separator) {
    if (text_.compare(0, 3, "\xef\xbb\xbf") == 0) at_ = 3;  // the byte order mark of some spreadsheets
  }

  bool more() const { return at_ < text_.size(); }

  /// The next row; it has one empty cell where the line is empty.
  TextTable::Row next() {
    TextTable::Row row{line_, {}};
    do {
      row.cells.push_back(separator_ == ',' && peek() == '"' ? quoted() : plain());
    } while (take_separator());
    if (peek() == '\r') ++at_;
    if (peek() == '\n') ++at_;
    ++line_;
    return row;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\n'; }
  bool ends() const { return peek() == '\n' || (peek() == '\r' && (at_ + 1 >= text_.size() || text_[at_ + 1] == '\n')); }
  bool at_separator() const { return at_ < text_.size() && (text_[at_] == separator_ || (separator_ == ' ' && text_[at_] == '\t')); }

  bool take_separator() {
    if (ends() || !at_separator()) return false;
    ++at_;
    while (separator_ == ' ' && at_separator()) ++at_;
    return !(separator_ == ' ' && ends());
  }

  std::string plain() {
    const std::size_t begin = at_;
    while (!ends() && !at_separator()) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  std::string quoted() {
    std::string cell;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') {
        cell += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        cell += text_[++at_];
      } else {
        ++at_;
        break;
      }
    }
    return cell + plain();
  }

  std::string text_;
  char separator_;
  std::size_t at_ = 0;
  int line_ = 1;
};

bool is_empty(const TextTable::Row& row) {
  return row.cells.size() == 1 && row.cells.front().empty();
}

/// Fails for what would be taken apart wrongly: another encoding, or line ends that are none here.
void check_text(const std::filesystem::path& path, const std::string& text) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff") || text.substr(0, 64).find('\0') != std::string::npos)
    storage::refuse(path, "is UTF-16; valid: UTF-8");
  if (text.find('\r') != std::string::npos && text.find('\n') == std::string::npos)
    storage::refuse(path, "ends its lines with CR alone, as old Macintoshes did; valid: LF, or CR and LF");
}

/// Fails where the first line is one column only because the columns are set apart by another mark.
void check_header(const std::filesystem::path& path, const std::vector<std::string>& header, char separator) {
  if (header.size() != 1) return;
  for (const char other : {';', '\t', '|'})
    if (other != separator && header.front().find(other) != std::string::npos)
      throw storage::Error(storage::ErrorKind::invalid,
                           fmt::format("{}: its columns are set apart by '{}'; valid: commas, or tabs in a file that ends in .tsv",
                                       path.string(), other == '\t' ? std::string("\\t") : std::string(1, other)));
}

}  // namespace

bool TextTable::has(const std::string& name) const {
  return std::find(header.begin(), header.end(), name) != header.end();
}

std::size_t TextTable::column(const std::string& name, const std::string& where) const {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found != header.end()) return static_cast<std::size_t>(found - header.begin());
  throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: no column '{}'{}", where, name, storage::suggestion(name, header)));
}

TextTable read_text_table(const std::filesystem::path& path, char separator) {
  std::string text = storage::read_file(path);
  check_text(path, text);
  Scanner scanner(std::move(text), separator);
  TextTable table;
  while (scanner.more()) {
    TextTable::Row row = scanner.next();
    if (is_empty(row)) continue;
    if (table.header.empty()) {
      check_header(path, row.cells, separator);
      table.header = std::move(row.cells);
    } else if (row.cells.size() != table.header.size())
      table.broken.emplace_back(row.line, fmt::format("has {} columns, not {}", row.cells.size(), table.header.size()));
    else
      table.rows.push_back(std::move(row));
  }
  if (table.header.empty())
    throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: is empty; its first line names the columns", path.string()));
  return table;
}

}  // namespace eval
