#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <thread>

#include "eval/data/image_cache.h"
#include "search/cli/commands.h"
#include "search/run/machine.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/repository.h"

namespace search::cli {

namespace {

struct Options {
  std::filesystem::path directory;
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

std::vector<Finding> examine(const Options& options) {
  const std::filesystem::path place = options.directory.empty() ? std::filesystem::current_path() : options.directory;
  std::vector<Finding> findings;
  findings.push_back({"nas-run", NAS_VERSION, ""});
  findings.push_back(find_out("worker", [] {
    const std::filesystem::path worker = require_worker();
    const Json about = worker_devices(worker);
    return fmt::format("{}, LibTorch {}, ONNX Runtime {}, {} CUDA devices", worker.string(), about.value("libtorch", "unknown"),
                       about.value("onnxruntime", "") == "" ? "not found" : about.value("onnxruntime", ""), about.value("cuda", 0));
  }));
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

int doctor(const Options& options) {
  int exit = exit_done;
  Json rows = Json::array();
  for (const Finding& finding : examine(options)) {
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
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("doctor", "look at versions, devices, cores, memory, disk and, with DIR, the database of a run");
  command->add_option("DIR", options->directory, "a results directory");
  command->add_flag("--json", options->json, "one JSON document");
  command->footer("Examples:\n  nas-run doctor\n  nas-run doctor results/fashion_mnist --json");
  command->callback([options, &action] { action = [options] { return doctor(*options); }; });
}

}  // namespace search::cli
