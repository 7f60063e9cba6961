#include "search/run/executors/registry.h"

#include <fmt/format.h>

#include <utility>

#include "search/experiment/experiment.h"
#include "storage/base/error.h"
#include "storage/base/option.h"

namespace search {

std::unique_ptr<Executor> make_executor(const std::string& name, ProcessOptions options) {
  if (name == "process") return make_process_executor(std::move(options));
  throw storage::Error(storage::ErrorKind::invalid,
                       fmt::format("executor '{}' is not known{}", name, storage::suggestion(name, executor_names())));
}

}  // namespace search
