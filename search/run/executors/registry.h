// The executors by name, as `resources.executor` and `--executor` give it. Used by `nas-run run`.
#pragma once

#include <memory>

#include "search/experiment/experiment.h"
#include "search/run/executors/process.h"

namespace search {

/// That which resources.executor names. Throws storage::Error(invalid) for a name that none has, and what the executor throws.
std::unique_ptr<Executor> make_executor(const Resources& resources, ProcessOptions options);

}  // namespace search
