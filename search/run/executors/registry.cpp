#include "search/run/executors/registry.h"

#include <array>
#include <utility>

#include "search/run/executors/slurm.h"
#include "search/run/executors/ssh.h"
#include "storage/base/named.h"

namespace search {

namespace {

struct Row {
  const char* name;
  std::unique_ptr<Executor> (*make)(const Resources& resources, ProcessOptions options);
};

constexpr std::array rows{
    Row{"process", [](const Resources&, ProcessOptions options) { return make_process_executor(std::move(options)); }},
    Row{"ssh", make_ssh_executor},
    Row{"slurm", make_slurm_executor},
};

}  // namespace

std::unique_ptr<Executor> make_executor(const Resources& resources, ProcessOptions options) {
  return storage::find_named(rows, resources.executor, "executor", &Row::name).make(resources, std::move(options));
}

}  // namespace search
