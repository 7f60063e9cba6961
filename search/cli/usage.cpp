#include "search/cli/usage.h"

#include <CLI/CLI.hpp>

namespace search::cli {

namespace {

/// "{a,b}" within a type's name.
std::vector<std::string> choices_in(const std::string& type) {
  const std::size_t open = type.find('{'), close = type.find('}', open);
  if (open == std::string::npos || close == std::string::npos) return {};
  return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

/// "INT:INT in [1 - 9]" as "INT in [1 - 9]", "TEXT:{a,b}" as "a|b".
std::string shown_type(const std::string& type, const std::vector<std::string>& choices) {
  if (!choices.empty()) return CLI::detail::join(choices, "|");
  const std::size_t colon = type.find(':');
  return colon == std::string::npos ? type : type.substr(colon + 1);
}

OptionUsage usage_of(const CLI::Option& option) {
  OptionUsage usage;
  usage.positional = option.get_positional();
  if (usage.positional) usage.names = {option.get_name(true)};
  for (const std::string& name : option.get_snames()) usage.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) usage.names.push_back("--" + name);
  const bool flag = !usage.positional && option.get_expected_min() == 0;
  const std::string type = option.get_type_name();
  if (!flag) usage.choices = choices_in(type);
  if (!flag) usage.value = shown_type(type, usage.choices);
  usage.doc = option.get_description();
  usage.required = option.get_required();
  return usage;
}

CommandUsage usage_of(const CLI::App& app) {
  CommandUsage usage{app.get_name(), app.get_description(), app.get_footer(), {}};
  for (const CLI::Option* option : app.get_options()) usage.options.push_back(usage_of(*option));
  return usage;
}

}  // namespace

std::vector<CommandUsage> usage(const CLI::App& app) {
  std::vector<CommandUsage> all{usage_of(app)};
  for (const CLI::App* command : app.get_subcommands({})) all.push_back(usage_of(*command));
  return all;
}

}  // namespace search::cli
