// The text of the summary, declared in summary.h.
#include <fmt/format.h>

#include "search/report/summary.h"
#include "search/report/table_text.h"

namespace search {

namespace {

using Cells = std::vector<std::string>;

Cells cells_of(const SummaryRow& row) {
  if (row.seeds == 0) return {row.what, fmt::format("0 of {}", row.of_seeds), "none", "", "", "", "", ""};
  return {row.what,
          row.seeds == row.of_seeds ? std::to_string(row.seeds) : fmt::format("{} of {}", row.seeds, row.of_seeds),
          fmt::format("{:.2f}", 100 * row.accuracy_val),
          percent(row.accuracy_test, 2),
          short_number(row.params),
          fmt::format("{:.3f}", row.params_ratio),
          short_number(row.macs),
          fmt::format("{:.3f}", row.macs_ratio)};
}

}  // namespace

std::string to_table(const std::vector<SummaryRow>& rows) {
  const Cells head{"", "seeds", "val %", "test % (± 95 %)", "params", "of base", "MACs", "of base"};
  std::string text;
  for (std::size_t i = 0; i < rows.size();) {
    const SummaryRow& first = rows[i];
    std::vector<Cells> table{head};
    for (; i < rows.size() && rows[i].task == first.task && rows[i].net == first.net; ++i) table.push_back(cells_of(rows[i]));
    text += fmt::format("{}{} / {}\n{}", text.empty() ? "" : "\n", first.task, first.net, aligned(table, Side::right));
  }
  return text;
}

}  // namespace search
