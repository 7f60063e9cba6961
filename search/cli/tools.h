// The subcommands that tell of the program itself, and the one that shows a run live. Added by main() as those of commands.h are.
#pragma once

#include "search/cli/commands.h"

namespace search::cli {

void add_serve(CLI::App& app, Action& action);
void add_reference(CLI::App& app, Action& action);

/// These two describe all that was added to `app` by the time that they run.
void add_completion(CLI::App& app, Action& action);
void add_man(CLI::App& app, Action& action);

}  // namespace search::cli
