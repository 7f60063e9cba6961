#include "search/experiment/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <regex>
#include <system_error>

#include "search/experiment/experiment_reader.h"
#include "search/experiment/source_nets.h"
#include "storage/base/error.h"
#include "storage/base/file.h"

namespace search {

using storage::Option;
using storage::OptionKind;

namespace {

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::string read_experiment_file(const std::filesystem::path& file) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found)
    fail_at(file.string(), "", "there is no such file; valid: an experiment's YAML file");
  if (!error && !std::filesystem::is_regular_file(status)) fail_at(file.string(), "", "is not a file; valid: an experiment's YAML file");
  const std::uintmax_t bytes = error ? 0 : std::filesystem::file_size(file, error);
  if (error) fail_at(file.string(), "", fmt::format("cannot be looked at ({}); valid: an experiment's YAML file", error.message()));
  if (bytes > max_yaml_bytes)
    fail_at(file.string(), "", fmt::format("{} bytes are too many for an experiment; valid: up to {}", bytes, max_yaml_bytes));
  return storage::read_file(file);
}

/// The file as the overrides made it, under a comment that says so.
std::string overridden(const YamlNode& tree, const std::vector<Override>& overrides) {
  std::string with;
  for (const Override& each : overrides) with += fmt::format(" -s {}={}", each.path, each.value);
  std::replace(with.begin(), with.end(), '\n', ' ');
  return "# As it was run, with" + with + "\n" + to_yaml(tree);
}

}  // namespace

bool estimates_latency(const Experiment& experiment) {
  const auto is_estimate = [](const auto& each) { return each.metric == "latency_estimate_ms"; };
  const auto has_latency = [&](const Schedule& schedule) { return std::ranges::any_of(schedule.steps, prune::is_of_latency); };
  return std::ranges::any_of(experiment.objectives, is_estimate) || std::ranges::any_of(experiment.constraints, is_estimate) ||
         std::ranges::any_of(experiment.schedules, has_latency) || experiment.strategy_options.value("of", "") == "latency";
}

std::optional<double> latency_bound(const Experiment& experiment) {
  std::optional<double> bound;
  for (const Constraint& each : experiment.constraints)
    if (each.metric == "latency_estimate_ms" && each.at_most) bound = std::min(bound.value_or(each.bound), each.bound);
  return bound;
}

const eval::DatasetInfo& info_of(const Experiment& experiment, const Task& task) {
  return experiment.data.at(task.dataset).targets.at(task.target);
}

Override parse_override(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw storage::Error(storage::ErrorKind::usage, fmt::format("-s '{}' is not key.path=value; valid: as in -s train.epochs=3", text));
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

bool is_device(const std::string& text) {
  static const std::regex forms("auto|cpu|cuda(:[0-9]{1,3}(,[0-9]{1,3})*)?");
  return text.size() <= 64 && std::regex_match(text, forms);
}

Experiment load_experiment(const std::filesystem::path& file, const std::vector<Override>& overrides, const DescribeNet& describe_net) {
  Experiment experiment;
  experiment.file = std::filesystem::absolute(file).lexically_normal();
  experiment.yaml = read_experiment_file(file);
  YamlNode tree = parse_yaml(experiment.yaml, file.string());
  drop_extensions(tree);
  for (const Override& each : overrides) apply_override(tree, each.path, each.value);
  if (!overrides.empty()) experiment.yaml = overridden(tree, overrides);
  fill_environment(tree, environment);

  YamlReader root(tree, "", experiment.file.parent_path());
  read_experiment(root, experiment, describe_all, describe_net);
  return experiment;
}

void read_experiment(YamlReader& root, Experiment& experiment, const DescribeData& describe, const DescribeNet& describe_net) {
  static const Option seed_option{
      .name = "seed", .kind = OptionKind::integer, .fallback = 1, .doc = "the first seed", .min = 0, .max = 1e9};

  root.require("schema", "1").one_of("a version of this format", {"1"});
  experiment.name = root.require("name", "a name for the experiment").safe_name();
  experiment.seed = root.value(seed_option);
  const YamlReader data = root.section("data", "the datasets, by names of your choice");
  experiment.data = read_data(data);
  experiment.tasks = read_tasks(root.require("tasks", "a list, as in '[{name: clothes, dataset: fashion}]'"), experiment.data);
  const YamlReader nets = root.require("nets", "a list, as in '[vgg16_bn]'");
  std::vector<Task> described = read_pretraining_tasks(nets, experiment.data);
  described.insert(described.end(), experiment.tasks.begin(), experiment.tasks.end());
  describe(data, described, experiment.data);
  DataInfos infos;
  for (const Task& task : experiment.tasks)
    if (!experiment.data.at(task.dataset).targets.empty()) infos.push_back(info_of(experiment, task));  // the reference describes none
  const std::optional<EpochBudget> budget = read_epoch_budget(root);
  const YamlReader train = root.section("train", "how base nets are trained");
  experiment.train = read_training(train, std::nullopt);
  if (budget) {
    refuse_epochs(train, "budget");
    experiment.train.epochs = budget->of_base();
  }
  check_warmup(train, experiment.train);
  experiment.nets = read_nets(nets, experiment, infos, describe_net);
  read_search(root.section("search", "what is tried"), experiment);
  read_prune(root.section("prune", "how nets are cut"), experiment, infos, budget);
  experiment.transfer = experiment.retrain;
  experiment.transfer.epochs = whole_path(experiment).epochs;
  experiment.baselines =
      read_baselines(root.section("baselines", "other nets, to compare with"), experiment, infos, whole_path(experiment));
  std::vector<std::string> sources;
  for (const SourceNet& source : source_nets(experiment)) sources.push_back(source.name);
  experiment.evaluate = read_evaluate(root.section("evaluate", "what is measured of a reported net besides its accuracy"), sources);
  experiment.objectives =
      read_objectives(root.section("objectives", "what halving and pareto rank by, as in [accuracy_val, macs]"), experiment);
  experiment.constraints = read_constraints(root.section("constraints", "bounds on metrics, as in ['macs <= 2.0e8']"), experiment);
  experiment.resources = read_resources(root.section("resources", "where stages run"));
  experiment.reliability = read_reliability(root.section("reliability", "what happens when something fails"));
  root.finish();
}

}  // namespace search
