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

struct ValidateOptions {
  ExperimentArguments experiment;
  bool json = false;
};

/// Free space below which a run is not worth starting.
constexpr std::uintmax_t least_free_bytes = 256ULL << 20;

/// {"class", "train", "validation", "test"} for each class, in their order: images that can be used.
Json count_classes(const eval::Dataset& data) {
  Json rows = Json::array();
  for (const std::string& name : data.class_names()) rows.push_back({{"class", name}, {"train", 0}, {"validation", 0}, {"test", 0}});
  for (const eval::Split split : eval::all_splits)
    for (const std::int64_t image : data.split(split)) {
      Json& count = rows[static_cast<std::size_t>(data.labels()[static_cast<std::size_t>(image)])][to_string(split)];
      count = count.get<std::int64_t>() + 1;
    }
  return rows;
}

/// Images of a split in all classes.
std::int64_t total(const Json& rows, const std::string& split) {
  std::int64_t sum = 0;
  for (const Json& row : rows) sum += row.at(split).get<std::int64_t>();
  return sum;
}

/// Classes and images of one target: as the files list them, or where the images can be opened those that can be used, class by class.
Json describe_target(const eval::DatasetInfo& info, const eval::Dataset* opened) {
  Json report{{"classes", info.classes}, {"splits", {{"train", info.train}, {"validation", info.validation}, {"test", info.test}}}};
  if (opened == nullptr) return report;
  report["class_images"] = count_classes(*opened);
  for (auto& [split, images] : report["splits"].items()) images = total(report["class_images"], split);
  return report;
}

/// One of `data`, for every task that uses it. Reads all of it, but for images that are optional and not there.
Json describe_data(const Experiment& experiment, const std::string& name) {
  const Json& settings = experiment.data.at(name).settings;
  const std::map<std::string, eval::DatasetInfo>& targets = experiment.data.at(name).targets;
  const eval::DatasetInfo& info = targets.begin()->second;
  Json report = Json::object();
  if (const Json details = eval::dataset_details(settings); !details.is_null()) report.update(details);
  const bool is_there = report.value("images_present", true) || settings.value("images", "required") != "optional";
  for (const auto& [target, of_target] : targets) {
    const std::unique_ptr<eval::Dataset> opened = is_there ? open_data(experiment, name, target) : nullptr;
    const Json described = describe_target(of_target, opened.get());
    if (!target.empty()) report["targets"][target] = described;
    if (target != targets.begin()->first) continue;
    report.update(described);
    if (opened == nullptr) continue;
    report["left_out"] = opened->left_out().size();
    log_left_out(name, opened->left_out());
  }
  report["images"] = info.images;
  report["shape"] = {info.shape.channels, info.shape.height, info.shape.width};
  if (info.synthetic) report["synthetic"] = true;
  return report;
}

/// The images of each class by split, and which classes lack some.
void print_classes(const Json& rows) {
  constexpr std::size_t shown = 20;
  Json first = Json::array();
  for (std::size_t i = 0; i < std::min(shown, rows.size()); ++i) first.push_back(rows[i]);
  fmt::print("{}", to_text(first, {"class", "train", "validation", "test"}));
  if (rows.size() > shown) fmt::print("and {} classes more; --json has them all\n", rows.size() - shown);
  for (const eval::Split split : eval::all_splits) {
    std::vector<std::string> without;
    for (const Json& row : rows)
      if (row.at(to_string(split)) == 0) without.push_back(printable(row.at("class").get<std::string>()));
    const std::size_t many = without.size();
    if (many > shown) without.resize(shown);
    if (many > 0)
      fmt::print("note: {} of {} classes have no {} image: {}{}\n", many, rows.size(), to_string(split), fmt::join(without, ", "),
                 many > shown ? ", ..." : "");
  }
}

void print_data(const std::string& name, const Json& data) {
  const Json& splits = data.at("splits");
  fmt::print("data {}: {} images of {} classes; train {}, validation {}, test {}{}{}\n", printable(name),
             data.at("images").get<std::int64_t>(), data.at("classes").get<int>(), splits.at("train").get<std::int64_t>(),
             splits.at("validation").get<std::int64_t>(), splits.at("test").get<std::int64_t>(),
             data.contains("synthetic") ? "; synthetic" : "", data.contains("left_out") ? "" : "; the images are not there");
  if (!data.contains("targets")) {
    if (data.contains("class_images")) print_classes(data.at("class_images"));
    return;
  }
  for (const auto& [target, described] : data.at("targets").items()) {
    if (!described.contains("class_images")) continue;
    fmt::print("target {}\n", printable(target));
    print_classes(described.at("class_images"));
  }
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

int validate(const ValidateOptions& options) {
  const Experiment experiment = load(options.experiment);
  const std::filesystem::path directory = results_directory(options.experiment, experiment);
  Json report{{"ok", true}, {"data", Json::object()}, {"nets", describe_nets(experiment)}, {"results", directory.string()}};
  for (const auto& [name, data] : experiment.data) report["data"][name] = describe_data(experiment, name);
  report["fresh_heads"] = check_weights(experiment);
  check_runtime(experiment);
  report["free_bytes"] = check_directory(directory);
  if (std::filesystem::exists(directory / "experiment.db"))
    refuse_contradiction(storage::Repository(directory, storage::Repository::Access::read), experiment, directory);
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
  for (const auto& [name, data] : report.at("data").items()) print_data(name, data);
  fmt::print("{}", to_text(report.at("nets"), {"task", "net", "width", "params", "macs"}));
  for (const Json& each : report.at("fresh_heads"))
    fmt::print("net {}, task {}: layer {} tells other classes apart than the weights' and starts anew\n",
               printable(each.at("net").get<std::string>()), printable(each.at("task").get<std::string>()),
               printable(each.at("fresh_layer").get<std::string>()));
  fmt::print("{} slots; results in {}, {} MiB free\nok\n", report.at("slots").size(), printable(directory.string()),
             report.at("free_bytes").get<std::uintmax_t>() >> 20);
  return exit_done;
}

}  // namespace

void add_validate(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ValidateOptions>();
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
