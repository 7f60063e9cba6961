#include "search/experiment/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <regex>

#include "prune/criteria/catalog.h"
#include "search/experiment/experiment_reader.h"
#include "search/experiment/nets.h"
#include "search/experiment/quantity.h"
#include "search/experiment/source_nets.h"
#include "search/experiment/strategy_catalog.h"
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
  if (!std::filesystem::exists(file)) fail_at(file.string(), "", "there is no such file; valid: an experiment's YAML file");
  if (!std::filesystem::is_regular_file(file)) fail_at(file.string(), "", "is not a file; valid: an experiment's YAML file");
  if (const auto bytes = std::filesystem::file_size(file); bytes > max_yaml_bytes) {
    fail_at(file.string(), "", fmt::format("{} bytes are too many for an experiment; valid: up to {}", bytes, max_yaml_bytes));
  }
  return storage::read_file(file);
}

/// A duration in seconds; `fallback` where the key is absent.
std::int64_t read_duration(YamlReader& section, const std::string& key, std::int64_t fallback, const std::string& doc) {
  const std::optional<YamlReader> given = section.find(key, doc);
  if (!given) return fallback;
  return given->checked([&] { return parse_duration(given->node().text).count(); });
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

SearchBudget read_budget_of_search(YamlReader section) {
  static const storage::Options options{
      {.name = "stages", .kind = OptionKind::integer, .fallback = 0, .doc = "stages; 0: no limit", .min = 0, .max = 1e9},
      {.name = "epochs", .kind = OptionKind::real, .fallback = 0, .doc = "epochs of training; 0: no limit", .min = 0, .max = 1e9},
      {.name = "device_hours",
       .kind = OptionKind::real,
       .fallback = 0,
       .doc = "hours of all slots together, of stages that were done; 0: no limit",
       .min = 0,
       .max = 1e9},
  };
  const Json values = section.values(options);
  const SearchBudget budget{values.at("stages"), values.at("epochs"), values.at("device_hours"),
                            read_duration(section, "time", 0, "time on the clock, as in 4h; default: no limit")};
  section.finish();
  return budget;
}

/// Latency can be wanted only where it is measured.
void check_is_measured(const std::string& metric, const Experiment& experiment) {
  const std::optional<LatencyOptions>& latency = experiment.evaluate.latency;
  const bool by_onnx_runtime = metric == "latency_onnxruntime_ms";
  if (!is_latency(metric) || (latency && (!by_onnx_runtime || latency->onnx_runtime))) return;
  throw storage::Error(storage::ErrorKind::invalid,
                       fmt::format("'{}' is not measured; valid: with 'evaluate: {{latency: {{batch: [1]{}}}}}'", metric,
                                   by_onnx_runtime ? ", runtime: onnxruntime" : ""));
}

std::vector<Objective> read_objectives(const YamlReader& section, const Experiment& experiment) {
  static const Option direction_option{
      .name = "direction", .kind = OptionKind::choice, .doc = "what is better", .choices = {"maximize", "minimize"}, .optional = true};
  std::vector<Objective> objectives;
  for (const YamlReader& item : section.items()) {
    YamlReader entry = item.is(YamlNode::Kind::mapping) ? item : item.named();
    const YamlReader metric = entry.require(item.is(YamlNode::Kind::mapping) ? "metric" : "name", "a metric, as in 'macs'");
    metric.checked([&] {
      check_metric(metric.node().text);
      check_is_measured(metric.node().text, experiment);
    });
    Objective objective = default_objective(metric.node().text);
    const Json direction = entry.value(direction_option);
    if (!direction.is_null()) objective.maximize = direction == "maximize";
    entry.finish();
    objectives.push_back(objective);
  }
  return objectives.empty() ? experiment.objectives : objectives;
}

std::vector<Constraint> read_constraints(const YamlReader& section, const Experiment& experiment) {
  std::vector<Constraint> constraints;
  for (const YamlReader& item : section.items())
    item.checked([&] {
      constraints.push_back(parse_constraint(item.node().text));
      check_is_measured(constraints.back().metric, experiment);
    });
  return constraints;
}

void read_search(YamlReader section, Experiment& experiment) {
  static const storage::Options options{
      {.name = "seeds", .kind = OptionKind::integer, .fallback = 1, .doc = "runs with seeds seed, seed + 1 ...", .min = 1, .max = 1000},
      {.name = "tolerance", .kind = OptionKind::real, .fallback = 0.01, .doc = "accuracy that a small net may lose", .min = 0, .max = 1},
  };
  if (const std::optional<YamlReader> strategy =
          section.find("strategy", fmt::format("{}; default: sweep", fmt::join(strategy_names(), ", "))))
    experiment.strategy = strategy->one_of("a strategy", strategy_names());
  const Json values = section.values(options);
  experiment.seeds = values.at("seeds");
  experiment.tolerance = values.at("tolerance");
  experiment.strategy_options = section.values(strategy_info(experiment.strategy).options);
  const Json& options_of_strategy = experiment.strategy_options;
  if (options_of_strategy.contains("finalists") && options_of_strategy.at("finalists") > options_of_strategy.at("candidates"))
    section.require("finalists", "")
        .fail(fmt::format("is more than a round has candidates ({}); valid: at most as many",
                          options_of_strategy.at("candidates").get<int>()));
  experiment.budget = read_budget_of_search(section.section("budget", "ends the search; with more of it the search goes on"));
  section.finish();
}

/// Each protected layer must be one with filters, of at least one of the nets.
void check_protected(YamlReader& section, const Experiment& experiment, const DataInfos& infos) {
  const std::optional<YamlReader> given = section.find("protect", "layers whose filters stay");
  if (!given) return;
  std::vector<std::string> names;
  for (const NetRequest& net : experiment.nets) {
    for (const eval::DatasetInfo& info : infos) {
      const std::vector<std::string> layers = eval::filter_layers(make_net(net, info));
      names.insert(names.end(), layers.begin(), layers.end());
    }
  }
  for (const YamlReader& name : given->items()) name.one_of("a layer with filters", names);
}

/// What takes single weights makes no smaller net, so only a sweep over shares has a use for it.
void check_unstructured(const YamlReader& criteria, const YamlReader& schedules, const Experiment& experiment) {
  for (const Criterion& criterion : experiment.criteria) {
    if (!prune::criterion_entry(criterion.name).unstructured) continue;
    if (experiment.strategy != "sweep")
      criteria.fail(fmt::format("has {}, which makes no net smaller, so the strategy {} finds nothing; valid: strategy: sweep",
                                criterion.name, experiment.strategy));
    for (const Schedule& schedule : experiment.schedules)
      if (schedule.steps.front().kind == prune::PruneRequest::Kind::eta)
        schedules.fail(fmt::format("has thresholds (eta, in '{}'), of which {} knows nothing; valid: keep", schedule.name, criterion.name));
  }
}

/// The most trainings on the task that a net of this experiment has behind that of its base, one a cut: those of the longest schedule, or
/// as many as are usual for a strategy that finds its own.
int most_cuts(const Experiment& experiment) {
  auto cuts = static_cast<std::size_t>(strategy_info(experiment.strategy).usual_cuts);
  for (const Schedule& schedule : experiment.schedules) cuts = std::max(cuts, schedule.at_pretraining ? 1 : schedule.steps.size());
  return static_cast<int>(cuts);
}

/// `retrain` and `between`, which share what the budget leaves of its epochs behind the base: evenly, the rest to the last; or all to the
/// last but what `between` asks for itself. A strategy that finds its own cuts trains alike after each.
void read_retraining(YamlReader& section, Experiment& experiment, const std::optional<EpochBudget>& budget) {
  const YamlReader retrain = section.section("retrain", "how a net is trained after a cut");
  std::optional<YamlReader> between =
      section.find("between", "how it is trained after a cut of a schedule that another follows; default: as after the last");
  experiment.retrain = read_training(retrain, for_retraining(experiment.train), /*has_teacher=*/true);
  const int cuts = most_cuts(experiment);
  const int left = budget ? budget->epochs - budget->of_base() : 0;
  if (budget) {
    refuse_epochs(retrain, "budget");
    experiment.retrain.epochs = std::max(1, left / std::max(cuts, 1));
  }
  if (between) experiment.between = read_training(*between, experiment.retrain, /*has_teacher=*/true);
  if (!strategy_info(experiment.strategy).takes_schedules) {  // which of its cuts is the last is not known
    experiment.between.reset();
    return;
  }
  if (!budget) return;
  if (!between && cuts > 1) experiment.between = experiment.retrain;
  experiment.retrain.epochs = left - (cuts > 1 ? (cuts - 1) * experiment.between->epochs : 0);
  if (experiment.retrain.epochs < 1)
    section.fail(fmt::format("has {} cuts in a row, and 'budget' leaves {} epochs to retrain after them; valid: one for each", cuts, left));
  if (experiment.between == experiment.retrain) experiment.between.reset();
}

/// Where the learning rate of a retraining may be that of the base's last epochs.
void check_rewind(const YamlReader& start, const Experiment& experiment) {
  if (experiment.lr_start != "rewind") return;
  if (experiment.train.lr_schedule == "plateau")
    start.fail("asks for the learning rate that the base had, which with lr_schedule: plateau is known only then; valid: restart or auto");
  for (const prune::TrainOptions* each : {&experiment.retrain, experiment.between ? &*experiment.between : nullptr})
    if (each != nullptr && (each->optimizer.lr != experiment.train.optimizer.lr || each->optimizer.name != experiment.train.optimizer.name))
      start.fail("is the base's learning rate, but retraining has another one, or another optimizer; valid: train's, or restart");
}

void read_prune(YamlReader section, Experiment& experiment, const DataInfos& infos, const std::optional<EpochBudget>& budget) {
  const YamlReader criteria = section.section("criteria", "what scores channels: names, or mappings with options"),
                   schedules = section.section("schedules", "the cuts in a row; strategies that find their own take none");
  experiment.criteria = read_criteria(criteria);
  experiment.schedules = read_schedules(schedules, experiment.nets);
  if (!strategy_info(experiment.strategy).takes_schedules) {
    if (!experiment.schedules.empty())
      schedules.fail(fmt::format("is not for the strategy {}, which finds its own steps; valid: no schedules", experiment.strategy));
    if (experiment.criteria.empty()) criteria.fail("is missing here, so nothing would be cut; valid: a list, as in '[lda]'");
  } else if (experiment.criteria.empty() != experiment.schedules.empty()) {
    const YamlReader& empty = experiment.criteria.empty() ? criteria : schedules;
    empty.fail("is missing here, so nothing would be cut; valid: both criteria and schedules, or neither");
  }
  if (experiment.strategy != "sweep" && std::ranges::any_of(experiment.schedules, &Schedule::at_pretraining))
    schedules.fail(
        fmt::format("has cuts at the pretraining, which the strategy {} does not make; valid: strategy: sweep", experiment.strategy));
  if (experiment.strategy != "sweep" &&
      std::ranges::any_of(experiment.criteria, [](const Criterion& each) { return !each.widths_from.empty(); }))
    criteria.fail(
        fmt::format("has one that cuts at another's widths, which the strategy {} does not make; valid: without it, or strategy: sweep",
                    experiment.strategy));
  check_unstructured(criteria, schedules, experiment);
  read_retraining(section, experiment, budget);
  const std::optional<YamlReader> retrain = section.find("retrain"), between = section.find("between");
  if (retrain) check_warmup(*retrain, experiment.retrain);
  if (experiment.between && (between || retrain)) check_warmup(between ? *between : *retrain, *experiment.between);
  static const Option start_option{
      .name = "lr_start",
      .kind = OptionKind::choice,
      .fallback = "restart",
      .doc =
          "the learning rate that retraining begins with: restart: retrain's; rewind: what the base had as many epochs before its end "
          "(Renda et al. 2020); auto: less of it for a small cut or a short retraining (Zimmer et al. 2023)",
      .choices = {"restart", "rewind", "auto"}};
  experiment.lr_start = section.value(start_option);
  if (const std::optional<YamlReader> start = section.find("lr_start")) check_rewind(*start, experiment);
  experiment.allocation = section.values(prune::allocation_options());
  experiment.refit = read_refit(section);
  experiment.substeps = read_substeps(section);
  check_protected(section, experiment, infos);
  section.finish();
}

/// `train` for as many epochs as a pruned net has in all: those of the base and of the longest schedule's retraining; a strategy that finds
/// its own steps says how many are usual.
prune::TrainOptions whole_path(const Experiment& experiment) {
  const int cuts = most_cuts(experiment);
  prune::TrainOptions train = experiment.train;
  const int between = experiment.between ? experiment.between->epochs : experiment.retrain.epochs;
  if (cuts > 0) train.epochs += (cuts - 1) * between + experiment.retrain.epochs;
  return train;
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
