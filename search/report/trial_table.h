// The trials of a run with all their nets as one flat table. Used by `nas-run export --to csv|jsonl`.
#pragma once

#include <string>
#include <vector>

#include "storage/repository.h"

namespace search {

/// The columns, in the order of a file: those of the views `trials` and `steps`.
const std::vector<std::string>& trial_table_columns();

/// A row for each step that is done; for a trial without any, one whose columns of a net are null. `last_only`: of each trial only the
/// last.
storage::Json trial_table(const storage::Repository& repository, bool last_only = false);

/// JSON Lines: a row a line.
std::string to_json_lines(const storage::Json& rows);

}  // namespace search
