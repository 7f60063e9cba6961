// One stored trial, as `show` and `export` find it.
#pragma once

#include <string>

#include "storage/repository.h"

namespace search::cli {

/// The row of `trials` with `steps`, the rows of `steps` that are done, in order.
/// Throws storage::Error(usage) where there is no such trial.
storage::Json find_trial(const storage::Repository& repository, const std::string& number_or_name);

}  // namespace search::cli
