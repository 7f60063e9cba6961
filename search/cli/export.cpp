#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "search/cli/request.h"
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

int export_net(const Options& options) {
  Json request{{"command", "convert"}, {"to", options.format}};
  put_output(request, options.output);
  const Repository repository(options.directory, Repository::Access::read);
  const storage::StageOutcome outcome = repository.outcome(find_stage(find_trial(repository, options.trial), options.step));
  if (!outcome.architecture) throw Error(ErrorKind::storage, "the stage has no net");
  if (options.format == "json") {
    storage::write_file(options.output, outcome.architecture->spec.dump(2) + "\n");
    return exit_done;
  }
  request["spec"] = outcome.architecture->spec;
  request["weights"] = find_weights(options.directory, outcome).string();
  request["kept"] = outcome.architecture->kept;
  ask_worker(request);
  return exit_done;
}

}  // namespace

void add_export(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("export", "write the net of a trial to a file");
  add_directory_argument(*command, options->directory);
  command->add_option("TRIAL", options->trial, "number or name of the trial")->required();
  command->add_option("--step", options->step, "0 is the base; default: the last that is done");
  command
      ->add_option("--to", options->format,
                   "torchscript (for torch.jit.load), onnx, safetensors (weights), or json (the net without weights)")
      ->required()
      ->check(CLI::IsMember({"torchscript", "onnx", "safetensors", "json"}));
  command->add_option("-o,--output", options->output, "the file; one that is there is replaced")->required();
  command->footer(
      "Examples:\n"
      "  nas-run export results/fashion_mnist 3 --to torchscript -o small.pt\n"
      "  nas-run export results/fashion_mnist 3 --step 1 --to safetensors -o small.safetensors");
  command->callback([options, &action] { action = [options] { return export_net(*options); }; });
}

}  // namespace search::cli
