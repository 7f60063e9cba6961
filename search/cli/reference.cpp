#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "search/cli/commands.h"
#include "search/experiment/yaml/yaml_reference.h"

namespace search::cli {

void add_reference(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("reference", "print every key of an experiment file, with what is valid and the default");
  command->footer(
      "Examples:\n"
      "  nas-run reference | less\n"
      "  nas-run reference > docs/yaml.md");
  command->callback([&action] {
    action = [] {
      fmt::print("{}", yaml_reference());
      return exit_done;
    };
  });
}

}  // namespace search::cli
