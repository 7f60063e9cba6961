#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "search/cli/commands.h"
#include "search/cli/usage.h"

namespace search::cli {

namespace {

/// Text as man(7) shows it as it is: no line of it is a request, no hyphen becomes a dash.
std::string roff(const std::string& text) {
  std::string safe;
  for (const char letter : text) {
    const bool opens_line = safe.empty() || safe.back() == '\n';
    if (opens_line && (letter == '.' || letter == '\'')) safe += "\\&";
    if (letter == '\\')
      safe += "\\e";
    else if (letter == '-')
      safe += "\\-";
    else
      safe += letter;
  }
  return safe;
}

std::string synopsis(const CommandUsage& command) {
  std::string text = fmt::format("\\fBnas\\-run {}\\fR", roff(command.name));
  for (const OptionUsage& option : command.options)
    if (option.positional) text += fmt::format(fmt::runtime(option.required ? " \\fI{}\\fR" : " [\\fI{}\\fR]"), roff(option.names.at(0)));
  return text + " [options]";
}

std::string option_lines(const OptionUsage& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.names) names.push_back(fmt::format("\\fB{}\\fR", roff(name)));
  return fmt::format(".TP\n{}{}\n{}{}\n", fmt::join(names, ", "),
                     option.value.empty() ? "" : fmt::format(" \\fI{}\\fR", roff(option.value)), roff(option.doc),
                     option.required && !option.positional ? " (required)" : "");
}

std::string command_lines(const CommandUsage& command) {
  std::string text = fmt::format(".SS \"{}\"\n{}\n.PP\n{}.\n", command.name, synopsis(command), roff(command.doc));
  for (const OptionUsage& option : command.options)
    if (option.names.empty() || option.names[0] != "-h") text += option_lines(option);
  return text + fmt::format(".PP\n.nf\n{}\n.fi\n", roff(command.footer));
}

std::string man_page(const std::vector<CommandUsage>& commands) {
  const CommandUsage& program = commands.at(0);
  std::string page = fmt::format(".TH NAS\\-RUN 1 \"\" \"nas\\-run " NAS_VERSION
                                 "\"\n.SH NAME\nnas\\-run \\- {}\n.SH SYNOPSIS\n\\fBnas\\-run\\fR "
                                 "\\fIEXPERIMENT.yaml\\fR [options]\n.br\n\\fBnas\\-run\\fR \\fICOMMAND\\fR [options]\n.SH COMMANDS\n",
                                 roff("search for small nets by Fisher-LDA pruning"));
  for (std::size_t i = 1; i < commands.size(); ++i) page += command_lines(commands[i]);
  page += fmt::format(".SH EXAMPLES\n.nf\n{}\n.fi\n", roff(program.footer));
  return page +
         ".SH EXIT STATUS\n"
         "0 done; 1 internal error; 2 usage; 3 experiment or data invalid; 4 some trials failed; 5 storage; 6 environment; 7 too many "
         "failures; 75 budget spent; 129, 130 or 143 interrupted.\n"
         ".SH ENVIRONMENT\n.TP\nNAS_WORKER\nThe worker program; default: nas\\-worker beside nas\\-run.\n"
         ".TP\nXDG_CACHE_HOME\nWhere decoded images are kept; default: ~/.cache.\n.TP\nNO_COLOR\nPlain lines on a terminal too.\n";
}

}  // namespace

void add_man(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("man", "print the man page");
  command->footer(
      "Examples:\n"
      "  nas-run man | man -l -\n"
      "  nas-run man > ~/.local/share/man/man1/nas-run.1");
  command->callback([&app, &action] {
    action = [&app] {
      fmt::print("{}", man_page(usage(app)));
      return exit_done;
    };
  });
}

}  // namespace search::cli
