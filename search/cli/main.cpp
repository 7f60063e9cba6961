// nas-run: reads the command line, runs one command, turns an error into a message and an exit code.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "search/cli/commands.h"
#include "search/cli/printable.h"
#include "storage/base/error.h"
#include "storage/base/option.h"

namespace {

using storage::Error;
using storage::ErrorKind;

constexpr const char* examples =
    "Examples:\n"
    "  nas-run init photos                             an experiment for a folder of images\n"
    "  nas-run experiments/fashion_mnist.yaml          the short form of nas-run run\n"
    "  nas-run plan experiments/fashion_mnist.yaml     what would run\n"
    "  nas-run status results/fashion_mnist            how far it is\n"
    "nas-run COMMAND --help says more of a command.";

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

/// `nas-run EXPERIMENT.yaml ...` and `nas-run OPTIONS...` stand for `nas-run run ...`. Throws Error(usage) for an unknown command.
void insert_run(std::vector<std::string>& arguments, const std::vector<std::string>& commands) {
  const std::string first = arguments.front();
  if (first == "-h" || first == "--help" || first == "--version" || std::count(commands.begin(), commands.end(), first) > 0) return;
  const std::filesystem::path path(first);
  const bool is_experiment = path.extension() == ".yaml" || path.extension() == ".yml" || std::filesystem::is_regular_file(path);
  if (first.substr(0, 1) != "-" && !is_experiment) {
    throw Error(ErrorKind::usage, fmt::format("'{}' is not a command or a YAML file{}", first, storage::suggestion(first, commands)));
  }
  arguments.insert(arguments.begin(), "run");
}

/// As of a variable that is not set: as a path it would be this folder, or none.
void refuse_empty(const std::vector<std::string>& arguments) {
  const auto empty = std::find(arguments.begin(), arguments.end(), "");
  if (empty == arguments.end()) return;
  const std::string where = empty == arguments.begin() ? "the first argument" : fmt::format("the argument after '{}'", *(empty - 1));
  throw Error(ErrorKind::usage, where + " is empty; valid: a value, or none");
}

int run_command(std::vector<std::string> arguments) {
  CLI::App app("Searches for small nets by Fisher-LDA pruning: an experiment in, the net to take out.", "nas-run");
  app.set_version_flag("--version", "nas-run " NAS_VERSION);
  app.footer(examples);
  app.require_subcommand(1);
  search::cli::Action action;
  search::cli::add_init(app, action);
  search::cli::add_demo(app, action);
  search::cli::add_run(app, action);
  search::cli::add_plan(app, action);
  search::cli::add_validate(app, action);
  search::cli::add_status(app, action);
  search::cli::add_best(app, action);
  search::cli::add_evidence(app, action);
  search::cli::add_trials(app, action);
  search::cli::add_show(app, action);
  search::cli::add_pareto(app, action);
  search::cli::add_compare(app, action);
  search::cli::add_lineage(app, action);
  search::cli::add_report(app, action);
  search::cli::add_export(app, action);
  search::cli::add_retry(app, action);
  search::cli::add_nets(app, action);
  search::cli::add_net(app, action);
  search::cli::add_convert(app, action);
  search::cli::add_score(app, action);
  search::cli::add_prune(app, action);
  search::cli::add_evaluate(app, action);
  search::cli::add_data(app, action);
  search::cli::add_sample(app, action);
  search::cli::add_gc(app, action);
  search::cli::add_doctor(app, action);
  search::cli::add_serve(app, action);
  search::cli::add_reference(app, action);
  search::cli::add_completion(app, action);
  search::cli::add_man(app, action);
  if (arguments.empty()) {
    fmt::print(stderr, "{}", app.help());
    return storage::exit_code(ErrorKind::usage);
  }
  refuse_empty(arguments);
  insert_run(arguments, command_names(app));
  try {
    std::reverse(arguments.begin(), arguments.end());  // the parser takes them from the back
    app.parse(arguments);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorKind::usage, fmt::format("{}; nas-run COMMAND --help says what is valid", error.what()));
  }
  return action();
}

void complain(const std::string& why) {
  search::cli::tell(stderr, fmt::format("nas-run: error: {}\n", search::cli::printable(why)));
}

}  // namespace

int main(int count, char** values) {
  std::signal(SIGCHLD, SIG_DFL);  // ignored, as some programs start theirs, it would hide how workers and Slurm's commands ended
  int code = 0;
  try {
    code = run_command({values + 1, values + count});
    search::cli::flush_stdout();
  } catch (const Error& error) {
    complain(error.what());
    code = storage::exit_code(error.kind());
  } catch (const std::system_error& error) {  // of output that cannot be written
    complain(error.what());
    code = storage::exit_code(ErrorKind::environment);
  } catch (const std::exception& error) {
    complain(fmt::format("internal: {}", error.what()));
    code = storage::exit_code(ErrorKind::internal);
  }
  return code;
}
