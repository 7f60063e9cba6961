#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "search/cli/commands.h"
#include "search/cli/usage.h"

namespace search::cli {

namespace {

using Commands = std::vector<CommandUsage>;

/// Within single quotes of a shell; in zsh's lists also without what they give a meaning.
std::string quoted(const std::string& text, const std::string& escaped = "") {
  std::string safe;
  for (const char letter : text) {
    if (escaped.find(letter) != std::string::npos) safe += '\\';
    safe += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  }
  return safe;
}

std::string joined_names(const Commands& commands) {
  std::string names;
  for (std::size_t i = 1; i < commands.size(); ++i) names += (i > 1 ? " " : "") + commands[i].name;
  return names;
}

std::string bash(const Commands& commands) {
  std::string script = fmt::format(
      "_nas_run() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} options='' choices=''\n"
      "  if [ \"$COMP_CWORD\" = 1 ]; then\n"
      "    mapfile -t COMPREPLY < <(compgen -W '{} --help --version' -- \"$word\"; compgen -f -- \"$word\")\n"
      "    return\n"
      "  fi\n"
      "  case ${{COMP_WORDS[1]}} in\n",
      joined_names(commands));
  for (std::size_t i = 1; i < commands.size(); ++i) {
    std::string options, choices, positional;
    for (const OptionUsage& option : commands[i].options) {
      if (option.positional) positional += fmt::format(" {}", fmt::join(option.choices, " "));
      if (!option.positional) options += fmt::format(" {}", fmt::join(option.names, " "));
      if (!option.positional && !option.choices.empty())
        choices += fmt::format(" {}) choices='{}' ;;", fmt::join(option.names, "|"), fmt::join(option.choices, " "));
    }
    const std::size_t first = positional.find_first_not_of(' ');
    const bool has_short_form = commands[i].name == "run";  // nas-run EXPERIMENT.yaml
    script += fmt::format("    {})\n      options='{}{}'\n", has_short_form ? "run | *.yaml | *.yml | -*" : commands[i].name,
                          options.substr(1), first == std::string::npos ? "" : " " + positional.substr(first));
    if (!choices.empty()) script += fmt::format("      case $before in{} esac ;;\n", choices);
    if (choices.empty()) script += "      ;;\n";
  }
  return script +
         "  esac\n"
         "  if [ -n \"$choices\" ]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$word\")\n"
         "  else\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\"; compgen -f -- \"$word\")\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _nas_run nas-run\n";
}

std::string zsh(const Commands& commands) {
  std::string script = "#compdef nas-run\n_nas-run() {\n  local -a commands\n  commands=(\n";
  for (std::size_t i = 1; i < commands.size(); ++i)
    script += fmt::format("    '{}:{}'\n", commands[i].name, quoted(commands[i].doc, ":\\"));
  script +=
      "  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe command commands\n"
      "    _files\n"
      "    return\n"
      "  fi\n"
      "  local command=$words[2]\n"
      "  (( $+functions[_nas-run_$command] )) || command=run\n"
      "  shift words\n"
      "  (( CURRENT-- ))\n"
      "  _nas-run_$command\n"
      "}\n";
  for (std::size_t i = 1; i < commands.size(); ++i) {
    script += fmt::format("_nas-run_{}() {{\n  _arguments", commands[i].name);
    for (const OptionUsage& option : commands[i].options) {
      const std::string values = option.choices.empty() ? "_files" : fmt::format("({})", fmt::join(option.choices, " "));
      const std::string action = option.value.empty() ? "" : fmt::format(":value:{}", values);
      for (const std::string& name : option.names)
        script += option.positional ? fmt::format(" \\\n    ':{}:{}'", quoted(name, ":\\[]"), values)
                                    : fmt::format(" \\\n    '{}[{}]{}'", name, quoted(option.doc, ":\\[]"), action);
    }
    script += "\n}\n";
  }
  return script + "_nas-run \"$@\"\n";
}

std::string fish(const Commands& commands) {
  std::string script;
  for (std::size_t i = 1; i < commands.size(); ++i)
    script += fmt::format("complete -c nas-run -n __fish_use_subcommand -a {} -d '{}'\n", commands[i].name, quoted(commands[i].doc, "\\"));
  for (std::size_t i = 1; i < commands.size(); ++i) {
    for (const OptionUsage& option : commands[i].options) {
      std::string line = fmt::format("complete -c nas-run -n '__fish_seen_subcommand_from {}'", commands[i].name);
      for (const std::string& name : option.names)
        if (!option.positional) line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (!option.choices.empty()) line += fmt::format(" {} '{}'", option.positional ? "-a" : "-x -a", fmt::join(option.choices, " "));
      if (option.choices.empty() && option.positional) continue;
      if (option.choices.empty() && !option.value.empty()) line += " -r";
      script += line + fmt::format(" -d '{}'\n", quoted(option.doc, "\\"));
    }
  }
  return script;
}

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completion", "print what a shell needs to complete commands, options and files");
  command->add_option("SHELL", *shell, "the shell")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer(
      "Examples:\n"
      "  source <(nas-run completion bash)\n"
      "  nas-run completion zsh > ~/.zfunc/_nas-run              with fpath+=~/.zfunc before compinit\n"
      "  nas-run completion fish > ~/.config/fish/completions/nas-run.fish");
  command->callback([shell, &app, &action] {
    action = [shell, &app] {
      const Commands commands = usage(app);
      fmt::print("{}", *shell == "bash" ? bash(commands) : *shell == "zsh" ? zsh(commands) : fish(commands));
      return exit_done;
    };
  });
}

}  // namespace search::cli
