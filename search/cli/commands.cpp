#include "search/cli/commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string_view>

#include "search/cli/printable.h"
#include "search/cli/request.h"
#include "search/run/machine.h"
#include "storage/base/error.h"

namespace search::cli {

void add_override_option(CLI::App& command, ExperimentArguments& arguments) {
  command
      .add_option("-s,--set", arguments.overrides,
                  "key.path=value: overrides a value of the file, as in -s train.epochs=3 or -s nets.0.width=0.5")
      ->allow_extra_args(false);
}

void add_experiment_arguments(CLI::App& command, ExperimentArguments& arguments) {
  command.add_option("EXPERIMENT.yaml", arguments.file, "the experiment")->required();
  add_override_option(command, arguments);
  command.add_option("-o,--output", arguments.output,
                     "directory of the results; default: results/<name>, beside the folder of the file where that is called experiments, "
                     "else in the current directory");
}

Experiment load(const ExperimentArguments& arguments) {
  std::vector<Override> overrides;
  for (const std::string& text : arguments.overrides) overrides.push_back(parse_override(text));
  return load_experiment(arguments.file, overrides, [](const std::filesystem::path& file) {
    if (file.extension() == ".json") return describe_net_json(file);
    return eval::net_spec_from_json(ask_worker({{"command", "describe"}, {"weights", std::filesystem::absolute(file).string()}}));
  });
}

void add_only_option(CLI::App& command, ExperimentArguments& arguments) {
  command.add_option("--only", arguments.only, "name of a trial, as nas-run trials lists it: that alone, with the stages that it needs");
}

std::unique_ptr<Strategy> strategy_of(const ExperimentArguments& arguments, const Experiment& experiment) {
  std::unique_ptr<Strategy> strategy = make_strategy(experiment.strategy);
  return arguments.only.empty() ? std::move(strategy) : only(std::move(strategy), arguments.only);
}

std::filesystem::path results_directory(const ExperimentArguments& arguments, const Experiment& experiment) {
  if (!arguments.output.empty()) {
    check_output_folder(arguments.output);
    return arguments.output;
  }
  const std::filesystem::path folder = experiment.file.parent_path();
  const std::filesystem::path base = folder.filename() == "experiments" ? folder.parent_path() : std::filesystem::current_path();
  return base / "results" / experiment.name;
}

void add_directory_argument(CLI::App& command, std::filesystem::path& directory) {
  command.add_option("DIR", directory, "a results directory, as in results/fashion_mnist")->required();
}

std::filesystem::path require_worker() {
  std::filesystem::path worker = find_worker();
  if (access(worker.c_str(), X_OK) != 0) {
    throw storage::Error(storage::ErrorKind::environment,
                         fmt::format("the worker {} is not a program; valid: install it there, or set NAS_WORKER", worker.string()));
  }
  return worker;
}

void log(const std::string& text) {
  tell(stderr, fmt::format("nas-run: {}\n", printable(text)));
}

void flush_stdout() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw storage::Error(storage::ErrorKind::environment, "stdout can't be written");
}

void check_output(const std::filesystem::path& output) {
  std::error_code unknown;
  const auto fail = [&](const std::string& why, storage::ErrorKind kind = storage::ErrorKind::usage) {
    throw storage::Error(kind, fmt::format("-o {}", output.string()) + why);
  };
  if (std::filesystem::is_directory(output, unknown)) fail(" is a folder; valid: a file");
  const std::filesystem::path folder = output.has_parent_path() ? output.parent_path() : ".";
  if (!std::filesystem::is_directory(folder, unknown))
    fail(fmt::format(": the folder {} is not there; valid: one that is", folder.string()), storage::ErrorKind::environment);
  const bool is_special = std::filesystem::exists(output, unknown) && !std::filesystem::is_regular_file(output, unknown);
  if (!is_special && ::access(folder.c_str(), W_OK) != 0)
    fail(fmt::format(": nothing can be written to the folder {}: {}", folder.string(), std::strerror(errno)),
         storage::ErrorKind::environment);
  if (!std::filesystem::is_regular_file(output, unknown)) return;
  constexpr std::string_view sqlite = "SQLite format 3";
  std::string begin(sqlite.size(), '\0');
  std::ifstream(output, std::ios::binary).read(begin.data(), static_cast<std::streamsize>(begin.size()));
  if (begin == sqlite) fail(" is a database, which would be replaced; valid: another file");
}

void check_output_folder(const std::filesystem::path& output) {
  std::error_code unknown;
  const std::filesystem::path named = output.has_filename() ? output : output.parent_path();  // without a slash at its end
  if (!std::filesystem::exists(named, unknown) || std::filesystem::is_directory(named, unknown)) return;
  throw storage::Error(storage::ErrorKind::usage,
                       fmt::format("-o {} is no folder; valid: a folder, or one that is not there yet", output.string()));
}

std::string refuse_unless_above_zero(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, value);
  return failure == std::errc() && rest == end && std::isfinite(value) && value > 0 ? ""
                                                                                    : fmt::format("'{}' is not a number above 0", text);
}

}  // namespace search::cli
