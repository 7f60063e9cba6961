#include "search/report/table_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace search {

namespace {

std::size_t letters(const std::string& text) {  // every byte but those that go on with a letter
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](unsigned char byte) { return (byte & 0xC0) != 0x80; }));
}

}  // namespace

std::string aligned(const std::vector<std::vector<std::string>>& table, Side side) {
  std::vector<std::size_t> widths;
  for (const auto& cells : table) {
    widths.resize(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], letters(cells[i]));
  }
  std::string text;
  for (const auto& cells : table) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string space(widths[i] - letters(cells[i]), ' ');
      line += (i > 0 ? "  " : "") + (i > 0 && side == Side::right ? space + cells[i] : cells[i] + space);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string text_of(const storage::Json& value) {
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

std::string percent(const eval::Summary& shares, int digits) {
  const std::string mean = fmt::format("{:.{}f}", 100 * shares.mean, digits);
  return shares.interval ? fmt::format("{} ± {:.{}f}", mean, 50 * (shares.interval->high - shares.interval->low), digits) : mean;
}

std::string short_number(double value) {
  if (value >= 1e9) return fmt::format("{:.2f} G", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.2f} M", value / 1e6);
  if (value >= 1e3) return fmt::format("{:.1f} k", value / 1e3);
  return fmt::format("{:.0f}", value);
}

}  // namespace search
