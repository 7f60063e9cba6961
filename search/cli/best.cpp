#include "search/report/best.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "search/cli/commands.h"

namespace search::cli {

namespace {

struct BestOptions {
  std::filesystem::path directory;
  BestRequest request;
  bool json = false;
};

int best(const BestOptions& options) {
  const storage::Repository repository(options.directory, storage::Repository::Access::read);
  const Snapshot run = read_snapshot(repository);
  const std::vector<Best> all = best_nets(repository, run, options.request);
  if (const std::string missing = what_is_missing(run); !missing.empty() && !all.empty()) log(missing);
  if (options.json) {
    Json list = Json::array();
    for (const Best& each : all) list.push_back(to_json(each, options.directory.string()));
    print_json(list);
    return exit_done;
  }
  if (all.empty()) log(why_none(run, options.request));
  for (const Best& each : all) fmt::print("{}", to_text(each, options.directory.string()));
  return exit_done;
}

}  // namespace

void add_best(CLI::App& app, Action& action) {
  const auto options = std::make_shared<BestOptions>();
  CLI::App* command = app.add_subcommand("best", "which net to take, why, how sure that is, and the command that exports it");
  add_directory_argument(*command, options->directory);
  BestRequest& request = options->request;
  command->add_option("--max-macs", request.max_macs, "multiply-accumulates of one image, as in 2e6")->check(refuse_unless_above_zero);
  command->add_option("--max-params", request.max_params, "parameters")->check(refuse_unless_above_zero);
  command->add_option("--max-latency", request.max_latency_ms, "milliseconds, where evaluate: {latency: ...} measured them")
      ->check(refuse_unless_above_zero);
  command->add_option("--min-accuracy", request.min_accuracy, "validation accuracy, as in 0.9: the smallest net that has it")
      ->check(refuse_unless_above_zero)
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--x", request.size, "the size that small means: macs or params")
      ->check(CLI::IsMember({"macs", "params"}))
      ->capture_default_str();
  command->add_option("--task", request.task, "of this task alone");
  command->add_flag("--json", options->json, "one JSON document");
  command->footer(
      "Examples:\n"
      "  nas-run best results/fashion_mnist\n"
      "  nas-run best results/fashion_mnist --max-macs 2.4e6\n"
      "  nas-run best results/fashion_mnist --min-accuracy 0.8 --json\n"
      "Without limits it is the smallest net whose validation accuracy is within search.tolerance of its base's. Nets from scratch "
      "compete\n"
      "too: where one of them is the better answer, it is the answer.");
  command->callback([options, &action] { action = [options] { return best(*options); }; });
}

}  // namespace search::cli
