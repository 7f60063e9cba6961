#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "search/cli/commands.h"
#include "search/plan/stage_graph.h"

namespace search::cli {

namespace {

struct PlanOptions {
  ExperimentArguments experiment;
  bool json = false, dot = false;
};

/// What is stored of the stages; nothing where there is no database yet. Throws where a run could not go on with it.
History history(const Experiment& experiment, const std::filesystem::path& directory) {
  if (!std::filesystem::exists(directory / "experiment.db")) return {};
  const storage::Repository repository(directory, storage::Repository::Access::read);
  refuse_contradiction(repository, experiment, directory);
  return stored_history(repository, experiment);
}

Json summary(const Plan& plan, const History& history) {
  int done = 0;
  double work = 0, left = 0;
  Json kinds = Json::object();
  for (const Stage& stage : plan.stages) {
    const auto found = history.find(stage.fingerprint);
    const bool is_done = found != history.end() && found->second.state == storage::StageState::done;
    done += is_done ? 1 : 0;
    work += stage.cost;
    left += is_done ? 0 : stage.cost;
    const std::string kind = to_string(stage.kind);
    kinds[kind] = kinds.value(kind, 0) + 1;
  }
  return {{"trials", plan.trials.size()},
          {"stages", plan.stages.size()},
          {"stages_without_sharing", plan.stages_without_sharing},
          {"done", done},
          {"estimated_macs", work},
          {"remaining_macs", left},
          {"stage_kinds", kinds}};
}

int plan(const PlanOptions& options) {
  const Experiment experiment = load(options.experiment);
  const std::filesystem::path directory = results_directory(options.experiment, experiment);
  const std::unique_ptr<Strategy> strategy = strategy_of(options.experiment, experiment);
  if (options.dot) {
    fmt::print("{}", to_dot(strategy->next(experiment, settled(history(experiment, directory))).stages));
  } else {
    print_plan(experiment, *strategy, directory, options.json);
  }
  return exit_done;
}

}  // namespace

void refuse_contradiction(const storage::Repository& repository, const Experiment& experiment, const std::filesystem::path& directory) {
  const std::optional<storage::ExperimentRecord> stored = repository.experiment();
  if (!stored) return;
  const std::string reason = contradiction(stored->settings, to_json(experiment));
  if (reason.empty()) return;
  throw storage::Error(storage::ErrorKind::invalid,
                       fmt::format("{} can't go on with {}: {}; valid: another directory with -o, another name, or --fresh, which deletes "
                                   "the earlier results",
                                   experiment.file.string(), directory.string(), reason));
}

void print_plan(const Experiment& experiment, const Strategy& strategy, const std::filesystem::path& directory, bool json, bool fresh) {
  const History known = fresh ? History() : history(experiment, directory);
  Json plan = summary(strategy.next(experiment, settled(known)), known);
  plan["is_whole"] = !strategy.learns();
  if (json) {
    plan["results"] = directory.string();
    print_json(plan);
    return;
  }
  std::vector<std::string> kinds;
  for (const auto& [kind, count] : plan.at("stage_kinds").items()) kinds.push_back(fmt::format("{} {}", count.get<int>(), kind));
  const int stages = plan.at("stages"), unshared = plan.at("stages_without_sharing");
  fmt::print("trials   {}\n", plan.at("trials").get<int>());
  fmt::print("stages   {} ({}){}\n", stages, fmt::join(kinds, ", "),
             unshared < stages ? "" : fmt::format("; each trial by itself: {}, so sharing saves {}", unshared, unshared - stages));
  if (strategy.learns()) fmt::print("         the first of them: {} plans more by what these give\n", experiment.strategy);
  fmt::print("done     {}\n", plan.at("done").get<int>());
  fmt::print("cost     {:.3g} multiply-accumulates (estimated), {:.3g} of them to go\n", plan.at("estimated_macs").get<double>(),
             plan.at("remaining_macs").get<double>());
  fmt::print("results  {}\n", directory.string());
}

void add_plan(CLI::App& app, Action& action) {
  const auto options = std::make_shared<PlanOptions>();
  CLI::App* command = app.add_subcommand("plan", "print trials, distinct stages, what sharing saves and what is done; nothing runs");
  add_experiment_arguments(*command, options->experiment);
  add_only_option(*command, options->experiment);
  CLI::Option* json = command->add_flag("--json", options->json, "one JSON document");
  command->add_flag("--dot", options->dot, "the stage graph for Graphviz")->excludes(json);
  command->footer(
      "Examples:\n"
      "  nas-run plan experiments/fashion_mnist.yaml\n"
      "  nas-run plan experiments/fashion_mnist.yaml -s search.seeds=5 --json\n"
      "  nas-run plan experiments/fashion_mnist.yaml --dot | dot -Tsvg > stages.svg");
  command->callback([options, &action] { action = [options] { return plan(*options); }; });
}

}  // namespace search::cli
