#include "search/run/executors/registry.h"

#include <array>
#include <utility>

#include "storage/base/named.h"

namespace search {

namespace {

struct Row {
  const char* name;
  std::unique_ptr<Executor> (*make)(ProcessOptions options);
};

constexpr std::array rows{Row{"process", make_process_executor}};

}  // namespace

std::unique_ptr<Executor> make_executor(const std::string& name, ProcessOptions options) {
  return storage::find_named(rows, name, "executor", &Row::name).make(std::move(options));
}

}  // namespace search
