#include "search/run/executors/ssh.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "search/run/executors/pipe_channel.h"
#include "search/run/executors/worker_pool.h"
#include "storage/base/error.h"
#include "storage/base/file.h"

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;

std::string quoted(const std::string& text) {
  std::string safe = "'";
  for (const char letter : text) safe += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return safe + "'";
}

/// ssh without questions, which ends where the host has not answered for a minute. The remote shell reads `remote`.
Command over_ssh(const Host& host, const std::string& remote) {
  const char* given = std::getenv("NAS_SSH");
  return {.program = given != nullptr && *given != '\0' ? given : "ssh",
          .arguments = {"-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15", "-o",
                        "ServerAliveCountMax=4", host.name, remote},
          .environment = {}};
}

/// What a command prints on a host. Throws Error(environment) with the host where it fails; ssh has said why by then.
std::string output_on(const Host& host, const std::string& remote) {
  const Command command = over_ssh(host, remote);
  std::string line = quoted(command.program.string());
  for (const std::string& argument : command.arguments) line += " " + quoted(argument);
  std::FILE* output = ::popen(line.c_str(), "re");
  std::string text;
  std::array<char, 4096> buffer;
  while (output != nullptr && std::fgets(buffer.data(), static_cast<int>(buffer.size()), output) != nullptr) text += buffer.data();
  if (output == nullptr || ::pclose(output) != 0)
    throw Error(
        ErrorKind::environment,
        fmt::format("host {}: '{}' fails there through ssh; valid: a host that 'ssh -o BatchMode=yes {}' reaches without a question, "
                    "with this nas-run's worker (hosts: [{{worker: /path/to/nas-worker}}])",
                    host.name, remote, host.name));
  return text;
}

void check_host(const Host& host) {
  const Json devices = Json::parse(output_on(host, quoted(host.worker) + " --devices"), nullptr, /*allow_exceptions=*/false);
  const bool answers = devices.is_object() && devices.contains("cuda") && devices.at("cuda").is_number_unsigned();
  if (!answers)
    throw Error(ErrorKind::environment, fmt::format("host {}: {} --devices does not answer as a worker does", host.name, host.worker));
  if (const int gpus = devices.at("cuda"); host.device == "cuda" && gpus < host.gpus)
    throw Error(ErrorKind::environment, fmt::format("host {}: its worker can use {} GPUs; {} are asked for", host.name, gpus, host.gpus));
}

/// Where workers find the results: the folder itself, or a shared one that it then links to.
std::filesystem::path shared_results(const std::filesystem::path& directory, const std::filesystem::path& shared) {
  if (shared.empty()) return std::filesystem::absolute(directory);
  const std::filesystem::path results = std::filesystem::absolute(shared / std::filesystem::absolute(directory).filename());
  for (const char* part : {"artifacts", "checkpoints"}) {
    const std::filesystem::path here = directory / part, there = results / part;
    storage::make_directory(there);
    if (std::filesystem::is_symlink(here) && std::filesystem::read_symlink(here) == there) continue;
    if (std::filesystem::exists(std::filesystem::symlink_status(here)) &&
        (std::filesystem::is_symlink(here) || !std::filesystem::is_empty(here)))
      throw Error(ErrorKind::invalid,
                  fmt::format("{} lies elsewhere than resources.shared says, in {}; valid: another folder for the results (-o)",
                              here.string(), there.string()));
    std::filesystem::remove(here);
    std::filesystem::create_directory_symlink(there, here);
  }
  return results;
}

class SshLauncher : public Launcher {
 public:
  SshLauncher(std::vector<Host> hosts, ProcessOptions options) : hosts_(std::move(hosts)), options_(std::move(options)) {}

  std::unique_ptr<Channel> launch(int slot) override {
    const Slot& place = options_.slots.at(static_cast<std::size_t>(slot));
    const auto found = std::find_if(hosts_.begin(), hosts_.end(), [&](const Host& each) { return each.name == place.host; });
    if (found == hosts_.end()) throw Error(ErrorKind::internal, fmt::format("slot {} is on no host", slot));
    const Host& host = *found;
    const bool gpu = place.device != "cpu";
    const std::string visible = gpu ? place.device.substr(place.device.find(':') + 1) : "";
    const std::string remote = fmt::format(
        "exec env OMP_NUM_THREADS={} OMP_WAIT_POLICY=passive GOMP_SPINCOUNT=0 CUDA_VISIBLE_DEVICES={} {} --threads {} --device {} --events "
        "1",
        place.threads, visible, quoted(host.worker), place.threads, gpu ? "cuda" : "cpu");
    return std::make_unique<PipeChannel>(over_ssh(host, remote), options_.directory / "log" / fmt::format("worker-{}.log", slot),
                                         /*local=*/false);
  }

 private:
  std::vector<Host> hosts_;
  ProcessOptions options_;
};

}  // namespace

std::unique_ptr<Executor> make_ssh_executor(const Resources& resources, ProcessOptions options) {
  for (const Host& host : resources.hosts) check_host(host);
  storage::make_directory(options.directory / "log");
  const std::string results = shared_results(options.directory, resources.shared).string();
  PoolOptions pool{.slots = options.slots,
                   .directories = std::vector<std::string>(options.slots.size(), results),
                   .heartbeat_timeout = options.heartbeat_timeout};
  return make_worker_pool(std::move(pool), std::make_unique<SshLauncher>(resources.hosts, std::move(options)));
}

}  // namespace search
