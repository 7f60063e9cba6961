// An experiment that makes one trial alone again, from what is stored of its stages. Used by `nas-run show`.
#pragma once

#include <string>

#include "storage/repository.h"

namespace search {

struct Again {
  std::string yaml;        ///< the experiment; its stages have the fingerprints of the trial's
  std::string reason;      ///< else: why no experiment makes just this trial
  std::string arithmetic;  ///< in what its base was trained, as in "bf16, 1 thread"; "" where it was not
};

/// `trial`: a row of `trials` with its `steps`. Data and weights are named by the absolute paths where they lay. Of a cross-validation, all
/// folds are made.
Again run_again(const storage::Repository& repository, const storage::Json& trial);

}  // namespace search
