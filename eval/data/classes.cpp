#include "eval/data/classes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "storage/base/error.h"

namespace eval {
namespace {

/// The class that a name means, or a number where no class has that name.
std::string class_of(const std::string& text, const std::vector<std::string>& all, const std::string& where) {
  if (std::find(all.begin(), all.end(), text) != all.end()) return text;
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number < all.size()) return all[number];
  throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: classes: no class is called '{}'{}; or by number: 0 to {}", where,
                                                                text, storage::suggestion(text, all), all.size() - 1));
}

}  // namespace

const storage::Option& classes_option() {
  static const storage::Option option{.name = "classes",
                                      .kind = storage::OptionKind::names,
                                      .doc = "the classes that the task tells apart, by name or number, in this order; all if absent",
                                      .optional = true};
  return option;
}

std::vector<std::string> chosen_classes(const storage::Json& options, const std::vector<std::string>& all, const std::string& where) {
  if (!options.contains(classes_option().name)) return all;
  std::vector<std::string> chosen;
  for (const storage::Json& given : options[classes_option().name]) {
    const std::string name = class_of(given, all, where);
    if (std::find(chosen.begin(), chosen.end(), name) != chosen.end())
      throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: classes: '{}' is given twice; valid: each once", where, name));
    chosen.push_back(name);
  }
  if (chosen.size() < 2)
    throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: classes: {} given; valid: two or more", where, chosen.size()));
  return chosen;
}

void relabel(std::vector<std::int32_t>& labels, const std::vector<std::string>& all, const std::vector<std::string>& chosen) {
  std::vector<std::int32_t> place(all.size(), -1);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto found = std::find(chosen.begin(), chosen.end(), all[i]);
    if (found != chosen.end()) place[i] = static_cast<std::int32_t>(found - chosen.begin());
  }
  for (std::int32_t& label : labels)
    if (label >= 0) label = place[static_cast<std::size_t>(label)];
}

}  // namespace eval
