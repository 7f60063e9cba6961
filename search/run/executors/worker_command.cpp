#include "search/run/executors/worker_command.h"

#include <fmt/format.h>

#include "storage/base/shell.h"

namespace search {

Environment sleeping_threads() {
  return {{"OMP_WAIT_POLICY", "passive"}, {"GOMP_SPINCOUNT", "0"}};
}

Environment worker_environment(const Slot& slot, const std::string& gpus) {
  Environment environment = sleeping_threads();
  environment.emplace(environment.begin(), "OMP_NUM_THREADS", std::to_string(slot.threads));
  if (slot.deterministic) environment.emplace_back("CUBLAS_WORKSPACE_CONFIG", ":4096:8");
  environment.emplace_back("CUDA_VISIBLE_DEVICES", gpus);
  return environment;
}

std::vector<std::string> worker_arguments(const Slot& slot) {
  std::vector<std::string> arguments{"--threads", std::to_string(slot.threads), "--device", slot.device == "cpu" ? "cpu" : "cuda"};
  if (slot.deterministic) arguments.emplace_back("--deterministic");
  return arguments;
}

std::string worker_line(const std::string& program, const Slot& slot, const Environment& environment) {
  std::string line = "exec env";
  for (const auto& [name, value] : environment) line += fmt::format(" {}={}", name, value);
  return fmt::format("{} {} {}", line, storage::shell_quoted(program), fmt::join(worker_arguments(slot), " "));
}

std::string gpu_number(const std::string& device) {
  return device == "cpu" ? "" : device.substr(device.find(':') + 1);
}

}  // namespace search
