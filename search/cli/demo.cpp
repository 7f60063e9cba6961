#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "search/cli/commands.h"
#include "storage/base/error.h"

namespace search::cli {

namespace {

constexpr const char* demo_name = "fashion_mnist";

/// The experiment among those that were installed with the running program, or those of the folder that it was built in.
std::filesystem::path demo_experiment() {
  const std::filesystem::path bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string file = std::string(demo_name) + ".yaml";
  const std::vector<std::filesystem::path> folders{bin / "../share/nas-run/experiments", bin / "../../../experiments"};
  for (const std::filesystem::path& folder : folders)
    if (std::filesystem::is_regular_file(folder / file)) return (folder / file).lexically_normal();
  throw storage::Error(storage::ErrorKind::environment,
                       fmt::format("the experiment {} is not at {}; valid: `make install`, which puts it there, or nas-run FILE", file,
                                   (folders.front() / file).lexically_normal().string()));
}

int demo(ExperimentArguments arguments) {
  arguments.file = demo_experiment();
  if (arguments.output.empty()) arguments.output = std::filesystem::path("results") / demo_name;
  log(fmt::format("small nets for Fashion-MNIST by {}", arguments.file.string()));
  return run_experiment(arguments);
}

}  // namespace

void add_demo(CLI::App& app, Action& action) {
  const auto arguments = std::make_shared<ExperimentArguments>();
  CLI::App* command = app.add_subcommand("demo", "search small nets for Fashion-MNIST, as `make run` does: minutes on two cores");
  add_override_option(*command, *arguments);
  command->add_option("-o,--output", arguments->output, "directory of the results; default: results/fashion_mnist");
  command->footer(
      "Examples:\n"
      "  nas-run demo\n"
      "  nas-run demo -s search.seeds=1 -s train.epochs=2 -o quick\n"
      "The data come with Debian's package dataset-fashion-mnist; FASHION_MNIST_ROOT names another place. nas-run best, report and export\n"
      "then take the results directory.");
  command->callback([arguments, &action] { action = [arguments] { return demo(*arguments); }; });
}

}  // namespace search::cli
