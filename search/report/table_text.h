// Tables for a terminal. Used by the summary of a run and by the commands that list rows.
#pragma once

#include <string>
#include <vector>

#include "eval/statistics.h"
#include "storage/base/json.h"

namespace search {

enum class Side { left, right };

/// The rows of cells as lines, two spaces between columns. The first column keeps to the left, the others to `side`. What counts is letters
/// of UTF-8, not bytes. All rows have as many cells as the first.
std::string aligned(const std::vector<std::vector<std::string>>& table, Side side);

/// A text as it is, nothing for null, anything else as JSON.
std::string text_of(const storage::Json& value);

/// Of shares of 1, "88.6 ± 0.3": the mean in % and half of its 95 % interval, which is left out where there is none.
std::string percent(const eval::Summary& shares, int digits);

/// "19.60 M", "92.3 k", "512".
std::string short_number(double value);

}  // namespace search
