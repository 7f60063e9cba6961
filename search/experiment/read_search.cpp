// `search`, and what it ranks nets by: `objectives` and `constraints`.
#include <fmt/format.h>

#include "search/experiment/experiment_reader.h"
#include "search/experiment/strategy_catalog.h"
#include "storage/base/error.h"

namespace search {

using storage::Option;
using storage::OptionKind;

namespace {

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

}  // namespace

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

}  // namespace search
