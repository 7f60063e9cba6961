#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "search/cli/commands.h"
#include "search/report/pareto.h"
#include "search/report/summary.h"
#include "storage/repository.h"

namespace search::cli {

namespace {

using storage::Repository;

struct QueryOptions {
  std::filesystem::path directory;
  bool json = false, csv = false, table = false;
  std::string x = "macs";
};

int trials(const QueryOptions& options) {
  static const std::vector<std::string> columns{"trial", "task",  "net",   "criterion", "schedule", "seed",
                                                "fold",  "state", "steps", "failure",   "name"};
  const Repository repository(options.directory, Repository::Access::read);
  if (options.table) {
    fmt::print("{}", to_table(summary_rows(read_snapshot(repository), stored_tolerance(repository), "macs")));
    return exit_done;
  }
  const Json rows = repository.rows("trials");
  if (options.json) {
    print_json(rows);
  } else {
    fmt::print("{}", options.csv ? to_csv(rows, columns) : to_text(rows, columns));
  }
  return exit_done;
}

int pareto(const QueryOptions& options) {
  static const std::vector<std::string> columns{"task", "net",          "criterion",     "schedule", "seed", "trial",
                                                "step", "accuracy_val", "accuracy_test", "params",   "macs"};
  const Repository repository(options.directory, Repository::Access::read);
  const Snapshot run = read_snapshot(repository);
  std::map<std::pair<int, int>, Json> steps;  // by trial and step
  for (Json& step : repository.rows("steps")) {
    const std::pair key{step.at("trial").get<int>(), step.at("step").get<int>()};
    steps[key] = std::move(step);
  }
  const Costs sizes{{options.x, sizes_of(run)[options.x]}};
  Json rows = Json::array();
  for (const auto& [task, measures] : fronts_of(run, sizes))
    for (const int member : measures.at(options.x)) {
      const StoredNet& net = run.nets[static_cast<std::size_t>(member)];
      rows.push_back(steps.at({run.trial_of(net)->number, net.step}));
    }
  const auto beyond = std::count_if(run.nets.begin(), run.nets.end(), [](const StoredNet& net) { return net.beyond; });
  if (beyond > 0) log(fmt::format("{} of {} nets are beyond the experiment's constraints and left out", beyond, run.nets.size()));
  if (options.json) {
    print_json(rows);
  } else {
    fmt::print("{}", to_text(rows, columns));
  }
  return exit_done;
}

}  // namespace

void add_trials(CLI::App& app, Action& action) {
  const auto options = std::make_shared<QueryOptions>();
  CLI::App* command = app.add_subcommand("trials", "list the trials of a run");
  add_directory_argument(*command, options->directory);
  CLI::Option* json = command->add_flag("--json", options->json, "one JSON document: the view `trials`");
  CLI::Option* csv = command->add_flag("--csv", options->csv, "comma-separated values")->excludes(json);
  command->add_flag("--table", options->table, "means over seeds: the base, each schedule and criterion, the baselines")
      ->excludes(json)
      ->excludes(csv);
  command->footer(
      "Examples:\n"
      "  nas-run trials results/fashion_mnist\n"
      "  nas-run trials results/fashion_mnist --table\n"
      "  nas-run trials results/fashion_mnist --csv > trials.csv");
  command->callback([options, &action] { action = [options] { return trials(*options); }; });
}

void add_pareto(CLI::App& app, Action& action) {
  const auto options = std::make_shared<QueryOptions>();
  CLI::App* command = app.add_subcommand("pareto", "list the nets that no other beats in both validation accuracy and size");
  add_directory_argument(*command, options->directory);
  command->add_option("--x", options->x, "the size: macs or params")->check(CLI::IsMember({"macs", "params"}))->capture_default_str();
  command->add_flag("--json", options->json, "one JSON document");
  command->footer(
      "Examples:\n"
      "  nas-run pareto results/fashion_mnist\n"
      "  nas-run pareto results/fashion_mnist --x params --json");
  command->callback([options, &action] { action = [options] { return pareto(*options); }; });
}

}  // namespace search::cli
