#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <thread>

#include "eval/data/image_cache.h"
#include "search/cli/commands.h"
#include "search/cli/request.h"
#include "search/run/executors/probe.h"
#include "search/run/machine.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/repository.h"

namespace search::cli {

namespace {

struct DoctorOptions {
  std::filesystem::path directory;  ///< of results, or with `executor` the experiment
  std::string executor;
  int patience = 120;
  bool json = false;
};

/// One thing looked at: what was found, and what is wrong with it ("" where nothing is).
struct Finding {
  std::string what, found, problem;
  int exit = exit_done;
};

Finding find_out(const std::string& what, const std::function<std::string()>& look) {
  try {
    return {what, look(), ""};
  } catch (const storage::Error& error) {
    return {what, "", error.what(), storage::exit_code(error.kind())};
  }
}

std::string mebibytes(std::uintmax_t bytes) {
  return fmt::format("{} MiB", bytes >> 20);
}

/// How often this disk makes a small file durable: what each stage's record costs at most.
std::string sync_rate(const std::filesystem::path& directory) {
  const auto start = std::chrono::steady_clock::now();
  const storage::TemporaryNeighbour probe(directory / "probe");
  int writes = 0;
  std::chrono::duration<double> passed{};
  for (; passed.count() < 0.3; ++writes, passed = std::chrono::steady_clock::now() - start) storage::write_file(probe.path(), "probe");
  return fmt::format("{:.0f} durable files a second", writes / passed.count());
}

/// Matrix products below this are those of the reference BLAS, which Debian's LibTorch has where no other is installed.
constexpr double slow_gflops = 8;

std::string matrix_speed(double gflops) {
  const char* advice = gflops < slow_gflops ? ": lda over thousands of neurons will be slow; Debian's libopenblas0-openmp multiplies ten "
                                              "times as fast, and changes results in their last digits"
                                            : "";
  return fmt::format("{:.1f} GFLOP/s by one thread{}", gflops, advice);
}

std::vector<Finding> examine(const DoctorOptions& options) {
  const std::filesystem::path place = options.directory.empty() ? std::filesystem::current_path() : options.directory;
  std::vector<Finding> findings;
  findings.push_back({"nas-run", NAS_VERSION, ""});
  findings.push_back(find_out("worker", [] {
    const std::filesystem::path worker = require_worker();
    const Json about = worker_devices(worker, /*runtimes=*/true);
    return fmt::format("{}, LibTorch {}, ONNX Runtime {}, {} CUDA devices", worker.string(), about.value("libtorch", "unknown"),
                       about.value("onnxruntime", "") == "" ? "not found" : about.value("onnxruntime", ""), about.value("cuda", 0));
  }));
  findings.push_back(find_out("matrices", [] { return matrix_speed(ask_worker({{"command", "matrices"}}, /*threads=*/1).at("gflops")); }));
  findings.push_back({"cores", fmt::format("{} of {} that the machine has", allowed_cores(), std::thread::hardware_concurrency()), ""});
  findings.push_back({"memory", fmt::format("{} available", mebibytes(static_cast<std::uintmax_t>(available_memory()))), ""});
  findings.push_back(find_out("slots", [] {
    const std::vector<Slot> slots = plan_slots(Resources(), require_worker());
    return fmt::format("{} of {} threads on {}", slots.size(), slots.front().threads, slots.front().device);
  }));
  findings.push_back(find_out("disk", [&] {
    return fmt::format("{} free at {}, {}", mebibytes(std::filesystem::space(place).available), place.string(), sync_rate(place));
  }));
  findings.push_back(find_out("image cache", [] {
    std::int64_t bytes = 0;
    for (const eval::CachedSet& set : eval::cached_sets()) bytes += set.bytes;
    return fmt::format("{} in {}", mebibytes(static_cast<std::uintmax_t>(bytes)), eval::image_cache_folder().string());
  }));
  if (!options.directory.empty())
    findings.push_back(find_out("database", [&] {
      const std::string check = storage::Repository(options.directory, storage::Repository::Access::read).check();
      if (check != "ok") throw storage::Error(storage::ErrorKind::storage, check);
      return std::string("ok");
    }));
  return findings;
}

std::string in_words(const Probe& probe) {
  std::string text =
      fmt::format("{}: nas-worker {}, LibTorch {}, {} CUDA devices, {} cores", probe.host, probe.devices.value("version", "?"),
                  probe.devices.value("libtorch", "?"), probe.devices.value("cuda", 0), probe.devices.value("cores", 0));
  if (probe.queued_s > 0) text += fmt::format("; {:.1f} s from sbatch to its first word", probe.queued_s);
  if (probe.shared_s > 0) text += fmt::format("; {:.2f} s through the shared folder and back", probe.shared_s);
  return text;
}

/// What was found on another machine; a worker of another version, or without the GPUs that are asked for, is a problem.
Finding judge(const std::string& what, int gpus, const std::function<Probe()>& look) {
  return find_out(what, [&] {
    const Probe probe = look();
    if (const std::string version = probe.devices.value("version", "?"); version != NAS_VERSION)
      throw storage::Error(storage::ErrorKind::environment, fmt::format("{} has nas-worker {}, and this is nas-run {}; valid: one version",
                                                                        probe.host, version, NAS_VERSION));
    if (const int seen = probe.devices.value("cuda", 0); seen < gpus)
      throw storage::Error(storage::ErrorKind::environment,
                           fmt::format("the worker on {} can use {} GPUs, and {} are asked for", probe.host, seen, gpus));
    return in_words(probe);
  });
}

std::vector<Finding> examine_executor(const DoctorOptions& options) {
  const ExperimentArguments named{.file = options.directory};
  const Experiment experiment = load(named);
  Resources resources = experiment.resources;
  if (options.executor == "slurm" && resources.shared.empty()) resources.shared = results_directory(named, experiment);
  if (options.executor == "ssh" && resources.hosts.empty())
    throw storage::Error(storage::ErrorKind::invalid,
                         fmt::format("{}: the experiment names no hosts; valid: resources: {{hosts: [...]}}", options.directory.string()));
  std::vector<Finding> findings{{"nas-run", NAS_VERSION, ""}};
  if (!resources.shared.empty())
    findings.push_back(find_out("shared", [&] {
      storage::make_directory(resources.shared);
      const std::string kind = storage::network_file_system(resources.shared);
      return fmt::format("{} free at {} ({}), {}", mebibytes(std::filesystem::space(resources.shared).available), resources.shared.string(),
                         kind.empty() ? "seems local" : kind, sync_rate(resources.shared));
    }));
  if (options.executor == "slurm")
    findings.push_back(
        judge("slurm", resources.slurm.gpus_per_seat, [&] { return probe_slurm(resources, std::chrono::seconds(options.patience)); }));
  for (const Host& host : resources.hosts)
    if (options.executor == "ssh")
      findings.push_back(
          judge("host " + host.name, host.device == "cuda" ? host.gpus : 0, [&] { return probe_host(host, resources.shared); }));
  return findings;
}

int doctor(const DoctorOptions& options) {
  int exit = exit_done;
  Json rows = Json::array();
  for (const Finding& finding : options.executor.empty() ? examine(options) : examine_executor(options)) {
    rows.push_back({{"what", finding.what}, {"found", finding.found}, {"problem", finding.problem}});
    if (finding.exit != exit_done) exit = finding.exit;
    if (options.json) continue;
    fmt::print("{:<12} {}\n", finding.what, finding.problem.empty() ? finding.found : "PROBLEM: " + finding.problem);
  }
  if (options.json) print_json(rows);
  return exit;
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  const auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = app.add_subcommand("doctor",
                                         "look at versions, devices, cores, memory, disk and, with DIR, the database of a run; or at the "
                                         "machines on which an experiment would run");
  CLI::Option* what = command->add_option("DIR", options->directory, "a results directory; with --executor an experiment's file");
  command->add_option("--executor", options->executor, "ssh: ask each host; slurm: send a small job; both: is the shared folder seen there")
      ->check(CLI::IsMember({"ssh", "slurm"}))
      ->needs(what);
  command->add_option("--patience", options->patience, "seconds that the job of slurm may wait; default 120")->check(CLI::Range(1, 86400));
  command->add_flag("--json", options->json, "one JSON document");
  command->footer(
      "Examples:\n  nas-run doctor\n  nas-run doctor results/fashion_mnist --json\n  nas-run doctor --executor slurm EXPERIMENT.yaml");
  command->callback([options, &action] { action = [options] { return doctor(*options); }; });
}

}  // namespace search::cli
