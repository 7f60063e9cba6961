#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "eval/cost.h"
#include "eval/data/dataset.h"
#include "search/cli/commands.h"
#include "search/cli/printable.h"
#include "search/experiment/nets.h"
#include "search/run/machine.h"
#include "storage/base/error.h"

namespace search::cli {

namespace {

using storage::ErrorKind;

struct Options {
  ExperimentArguments experiment;
  bool json = false;
};

/// Free space below which a run is not worth starting.
constexpr std::uintmax_t least_free_bytes = 256ULL << 20;

/// Classes and images of one target, as the files list them.
Json describe_target(const eval::DatasetInfo& info) {
  return {{"classes", info.classes}, {"splits", {{"train", info.train}, {"validation", info.validation}, {"test", info.test}}}};
}

/// One of `data`, for every task that uses it. Reads all of it, but for images that are optional and not there.
Json describe_data(const Experiment& experiment, const std::string& name) {
  const auto& [settings, files, targets] = experiment.data.at(name);
  const eval::DatasetInfo& info = targets.begin()->second;
  Json report = describe_target(info);
  report["images"] = info.images;
  report["shape"] = {info.shape.channels, info.shape.height, info.shape.width};
  if (info.synthetic) report["synthetic"] = true;
  for (const auto& [target, of_target] : targets)
    if (!target.empty()) report["targets"][target] = describe_target(of_target);
  if (const Json details = eval::dataset_details(settings); !details.is_null()) report.update(details);
  if (report.value("images_present", true) || settings.value("images", "required") != "optional")
    report["left_out"] = read_images(experiment, name).size();
  return report;
}

/// The size of every net on every task's data.
Json describe_nets(const Experiment& experiment) {
  std::vector<NetRequest> nets = experiment.nets;
  for (const Baseline& baseline : experiment.baselines) {
    if (!baseline.narrow && !baseline.scratch) nets.push_back(baseline.net);
  }
  Json rows = Json::array();
  for (const Task& task : experiment.tasks) {
    const eval::DatasetInfo& info = info_of(experiment, task);
    for (const NetRequest& net : nets) {
      const eval::Cost cost = eval::cost(make_net(net, info));
      rows.push_back({{"task", task.name}, {"net", net.name}, {"width", net.width}, {"params", cost.params}, {"macs", cost.macs}});
    }
  }
  return rows;
}

/// Free bytes where the results would go. Throws Error(environment) where nothing can be written there.
std::uintmax_t check_directory(const std::filesystem::path& directory) {
  std::filesystem::path existing = std::filesystem::absolute(directory);
  while (!std::filesystem::exists(existing)) existing = existing.parent_path();
  if (!std::filesystem::is_directory(existing) || access(existing.c_str(), W_OK | X_OK) != 0) {
    throw storage::Error(ErrorKind::environment,
                         fmt::format("results directory {}: {} is not a folder that can be written; valid: another with -o",
                                     directory.string(), existing.string()));
  }
  const std::uintmax_t free = std::filesystem::space(existing).available;
  if (free < least_free_bytes) {
    throw storage::Error(ErrorKind::environment, fmt::format("results directory {}: {} MiB are free; valid: at least {} MiB",
                                                             directory.string(), free >> 20, least_free_bytes >> 20));
  }
  return free;
}

/// What is allowed and hardly meant.
Json warnings(const Experiment& experiment) {
  Json warnings = Json::array();
  const std::vector<std::string>& augment = experiment.train.augment;
  const bool mirrors = std::find(augment.begin(), augment.end(), "flip") != augment.end();
  for (const auto& [name, data] : experiment.data)
    if (mirrors && data.targets.begin()->second.digits)
      warnings.push_back(
          fmt::format("data {}: the classes are digits, which mirrored are none, and train.augment has flip (its default); "
                      "valid: train: {{augment: [crop]}}",
                      name));
  return warnings;
}

int validate(const Options& options) {
  const Experiment experiment = load(options.experiment);
  const std::filesystem::path directory = results_directory(options.experiment, experiment);
  Json report{{"ok", true}, {"data", Json::object()}, {"nets", describe_nets(experiment)}, {"results", directory.string()}};
  for (const auto& [name, data] : experiment.data) report["data"][name] = describe_data(experiment, name);
  report["free_bytes"] = check_directory(directory);
  report["warnings"] = warnings(experiment);
  for (const Json& warning : report["warnings"]) log("warning: " + printable(warning.get<std::string>()));

  report["slots"] = Json::array();
  for (const Slot& slot : plan_slots(experiment.resources, require_worker())) {
    report["slots"].push_back({{"device", slot.device}, {"threads", slot.threads}});
  }
  if (options.json) {
    print_json(report);
    return exit_done;
  }
  for (const auto& [name, data] : report.at("data").items()) {
    const Json& splits = data.at("splits");
    fmt::print("data {}: {} images of {} classes; train {}, validation {}, test {}{}{}\n", printable(name),
               data.at("images").get<std::int64_t>(), data.at("classes").get<int>(), splits.at("train").get<std::int64_t>(),
               splits.at("validation").get<std::int64_t>(), splits.at("test").get<std::int64_t>(),
               data.contains("synthetic") ? "; synthetic" : "", data.contains("left_out") ? "" : "; the images are not there");
  }
  fmt::print("{}", to_text(report.at("nets"), {"task", "net", "width", "params", "macs"}));
  fmt::print("{} slots; results in {}, {} MiB free\nok\n", report.at("slots").size(), printable(directory.string()),
             report.at("free_bytes").get<std::uintmax_t>() >> 20);
  return exit_done;
}

}  // namespace

void add_validate(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("validate", "check the experiment, its data, the nets, the devices and the disk; nothing runs");
  add_experiment_arguments(*command, options->experiment);
  command->add_flag("--json", options->json, "one JSON document");
  command->footer(
      "Examples:\n"
      "  nas-run validate experiments/fashion_mnist.yaml\n"
      "  nas-run validate experiments/fashion_mnist.yaml -s resources.device=cuda --json");
  command->callback([options, &action] { action = [options] { return validate(*options); }; });
}

}  // namespace search::cli
