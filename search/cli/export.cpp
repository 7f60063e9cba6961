#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "eval/nets/net_info.h"
#include "search/cli/request.h"
#include "search/cli/trial.h"
#include "search/report/snapshot.h"
#include "search/report/tensorboard.h"
#include "search/report/trial_table.h"
#include "storage/artifacts.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/fingerprint.h"

namespace search::cli {

namespace {

using storage::Error;
using storage::ErrorKind;
using storage::Repository;

struct ExportOptions {
  std::filesystem::path directory, output;
  std::string trial, format;
  std::optional<int> step;
  bool last = false, end_to_end = false;
  int opset = 0;
};

const std::vector<std::string> net_formats{"python", "onnx", "safetensors", "json", "torchscript"};
const std::vector<std::string> run_formats{"csv", "jsonl", "tensorboard"};

/// The step asked for, or the last.
Json find_step(const Json& trial, std::optional<int> step) {
  const Json& steps = trial.at("steps");
  if (steps.empty()) throw Error(ErrorKind::usage, fmt::format("trial {} has no step that is done", trial.at("trial").get<int>()));
  if (!step) return steps.back();
  const Json found = rows_where(steps, "step", *step);
  if (found.empty()) {
    throw Error(ErrorKind::usage, fmt::format("trial {} has no step {} that is done; valid: 0 to {}", trial.at("trial").get<int>(), *step,
                                              steps.back().at("step").get<int>()));
  }
  return found[0];
}

std::filesystem::path find_weights(const std::filesystem::path& directory, const storage::StageOutcome& outcome) {
  for (const storage::Artifact& artifact : outcome.artifacts) {
    if (artifact.name != "weights") continue;
    const std::filesystem::path path = storage::ArtifactStore(directory / "artifacts").path(artifact.hash);
    if (!std::filesystem::exists(path))
      throw Error(
          ErrorKind::storage,
          fmt::format("the weights {} are gone from the results; `nas-run show DIR TRIAL` says how they are made again", path.string()));
    if (storage::sha256_file(path) != artifact.hash)
      throw Error(ErrorKind::storage, fmt::format("the weights {} are not those that were stored: the file is damaged", path.string()));
    return std::filesystem::absolute(path);
  }
  throw Error(ErrorKind::storage, "the stage has no artifact named 'weights'");
}

/// What the net's file says of its use: eval::to_json of NetInfo.
Json info_of(const Json& trial, const Json& values) {
  const Json normalisation = values.value("normalisation", Json::object());
  return eval::to_json(eval::net_info_from_json({{"task", trial.at("task")},
                                                 {"class_names", values.value("class_names", Json::array())},
                                                 {"mean", normalisation.value("mean", Json::array())},
                                                 {"deviation", normalisation.value("deviation", Json::array())}}));
}

/// What the docstring of a Python module says of where its net comes from.
std::vector<std::string> about(const Json& trial, const Json& step, const std::string& experiment) {
  const auto percent = [&](const char* key) {
    return step.at(key).is_number() ? fmt::format("{:.1f} %", 100 * step.at(key).get<double>()) : "?";
  };
  const std::string criterion = trial.at("criterion").is_string() ? trial.at("criterion").get<std::string>() : "";
  return {fmt::format("From the experiment {}, trial {}: {}, step {}{}.", experiment, trial.at("trial").get<int>(),
                      trial.at("name").get<std::string>(), step.at("step").get<int>(),
                      criterion.empty() ? "" : fmt::format(", cut by {}", criterion)),
          fmt::format("Accuracy {} on validation images, {} on test images.", percent("accuracy_val"), percent("accuracy_test"))};
}

/// How the task's images become what the net takes: "margin", "fit" and "orientation" of their data, where they are image files.
Json images_of(const Json& experiment, const std::string& task) {
  Json images = Json::object();
  for (const Json& each : experiment.value("tasks", Json::array())) {
    if (each.value("name", "") != task) continue;
    const Json data = experiment.value("data", Json::object()).value(each.value("dataset", ""), Json::object());
    for (const char* key : {"margin", "fit", "orientation"})
      if (data.contains(key)) images[key] = data.at(key);
  }
  return images;
}

int export_net(const ExportOptions& options) {
  Json request{{"command", "convert"}, {"to", options.format}, {"end_to_end", options.end_to_end}};
  put_opset(request, options.opset, options.format);
  put_output(request, options.output);
  const Repository repository(options.directory, Repository::Access::read);
  const Json trial = find_trial(repository, options.trial);
  const Json step = find_step(trial, options.step);
  const storage::StageOutcome outcome = repository.outcome(step.at("stage").get<std::string>());
  if (!outcome.architecture) throw Error(ErrorKind::storage, "the stage has no net");
  if (options.format == "json") {
    check_output(options.output);
    Json spec = outcome.architecture->spec;
    spec["info"] = info_of(trial, outcome.values);
    storage::write_file(options.output, spec.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    return exit_done;
  }
  request["spec"] = outcome.architecture->spec;
  request["weights"] = find_weights(options.directory, outcome).string();
  request["kept"] = outcome.architecture->kept;
  request["info"] = info_of(trial, outcome.values);
  if (options.format == "python") {
    const storage::ExperimentRecord experiment = experiment_of(repository);
    request["about"] = about(trial, step, experiment.name);
    request["images"] = images_of(experiment.settings, trial.at("task"));
  }
  ask_worker(request);
  return exit_done;
}

int export_run(const ExportOptions& options) {
  if (options.format == "tensorboard") check_output_folder(options.output);
  const Repository repository(options.directory, Repository::Access::read);
  if (options.format == "tensorboard") {
    write_tensorboard_files(repository, options.output);
    return exit_done;
  }
  check_output(options.output);
  const Json rows = trial_table(repository, options.last);
  storage::write_file(options.output, options.format == "csv" ? to_csv(rows, trial_table_columns()) : to_json_lines(rows));
  return exit_done;
}

int export_any(ExportOptions options) {
  if (options.format.empty()) options.format = format_of(options.output);
  if (options.format.empty()) options.format = "python";
  const bool of_run = std::find(run_formats.begin(), run_formats.end(), options.format) != run_formats.end();
  if (of_run && !options.trial.empty())
    throw Error(ErrorKind::usage, fmt::format("{} is of the whole run, not of trial '{}'; valid: without a trial, or --to {}",
                                              options.format, options.trial, fmt::join(net_formats, "|")));
  if (!of_run && options.trial.empty())
    throw Error(ErrorKind::usage, fmt::format("{} is of one net, and no trial is named; valid: DIR TRIAL, or --to {} for the whole run",
                                              options.format, fmt::join(run_formats, "|")));
  if (options.last && options.format != "csv" && options.format != "jsonl")
    throw Error(ErrorKind::usage, fmt::format("--last is of csv and jsonl, not of {}; valid: without it", options.format));
  check_end_to_end(options.end_to_end, options.format);
  return of_run ? export_run(options) : export_net(options);
}

}  // namespace

void add_export(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand("export", "write the net of a trial, or the trials of a whole run, to a file");
  add_directory_argument(*command, options->directory);
  CLI::Option* trial = command->add_option("TRIAL", options->trial, "number or name of the trial whose net it is; not for a whole run");
  command->add_option("--step", options->step, "0 is the base; default: the last that is done")->needs(trial);
  std::vector<std::string> formats = net_formats;
  formats.insert(formats.end(), run_formats.begin(), run_formats.end());
  command
      ->add_option(
          "--to", options->format,
          "of a trial: python (a module in a .py file, with its weights beside it), onnx, safetensors (weights), json (the net "
          "without weights), or torchscript (for torch.jit.load, which PyTorch deprecates since 2.11); of the run: csv or jsonl "
          "(a row for each net), or tensorboard (a folder of event files: the curves of each training); "
          "docs/to_optuna.py makes Optuna's studies of a run. Default: as the end of the file says, .py, .onnx, .safetensors, .json, "
          ".pt, .csv or .jsonl")
      ->check([](const std::string& format) {
        return format == "optuna" ? "Optuna's studies are made with Optuna itself: docs/to_optuna.py DIR sqlite:///study.db"
                                  : std::string();
      })
      ->check(CLI::IsMember(formats));
  add_end_to_end(*command, options->end_to_end);
  add_opset(*command, options->opset);
  command->add_flag("--last", options->last, "csv, jsonl: of each trial only the last net, not those on the way to it");
  command->add_option("-o,--output", options->output, "the file, or tensorboard's folder; a file that is there is replaced")->required();
  command->footer(
      "Examples:\n"
      "  nas-run export results/fashion_mnist 3 -o small.py\n"
      "  nas-run export results/fashion_mnist 3 --end-to-end -o small.onnx\n"
      "  nas-run export results/fashion_mnist 3 --step 1 -o small.safetensors\n"
      "  nas-run export results/fashion_mnist -o nets.csv\n"
      "  nas-run export results/fashion_mnist --to tensorboard -o curves && tensorboard --logdir curves");
  command->callback([options, &action] { action = [options] { return export_any(*options); }; });
}

}  // namespace search::cli
