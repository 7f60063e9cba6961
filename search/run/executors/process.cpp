#include "search/run/executors/process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "search/run/controller_link.h"
#include "search/run/executors/pipe_channel.h"
#include "search/run/executors/worker_command.h"
#include "search/run/executors/worker_pool.h"
#include "storage/base/file.h"

namespace search {

namespace {

/// What a worker has to see so that `cuda:I` is its only GPU: the I-th of those that this process may use.
std::string visible_gpu(const std::string& device) {
  const std::string number = gpu_number(device);
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (number.empty() || visible == nullptr) return number;
  int index = 0;
  std::from_chars(number.data(), number.data() + number.size(), index);
  std::string_view rest(visible);
  for (; index > 0 && rest.find(',') != std::string_view::npos; --index) rest.remove_prefix(rest.find(',') + 1);
  return std::string(rest.substr(0, rest.find(',')));
}

}  // namespace

std::unique_ptr<Executor> make_process_executor(ProcessOptions options) {
  storage::make_directory(options.directory / "log");
  for (Slot& slot : options.slots) slot.host = here().host;
  return make_worker_pool({options.slots, options.directory.string(), options.heartbeat_timeout}, [options](int slot) {
    const Slot& place = options.slots.at(static_cast<std::size_t>(slot));
    const auto environment = worker_environment(place, visible_gpu(place.device));
    Command command{options.worker, worker_arguments(place), {environment.begin(), environment.end()}};
    command.arguments.insert(command.arguments.end(), {"--parent", std::to_string(::getpid())});
    return std::make_unique<PipeChannel>(command, options.directory / "log" / fmt::format("worker-{}.log", slot));
  });
}

}  // namespace search
