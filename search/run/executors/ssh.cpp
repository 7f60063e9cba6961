#include "search/run/executors/ssh.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "search/run/executors/copying_channel.h"
#include "search/run/executors/pipe_channel.h"
#include "search/run/executors/probe.h"
#include "search/run/executors/shared_results.h"
#include "search/run/executors/worker_command.h"
#include "search/run/executors/worker_pool.h"
#include "search/run/machine.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/shell.h"
#include "storage/base/time.h"

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

/// What a line of the host's shell prints, or nothing where it fails there; ssh has said why by then.
std::optional<std::string> output_on(const Host& host, const std::string& remote) {
  const Command command = over_ssh(host, remote);
  std::string line = storage::shell_quoted(command.program.string());
  for (const std::string& argument : command.arguments) line += " " + storage::shell_quoted(argument);
  return output_of(line);
}

/// What the host's worker says that it has. Throws Error(environment) where it does not say, or has too little.
Json checked_devices(const Host& host) {
  const std::string remote = storage::shell_quoted(host.worker) + " --devices";
  const std::optional<std::string> answer = output_on(host, remote);
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
  return *devices;
}

/// The line by which the remote shell becomes a slot's worker. `copies`: it shares no disk with this machine.
std::string remote_worker(const Host& host, const Slot& slot, bool copies) {
  return worker_line(host.worker, slot, worker_environment(slot, gpu_number(slot.device))) + " --events 1" +
         (copies ? " --copies .cache/nas-run/copies" : "");  // of the home, where ssh begins
}

}  // namespace

Probe probe_host(const Host& host, const std::filesystem::path& shared) {
  Probe probe{.host = host.name, .devices = checked_devices(host)};
  if (shared.empty()) return probe;
  storage::make_directory(shared);
  const storage::TemporaryNeighbour file(std::filesystem::absolute(shared) / "doctor");
  storage::write_file(file.path(), host.name);
  const auto start = std::chrono::steady_clock::now();
  if (output_on(host, "cat " + storage::shell_quoted(file.path().string())) != host.name)
    throw Error(ErrorKind::environment,
                fmt::format("host {} does not see a file that was written here in {}; valid: resources.shared, a folder that all see "
                            "under one name",
                            host.name, shared.string()));
  probe.shared_s = storage::seconds_since(start);
  return probe;
}

std::unique_ptr<Executor> make_ssh_executor(const Resources& resources, ProcessOptions options) {
  for (const Host& host : resources.hosts) checked_devices(host);
  storage::make_directory(options.directory / "log");
  const bool copies = resources.shared.empty();
  const std::string results = copies ? "" : shared_results(options.directory, resources.shared).string();
  return make_worker_pool({options.slots, results, options.heartbeat_timeout}, [hosts = resources.hosts, options, copies](int slot) {
    const Slot& place = options.slots.at(static_cast<std::size_t>(slot));
    const auto host = std::find_if(hosts.begin(), hosts.end(), [&](const Host& each) { return each.name == place.host; });
    if (host == hosts.end()) throw Error(ErrorKind::internal, fmt::format("slot {} is on no host", slot));
    std::unique_ptr<Channel> channel =
        std::make_unique<PipeChannel>(over_ssh(*host, remote_worker(*host, place, copies)),
                                      options.directory / "log" / fmt::format("worker-{}.log", slot), /*local=*/false);
    if (copies) channel = std::make_unique<CopyingChannel>(std::move(channel), options.directory / "artifacts");
    return channel;
  });
}

}  // namespace search
