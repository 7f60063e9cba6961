// The command line as data, read from the parser itself: what the man page and the shells' completions are made of.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace search::cli {

struct OptionUsage {
  std::vector<std::string> names;    ///< "-o", "--output"; of a positional "DIR"
  std::string value;                 ///< "TEXT", "INT in [1 - 1024]"; "" for a flag
  std::vector<std::string> choices;  ///< where only these are valid
  std::string doc;
  bool positional = false, required = false;
};

struct CommandUsage {
  std::string name, doc, footer;
  std::vector<OptionUsage> options;
};

/// The program itself, then its subcommands in their order.
std::vector<CommandUsage> usage(const CLI::App& app);

}  // namespace search::cli
