#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <memory>

#include "search/cli/commands.h"
#include "search/cli/trial.h"
#include "storage/artifacts.h"
#include "storage/base/error.h"
#include "storage/base/file.h"

namespace search::cli {

namespace {

using storage::Error;
using storage::ErrorKind;
using storage::Repository;

struct Options {
  std::filesystem::path directory, output;
  std::string trial, format;
  std::optional<int> step;
};

/// The fingerprint of the stage that made the net: of the step asked for, or of the last.
std::string find_stage(const Json& trial, std::optional<int> step) {
  const Json& steps = trial.at("steps");
  if (steps.empty()) throw Error(ErrorKind::usage, fmt::format("trial {} has no step that is done", trial.at("trial").get<int>()));
  if (!step) return steps.back().at("stage");
  const Json found = rows_where(steps, "step", *step);
  if (found.empty()) {
    throw Error(ErrorKind::usage, fmt::format("trial {} has no step {} that is done; valid: 0 to {}", trial.at("trial").get<int>(), *step,
                                              steps.back().at("step").get<int>()));
  }
  return found[0].at("stage");
}

std::filesystem::path find_weights(const std::filesystem::path& directory, const storage::StageOutcome& outcome) {
  for (const storage::Artifact& artifact : outcome.artifacts) {
    if (artifact.name != "weights") continue;
    const std::filesystem::path path = storage::ArtifactStore(directory / "artifacts").path(artifact.hash);
    if (!std::filesystem::exists(path))
      throw Error(ErrorKind::storage, fmt::format("the weights {} are gone from the results", path.string()));
    return std::filesystem::absolute(path);
  }
  throw Error(ErrorKind::storage, "the stage has no artifact named 'weights'");
}

/// Runs `nas-worker export` with the request on its stdin; its messages go to our stderr. Returns its exit code.
int run_worker(const Json& request) {
  const std::string worker = require_worker().string();
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> input(std::tmpfile(), std::fclose);
  const std::string text = request.dump() + "\n";
  if (!input || std::fwrite(text.data(), 1, text.size(), input.get()) != text.size() || std::fflush(input.get()) != 0) {
    throw Error(ErrorKind::environment, fmt::format("a temporary file can't be written: {}", std::strerror(errno)));
  }
  std::rewind(input.get());

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(input.get()), STDIN_FILENO);
  std::string program = worker, command = "export";
  char* arguments[] = {program.data(), command.data(), nullptr};
  pid_t child = 0;
  const int failed = posix_spawn(&child, worker.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    throw Error(ErrorKind::environment, fmt::format("the worker {} can't be started: {}; valid: install it there, or set NAS_WORKER",
                                                    worker, std::strerror(failed)));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int export_net(const Options& options) {
  if (std::filesystem::is_directory(options.output)) {
    throw Error(ErrorKind::usage, fmt::format("-o {} is a folder; valid: a file", options.output.string()));
  }
  const Repository repository(options.directory, Repository::Access::read);
  const storage::StageOutcome outcome = repository.outcome(find_stage(find_trial(repository, options.trial), options.step));
  if (!outcome.architecture) throw Error(ErrorKind::storage, "the stage has no net");
  if (options.format == "json") {
    storage::write_file(options.output, outcome.architecture->spec.dump(2) + "\n");
    return exit_done;
  }
  return run_worker({{"spec", outcome.architecture->spec},
                     {"weights", find_weights(options.directory, outcome).string()},
                     {"to", options.format},
                     {"output", std::filesystem::absolute(options.output).string()}});
}

}  // namespace

void add_export(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("export", "write the net of a trial to a file");
  add_directory_argument(*command, options->directory);
  command->add_option("TRIAL", options->trial, "number or name of the trial")->required();
  command->add_option("--step", options->step, "0 is the base; default: the last that is done");
  command->add_option("--to", options->format, "torchscript (for torch.jit.load), safetensors (weights), or json (the net without weights)")
      ->required()
      ->check(CLI::IsMember({"torchscript", "safetensors", "json"}));
  command->add_option("-o,--output", options->output, "the file; one that is there is replaced")->required();
  command->footer(
      "Examples:\n"
      "  nas-run export results/fashion_mnist 3 --to torchscript -o small.pt\n"
      "  nas-run export results/fashion_mnist 3 --step 1 --to safetensors -o small.safetensors");
  command->callback([options, &action] { action = [options] { return export_net(*options); }; });
}

}  // namespace search::cli
