#include "search/report/lineage.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "search/cli/commands.h"
#include "search/cli/printable.h"
#include "search/cli/trial.h"

namespace search::cli {

namespace {

using storage::Repository;

struct LineageOptions {
  std::filesystem::path directory;
  std::string trial;
  bool dot = false, json = false;
};

int show_lineage(const LineageOptions& options) {
  const Repository repository(options.directory, Repository::Access::read);
  Json nets = lineage(repository.rows("nets"), repository.rows("layers"));
  if (!options.trial.empty()) {
    const Json trial = find_trial(repository, options.trial);
    nets = trial.at("steps").empty() ? Json::array() : ancestors(nets, trial.at("steps").back().at("stage"));
  }
  if (options.json)
    print_json(nets);
  else
    fmt::print("{}", options.dot ? lineage_to_dot(nets) : printable(lineage_to_text(nets)));
  return exit_done;
}

}  // namespace

void add_lineage(CLI::App& app, Action& action) {
  const auto options = std::make_shared<LineageOptions>();
  CLI::App* command = app.add_subcommand("lineage", "where nets come from: each cut, what it asked for and what it did");
  add_directory_argument(*command, options->directory);
  command->add_option("TRIAL", options->trial, "number or name of a trial: the way to its last net; default: all nets");
  CLI::Option* dot = command->add_flag("--dot", options->dot, "a graph for Graphviz");
  command->add_flag("--json", options->json, "one JSON document")->excludes(dot);
  command->footer(
      "Examples:\n"
      "  nas-run lineage results/fashion_mnist 3\n"
      "  nas-run lineage results/fashion_mnist --dot | dot -Tsvg -o lineage.svg");
  command->callback([options, &action] { action = [options] { return show_lineage(*options); }; });
}

}  // namespace search::cli
