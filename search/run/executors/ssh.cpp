#include "search/run/executors/ssh.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "search/run/executors/pipe_channel.h"
#include "search/run/executors/shared_results.h"
#include "search/run/executors/worker_pool.h"
#include "search/run/machine.h"
#include "storage/base/error.h"
#include "storage/base/file.h"

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;

/// ssh without questions, which ends where the host has not answered for a minute. The remote shell reads `remote`.
Command over_ssh(const Host& host, const std::string& remote) {
  const char* given = std::getenv("NAS_SSH");
  return {.program = given != nullptr && *given != '\0' ? given : "ssh",
          .arguments = {"-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15", "-o",
                        "ServerAliveCountMax=4", host.name, remote},
          .environment = {}};
}

/// Throws Error(environment) where the host's worker does not say what it has, or has too little; ssh has said why by then.
void check_host(const Host& host) {
  const std::string remote = shell_quoted(host.worker) + " --devices";
  const Command command = over_ssh(host, remote);
  std::string line = shell_quoted(command.program.string());
  for (const std::string& argument : command.arguments) line += " " + shell_quoted(argument);
  const std::optional<std::string> answer = output_of(line);
  if (!answer)
    throw Error(
        ErrorKind::environment,
        fmt::format("host {}: '{}' fails there through ssh; valid: a host that 'ssh -o BatchMode=yes {}' reaches without a question, "
                    "with this nas-run's worker (hosts: [{{worker: /path/to/nas-worker}}])",
                    host.name, remote, host.name));
  const std::optional<Json> devices = devices_from(*answer);
  if (!devices)
    throw Error(ErrorKind::environment, fmt::format("host {}: {} --devices does not answer as a worker does", host.name, host.worker));
  if (const int gpus = devices->at("cuda"); host.device == "cuda" && gpus < host.gpus)
    throw Error(ErrorKind::environment, fmt::format("host {}: its worker can use {} GPUs; {} are asked for", host.name, gpus, host.gpus));
}

/// The line by which the remote shell becomes a slot's worker.
std::string remote_worker(const Host& host, const Slot& slot) {
  return worker_line(host.worker, slot, worker_environment(slot, gpu_number(slot.device))) + " --events 1";
}

}  // namespace

std::unique_ptr<Executor> make_ssh_executor(const Resources& resources, ProcessOptions options) {
  for (const Host& host : resources.hosts) check_host(host);
  storage::make_directory(options.directory / "log");
  const std::string results = shared_results(options.directory, resources.shared).string();
  return make_worker_pool({options.slots, results, options.heartbeat_timeout}, [hosts = resources.hosts, options](int slot) {
    const Slot& place = options.slots.at(static_cast<std::size_t>(slot));
    const auto host = std::find_if(hosts.begin(), hosts.end(), [&](const Host& each) { return each.name == place.host; });
    if (host == hosts.end()) throw Error(ErrorKind::internal, fmt::format("slot {} is on no host", slot));
    return std::make_unique<PipeChannel>(over_ssh(*host, remote_worker(*host, place)),
                                         options.directory / "log" / fmt::format("worker-{}.log", slot), /*local=*/false);
  });
}

}  // namespace search
