#include "search/run/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <memory>

#include "search/cli/commands.h"
#include "search/cli/progress.h"
#include "search/experiment/quantity.h"
#include "search/report/best.h"
#include "search/report/summary.h"
#include "search/run/executors/registry.h"
#include "search/run/machine.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/shell.h"

namespace search::cli {

namespace {

using storage::Error;
using storage::ErrorKind;
using storage::Repository;

struct RunOptions {
  ExperimentArguments experiment;
  std::optional<int> slots, threads_per_slot, max_failures;
  std::optional<std::string> device, executor;
  std::string budget;
  bool fresh = false, dry_run = false, json = false;
};

StopRequest stop_request;  // a signal handler reaches nothing but a global

void request_stop(int signal) {
  stop_request.signal = signal;
  ++stop_request.count;
}

/// Without SA_RESTART, so that a wait for workers returns at once. Where workers outlive nas-run, an ssh session that drops ends it at
/// once: the same command finds them again.
void handle_signals(bool workers_stay) {
  struct sigaction action {};
  action.sa_handler = request_stop;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction hangup {};  // an ssh session that drops; nohup has it ignored, and so it stays
  if (sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN && !workers_stay) sigaction(SIGHUP, &action, nullptr);
}

Experiment load_with_options(const RunOptions& options) {
  Experiment experiment = load(options.experiment);
  if (options.executor) experiment.resources.executor = *options.executor;
  if (options.slots) experiment.resources.slots = *options.slots;
  if (options.threads_per_slot) experiment.resources.threads_per_slot = *options.threads_per_slot;
  if (options.device) experiment.resources.device = *options.device;
  if (options.max_failures) experiment.reliability.max_failures = *options.max_failures;
  return experiment;
}

/// The size that the schedules count, for the answers.
std::string counted_size(const Experiment& experiment) {
  for (const Schedule& schedule : experiment.schedules) {
    for (const prune::PruneRequest& step : schedule.steps) {
      if (step.kind == prune::PruneRequest::Kind::keep && step.of == prune::Budget::params) return "params";
    }
  }
  return "macs";
}

int exit_code(const RunSummary& summary) {
  switch (summary.end) {
    case RunSummary::End::finished:
      return summary.failed > 0 ? exit_some_failed : exit_done;
    case RunSummary::End::interrupted:
      return 128 + summary.signal;
    case RunSummary::End::max_failures:
      return exit_max_failures;
    case RunSummary::End::budget:
      return exit_budget;
  }
  return exit_done;
}

std::string end_name(RunSummary::End end) {
  switch (end) {
    case RunSummary::End::finished:
      return "finished";
    case RunSummary::End::interrupted:
      return "interrupted";
    case RunSummary::End::max_failures:
      return "max_failures";
    case RunSummary::End::budget:
      return "budget";
  }
  return "";
}

void explain(const RunSummary& summary, const std::filesystem::path& directory) {
  log(fmt::format("{} stages: {} run, {} done before, {} failed, {} blocked by those; results in {} (nas-run report draws them)",
                  summary.stages, summary.executed, summary.reused, summary.failed, summary.blocked, directory.string()));
  switch (summary.end) {
    case RunSummary::End::finished:
      break;
    case RunSummary::End::interrupted:
      log("interrupted; the same command goes on from here");
      break;
    case RunSummary::End::max_failures:
      log("stopped by --max-failures");
      break;
    case RunSummary::End::budget:
      log(summary.spent ? "search.budget is spent; with a larger one the same command goes on from here"
                        : "stopped by --budget; the same command goes on from here");
      break;
  }
  if (summary.failed > 0)
    log(fmt::format("nas-run status {} says why stages failed; nas-run retry {} lets them run again",
                    storage::shell_quoted(directory.string()), storage::shell_quoted(directory.string())));
}

Json to_json(const SummaryRow& row) {
  const auto mean = [&row](double value) { return row.seeds == 0 ? Json() : Json(value); };
  return {{"task", row.task},
          {"net", row.net},
          {"what", row.what},
          {"seeds", row.seeds},
          {"of_seeds", row.of_seeds},
          {"accuracy_val", mean(row.accuracy_val)},
          {"accuracy_test", mean(row.accuracy_test.mean)},
          {"accuracy_test_std", mean(row.accuracy_test.deviation)},
          {"params", mean(row.params)},
          {"macs", mean(row.macs)},
          {"params_ratio", mean(row.params_ratio)},
          {"macs_ratio", mean(row.macs_ratio)}};
}

/// Names of the data that `nas-run sample` drew.
std::vector<std::string> synthetic_data(const Experiment& experiment) {
  std::vector<std::string> names;
  for (const auto& [name, data] : experiment.data)
    if (is_synthetic(data)) names.push_back(name);
  return names;
}

/// Objectives and constraints by what no net has say nothing: a search by them chose blindly.
void warn_of_missing_metrics(const Repository& repository, const Experiment& experiment) {
  const auto statuses = repository.stage_statuses(stored_metrics(experiment.objectives, experiment.constraints));
  const auto warn = [&](const std::string& metric, const char* what) {
    bool is_net = false;
    for (const auto& [stage, status] : statuses) {
      is_net = is_net || status.params.has_value();
      if (status.params && metric_of(status, metric)) return;
    }
    if (is_net) log(fmt::format("warning: no net of this run has the metric '{}', which {} names", metric, what));
  };
  for (const Objective& each : experiment.objectives) warn(each.metric, "an objective");
  for (const Constraint& each : experiment.constraints) warn(each.metric, "a constraint");
}

/// What to take, in a few lines; as JSON all that was measured beside it.
void print_answers(const RunSummary& summary, const Repository& repository, const Experiment& experiment, bool json) {
  const Snapshot run = read_snapshot(repository);
  const std::string directory = repository.directory().string(), size = counted_size(experiment);
  const std::vector<Best> bests = best_nets(repository, run, {.tolerance = experiment.tolerance, .size = size});
  const std::vector<std::string> synthetic = synthetic_data(experiment);
  if (!json) {
    if (const std::string missing = what_is_missing(run); !missing.empty()) log(missing);
    if (bests.empty()) log(why_none(run, {}));
    for (const Best& best : bests) fmt::print("{}", to_text(best, directory));
    if (!bests.empty()) fmt::print("nas-run trials {} --table shows all that was compared\n", storage::shell_quoted(directory));
    for (const std::string& name : synthetic)
      fmt::print("data {} are synthetic, drawn by nas-run sample: these figures say nothing of real images\n", name);
    return;
  }
  Json answers = Json::array(), best = Json::array();
  for (const SummaryRow& row : summary_rows(run, experiment.tolerance, size)) answers.push_back(to_json(row));
  for (const Best& each : bests) best.push_back(to_json(each, directory));
  print_json({{"directory", directory},
              {"summary",
               {{"end", end_name(summary.end)},
                {"stages", summary.stages},
                {"reused", summary.reused},
                {"executed", summary.executed},
                {"failed", summary.failed},
                {"blocked", summary.blocked}}},
              {"synthetic", synthetic},
              {"best", best},
              {"answers", answers}});
}

int run_with(const RunOptions& options) {
  Experiment experiment = load_with_options(options);
  RunLimits limits;
  limits.reliability = experiment.reliability;
  if (!options.budget.empty()) limits.budget = parse_duration(options.budget);
  const std::filesystem::path directory = results_directory(options.experiment, experiment);
  const std::unique_ptr<Strategy> strategy = strategy_of(options.experiment, experiment);
  if (options.dry_run) {
    print_plan(experiment, *strategy, directory, options.json, options.fresh);
    return exit_done;
  }
  const bool is_slurm = experiment.resources.executor == "slurm";
  if (is_slurm) limits.grace += std::chrono::seconds(experiment.resources.slurm.delay_s);
  const std::filesystem::path worker = require_worker();
  std::vector<Slot> slots = plan_slots(experiment.resources, worker);
  check_weights(experiment);
  check_runtime(experiment);

  storage::make_directory(directory);
  const storage::FileLock lock(directory / "run.lock");
  if (options.fresh) Repository::remove(directory);
  Repository repository(directory, Repository::Access::write);
  refuse_contradiction(repository, experiment, directory);
  prepare_data(experiment);
  refuse_contradiction(repository, experiment, directory);  // now that the pixels are known

  handle_signals(/*workers_stay=*/is_slurm);
  const std::unique_ptr<Executor> executor = make_executor(
      experiment.resources, {directory, worker, std::move(slots), std::chrono::seconds(experiment.reliability.heartbeat_timeout_s)});
  const std::unique_ptr<RunObserver> progress = make_progress(stderr, isatty(STDERR_FILENO) != 0);
  const RunSummary summary = run(experiment, *strategy, repository, *executor, limits, stop_request, *progress);

  explain(summary, directory);
  warn_of_missing_metrics(repository, experiment);
  print_answers(summary, repository, experiment, options.json);
  return exit_code(summary);
}

}  // namespace

int run_experiment(const ExperimentArguments& arguments) {
  return run_with({.experiment = arguments});
}

void add_run(CLI::App& app, Action& action) {
  const auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "run what is not done yet of an experiment and print which net to take");
  add_experiment_arguments(*command, options->experiment);
  add_only_option(*command, options->experiment);
  command->add_option("--slots", options->slots, "stages at a time; default: as many as the devices allow")->check(CLI::Range(1, 1024));
  command->add_option("--threads-per-slot", options->threads_per_slot, "default: one on a CPU")->check(CLI::Range(1, 1024));
  command->add_option("--device", options->device, device_forms)->check([](const std::string& text) {
    return is_device(text) ? std::string() : fmt::format("'{}' is not a device; valid: {}", text, device_forms);
  });
  command
      ->add_option("--executor", options->executor,
                   "where stages run: process, ssh on the experiment's hosts, or slurm; default: as the experiment says")
      ->check(CLI::IsMember(executor_names()));
  command->add_flag("--fresh", options->fresh, "delete what an earlier run left in the results directory, and start anew");
  command->add_option("--max-failures", options->max_failures, "end the run when so many stages have failed; 0: no limit")
      ->check(CLI::Range(0, 1000000));
  command->add_option("--budget", options->budget, "stop after this time, as in 90s, 30m or 4h; the same command goes on later");
  command->add_flag("-n,--dry-run", options->dry_run, "print the plan; nothing runs");
  command->add_flag("--json", options->json, "one JSON document: the summary and the answers");
  command->footer(
      "Examples:\n"
      "  nas-run experiments/fashion_mnist.yaml\n"
      "  nas-run run experiments/fashion_mnist.yaml -s search.seeds=5 --slots 2 --budget 4h\n"
      "  nas-run run experiments/fashion_mnist.yaml --only tops/vgg16_bn/lda-wilks/early/s1 -o again\n"
      "Exit codes: 0 done, 2 usage, 3 experiment or data invalid, 4 some trials failed, 5 storage, 6 environment,\n"
      "  7 stopped by --max-failures, 75 stopped by --budget, 129, 130 or 143 interrupted");
  command->callback([options, &action] { action = [options] { return run_with(*options); }; });
}

}  // namespace search::cli
