// The executors by name, as `resources.executor` and `--executor` give it. Used by `nas-run run`.
#pragma once

#include <memory>
#include <string>

#include "search/run/executors/process.h"

namespace search {

/// Throws storage::Error(invalid) for a name that none has.
std::unique_ptr<Executor> make_executor(const std::string& name, ProcessOptions options);

}  // namespace search
