#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "search/experiment/experiment_reader.h"
#include "search/experiment/quantity.h"

namespace search {

using storage::Option;
using storage::OptionKind;

namespace {

/// A count, or 0 for `auto`.
int read_automatic(YamlReader& section, const std::string& key, const std::string& doc) {
  const std::optional<YamlReader> given = section.find(key, doc);
  if (!given || given->node().text == "auto") return 0;
  return given->read({.name = key, .kind = OptionKind::integer, .doc = "a number, or auto", .min = 1, .max = 1024}).get<int>();
}

/// Bytes; 0 where the key is absent.
std::int64_t read_bytes(YamlReader& section, const std::string& key, const std::string& doc) {
  const std::optional<YamlReader> given = section.find(key, doc);
  if (!given) return 0;
  return given->checked([&] { return parse_bytes(given->node().text); });
}

std::vector<Host> read_hosts(YamlReader& section) {
  static const storage::Options options{
      {.name = "device", .kind = OptionKind::choice, .fallback = "cpu", .doc = "what its stages compute on", .choices = {"cpu", "cuda"}},
      {.name = "slots", .kind = OptionKind::integer, .fallback = 1, .doc = "stages at a time", .min = 1, .max = 1024},
      {.name = "threads", .kind = OptionKind::integer, .fallback = 1, .doc = "threads of a stage", .min = 1, .max = 1024},
      {.name = "gpus",
       .kind = OptionKind::integer,
       .fallback = 1,
       .doc = "with cuda: GPUs that the slots take in turn",
       .min = 1,
       .max = 64},
      {.name = "worker", .kind = OptionKind::text, .fallback = "nas-worker", .doc = "the program there"},
  };
  std::vector<Host> hosts;
  std::vector<std::string> taken;
  const std::optional<YamlReader> given =
      section.find("hosts", "with executor: ssh, the machines: [{name: gpu1, device: cuda, slots: 4}, ...]");
  if (!given) return hosts;
  for (YamlReader& entry : given->items()) {
    const YamlReader name = entry.require("name", "a host, as ssh knows it");
    Host host{.name = name.node().text};
    const auto is_plain = [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '-' || c == '_' || c == '@' || c == ':'; };
    if (host.name.empty() || host.name[0] == '-' || !std::all_of(host.name.begin(), host.name.end(), is_plain))
      name.fail("is no name of a host; valid: letters, digits, '.', '-', '_', '@' and ':'");
    if (std::find(taken.begin(), taken.end(), host.name) != taken.end()) name.fail("is there twice; valid: one entry with more slots");
    taken.push_back(host.name);
    const Json values = entry.values(options);
    entry.finish();
    host.device = values.at("device");
    host.slots = values.at("slots");
    host.threads = values.at("threads");
    host.gpus = values.at("gpus");
    host.worker = values.at("worker");
    hosts.push_back(std::move(host));
  }
  return hosts;
}

SlurmRequest read_slurm(YamlReader section) {
  static const storage::Options options{
      {.name = "seats", .kind = OptionKind::integer, .fallback = 1, .doc = "jobs at a time, each with one worker", .min = 1, .max = 10000},
      {.name = "partition", .kind = OptionKind::text, .fallback = "", .doc = "of sbatch; empty: Slurm's default"},
      {.name = "account", .kind = OptionKind::text, .fallback = "", .doc = "of sbatch"},
      {.name = "time", .kind = OptionKind::text, .fallback = "", .doc = "that a job may take, as sbatch reads it: 4:00:00"},
      {.name = "constraint", .kind = OptionKind::text, .fallback = "", .doc = "of sbatch"},
      {.name = "memory", .kind = OptionKind::text, .fallback = "", .doc = "of a job, as sbatch --mem reads it: 16G"},
      {.name = "gpus_per_seat", .kind = OptionKind::integer, .fallback = 0, .doc = "0: on the CPU", .min = 0, .max = 8},
      {.name = "threads", .kind = OptionKind::integer, .fallback = 1, .doc = "of a stage: cores of a job", .min = 1, .max = 1024},
      {.name = "worker", .kind = OptionKind::text, .fallback = "nas-worker", .doc = "the program on the nodes"},
      {.name = "idle",
       .kind = OptionKind::integer,
       .fallback = 300,
       .doc = "seconds without a stage after which a worker gives its job up",
       .min = 1,
       .max = 86400},
      {.name = "notice",
       .kind = OptionKind::integer,
       .fallback = 60,
       .doc = "seconds before the end of a job at which its stage writes a checkpoint",
       .min = 1,
       .max = 3600},
      {.name = "poll", .kind = OptionKind::integer, .fallback = 30, .doc = "seconds between two calls of squeue", .min = 1, .max = 3600},
      {.name = "delay",
       .kind = OptionKind::integer,
       .fallback = 120,
       .doc = "seconds after which a file that one machine wrote is seen by all",
       .min = 1,
       .max = 3600},
  };
  SlurmRequest request;
  if (const std::optional<YamlReader> extra = section.find("extra", "more arguments of sbatch, as in [--qos=low, --exclusive]"))
    for (const YamlReader& argument : extra->items())
      request.extra.push_back(argument.read({.name = "extra", .kind = OptionKind::text, .doc = "an argument of sbatch"}));
  const Json values = section.values(options);
  section.finish();
  request.seats = values.at("seats");
  request.partition = values.at("partition");
  request.account = values.at("account");
  request.time = values.at("time");
  request.constraint = values.at("constraint");
  request.memory = values.at("memory");
  request.gpus_per_seat = values.at("gpus_per_seat");
  request.threads = values.at("threads");
  request.worker = values.at("worker");
  request.idle_s = values.at("idle");
  request.notice_s = values.at("notice");
  request.poll_s = values.at("poll");
  request.delay_s = values.at("delay");
  return request;
}

}  // namespace

std::int64_t read_duration(YamlReader& section, const std::string& key, std::int64_t fallback, const std::string& doc) {
  const std::optional<YamlReader> given = section.find(key, doc);
  if (!given) return fallback;
  return given->checked([&] { return parse_duration(given->node().text).count(); });
}

Resources read_resources(YamlReader section) {
  static const Option executor_option{
      .name = "executor", .kind = OptionKind::choice, .fallback = "process", .doc = "where stages run", .choices = executor_names()};
  Resources resources;
  resources.executor = section.value(executor_option);
  resources.hosts = read_hosts(section);
  if (const std::optional<YamlReader> slurm = section.find("slurm", "with executor: slurm, what is asked of it")) {
    if (resources.executor != "slurm") slurm->fail("does nothing; valid: with executor: slurm");
    resources.slurm = read_slurm(*slurm);
  }
  if (const std::optional<YamlReader> shared = section.find("shared",
                                                            "with executor: ssh or slurm, a folder that all machines see under this name, "
                                                            "for what stages leave; default: the results (slurm), or none (ssh): "
                                                            "what stages read and leave is copied")) {
    resources.shared = shared->read({.name = "shared", .kind = OptionKind::path, .doc = "a folder"}).get<std::string>();
    if (resources.executor == "process") shared->fail("does nothing; valid: with executor: ssh or slurm");
  }
  if (resources.executor == "ssh" && resources.hosts.empty()) section.fail("has executor: ssh and no hosts; valid: hosts: [{name: ...}]");
  if (resources.executor != "ssh" && !resources.hosts.empty()) section.fail("has hosts, which do nothing; valid: with executor: ssh");
  resources.slots = read_automatic(section, "slots", "stages at a time, or auto: as many as devices, cores and memory allow");
  resources.threads_per_slot = read_automatic(section, "threads_per_slot", "threads of a stage, or auto: one on a CPU");
  if (const std::optional<YamlReader> device =
          section.find("device", fmt::format("{}; auto: all GPUs, or the CPU where there is none", device_forms))) {
    if (!is_device(device->node().text)) device->fail(fmt::format("is not a device; valid: {}", device_forms));
    resources.device = device->node().text;
  }
  resources.cache_limit =
      read_bytes(section, "cache_limit", "bytes that the cache of decoded images may take, as in 50GiB; default: no limit");
  resources.memory_per_trial =
      read_bytes(section, "memory_per_trial", "memory of a stage, as in 6GiB, by which slots are counted; default: not counted");
  if (std::optional<YamlReader> deterministic =
          section.find("deterministic", "on GPUs too results repeat bit for bit, by slower kernels; on a CPU they always do")) {
    resources.deterministic = deterministic->read({.name = "deterministic", .kind = OptionKind::boolean, .fallback = false});
    if (resources.device == "cpu") deterministic->fail("does nothing; valid: with a device other than cpu, where results repeat anyway");
  }
  section.finish();
  return resources;
}

Reliability read_reliability(YamlReader section) {
  static const storage::Options retries_options{
      {.name = "oom", .kind = OptionKind::integer, .fallback = 1, .doc = "retries after running out of memory", .min = 0, .max = 100},
      {.name = "crash", .kind = OptionKind::integer, .fallback = 2, .doc = "retries after a crash", .min = 0, .max = 100},
      {.name = "lost", .kind = OptionKind::integer, .fallback = 3, .doc = "retries after a worker was lost", .min = 0, .max = 100},
      {.name = "timeout", .kind = OptionKind::integer, .fallback = 0, .doc = "retries after a stage took too long", .min = 0, .max = 100},
  };
  static const Option max_failures_option{.name = "max_failures",
                                          .kind = OptionKind::integer,
                                          .fallback = 0,
                                          .doc = "failed stages that end the run; 0: no limit",
                                          .min = 0,
                                          .max = 1e6};
  static const Option checkpoint_option{.name = "checkpoint_every",
                                        .kind = OptionKind::choice,
                                        .fallback = "epoch",
                                        .doc = "how often training can go on from",
                                        .choices = {"epoch"}};
  Reliability reliability;
  reliability.max_failures = section.value(max_failures_option);
  reliability.trial_timeout_s =
      read_duration(section, "trial_timeout", 0, "a stage that takes longer is ended, as in 2h; default: no limit");
  reliability.heartbeat_timeout_s = read_duration(section, "heartbeat_timeout", reliability.heartbeat_timeout_s,
                                                  "a worker that is silent for longer is ended; default: 60s");
  section.value(checkpoint_option);
  YamlReader retries = section.section("retries", "how often a stage runs again, by how it failed");
  reliability.retries = retries.values(retries_options).get<std::map<std::string, int>>();
  retries.finish();
  section.finish();
  return reliability;
}

const std::vector<std::string>& executor_names() {
  static const std::vector<std::string> names{"process", "ssh", "slurm"};
  return names;
}

}  // namespace search
