#include "search/run/executors/process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "search/run/executors/pipe_channel.h"
#include "search/run/executors/worker_pool.h"
#include "search/run/machine.h"
#include "storage/base/file.h"

namespace search {

namespace {

/// What a worker has to see so that `cuda:I` is its only GPU: the I-th of those that this process may use.
std::string visible_gpu(const std::string& device) {
  const std::string_view number = std::string_view(device).substr(device.find(':') + 1);
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible == nullptr) return std::string(number);
  int index = 0;
  std::from_chars(number.data(), number.data() + number.size(), index);
  std::string_view rest(visible);
  for (; index > 0 && rest.find(',') != std::string_view::npos; --index) rest.remove_prefix(rest.find(',') + 1);
  return std::string(rest.substr(0, rest.find(',')));
}

class ProcessLauncher : public Launcher {
 public:
  explicit ProcessLauncher(ProcessOptions options) : options_(std::move(options)) {}

  std::unique_ptr<Channel> launch(int slot) override {
    const Slot& place = options_.slots.at(static_cast<std::size_t>(slot));
    const bool gpu = place.device != "cpu";
    const Command command{
        .program = options_.worker,
        .arguments = {"--threads", std::to_string(place.threads), "--device", gpu ? "cuda" : "cpu", "--parent", std::to_string(::getpid())},
        .environment = {{"OMP_NUM_THREADS", std::to_string(place.threads)},
                        {"OMP_WAIT_POLICY", "passive"},
                        {"GOMP_SPINCOUNT", "0"},
                        {"CUDA_VISIBLE_DEVICES", gpu ? visible_gpu(place.device) : ""}}};
    return std::make_unique<PipeChannel>(command, options_.directory / "log" / fmt::format("worker-{}.log", slot));
  }

 private:
  ProcessOptions options_;
};

}  // namespace

std::unique_ptr<Executor> make_process_executor(ProcessOptions options) {
  storage::make_directory(options.directory / "log");
  PoolOptions pool{.slots = options.slots,
                   .directories = std::vector<std::string>(options.slots.size(), options.directory.string()),
                   .heartbeat_timeout = options.heartbeat_timeout};
  for (Slot& slot : pool.slots) slot.host = host_name();
  return make_worker_pool(std::move(pool), std::make_unique<ProcessLauncher>(std::move(options)));
}

}  // namespace search
