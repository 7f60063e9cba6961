#include "storage/base/option.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>

#include "storage/base/error.h"
#include "storage/base/option_text.h"

namespace storage {

namespace {

/// Case-blind edit distance in which a swap of neighbours counts one (optimal string alignment).
std::size_t distance(const std::string& a, const std::string& b) {
  const auto same = [&](std::size_t i, std::size_t j) {
    return std::tolower(static_cast<unsigned char>(a[i])) == std::tolower(static_cast<unsigned char>(b[j]));
  };
  std::vector<std::vector<std::size_t>> table(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        table[i][j] = i + j;
        continue;
      }
      table[i][j] = std::min({table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (same(i - 1, j - 1) ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && same(i - 1, j - 2) && same(i - 2, j - 1);
      if (swapped) table[i][j] = std::min(table[i][j], table[i - 2][j - 2] + 1);
    }
  }
  return table[a.size()][b.size()];
}

/// The largest integer an option takes: what an `int` holds, unless the option names a bound itself.
double integer_max(const Option& option) {
  return std::isinf(option.max) ? std::numeric_limits<int>::max() : option.max;
}
double integer_min(const Option& option) {
  return std::isinf(option.min) ? std::numeric_limits<int>::min() : option.min;
}

std::string range(const char* noun, double min, double max) {
  if (std::isinf(min) && std::isinf(max)) return noun;
  if (std::isinf(max)) return fmt::format("{} of at least {}", noun, min);
  if (std::isinf(min)) return fmt::format("{} of at most {}", noun, max);
  return fmt::format("{} from {} to {}", noun, min, max);
}

/// What is valid for the option, to follow "is not".
std::string valid(const Option& option) {
  switch (option.kind) {
    case OptionKind::boolean:
      return "true or false";
    case OptionKind::integer:
      return range("an integer", option.min, option.max);
    case OptionKind::real:
      return range("a finite number", option.min, option.max);
    case OptionKind::text:
      return "a text";
    case OptionKind::choice:
      return fmt::format("one of {}", fmt::join(option.choices, ", "));
    case OptionKind::path:
      return "a path";
    case OptionKind::names:
      return option.choices.empty() ? "a list of names" : fmt::format("a list of names out of {}", fmt::join(option.choices, ", "));
    case OptionKind::reals:
      return "a list, each " + range("a finite number", option.min, option.max);
  }
  return "";
}

std::string shown(const Json& value) {
  return value.is_string() ? fmt::format("'{}'", value.get<std::string>()) : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

[[noreturn]] void refuse(const Option& option, const Json& value) {
  std::string hint;
  if (value.is_string() && option.kind == OptionKind::choice) {
    const std::string near = nearest(value.get<std::string>(), option.choices);
    if (!near.empty()) hint = fmt::format(" (did you mean '{}'?)", near);
  }
  throw Error(ErrorKind::invalid, fmt::format("{} is not {}{}", shown(value), valid(option), hint));
}

Json check_integer(const Option& option, const Json& value) {
  if (!value.is_number_integer()) refuse(option, value);
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    refuse(option, value);
  }
  const auto number = value.get<std::int64_t>();
  const double min = integer_min(option), max = integer_max(option);
  if (static_cast<double>(number) < min || static_cast<double>(number) > max) {
    throw Error(ErrorKind::invalid, fmt::format("{} is not {}", number, range("an integer", min, max)));
  }
  return number;
}

void check_length(const Option& option, const Json& value) {
  if (option.filled && value.empty()) throw Error(ErrorKind::invalid, fmt::format("a list has no entries; valid: {}", valid(option)));
}

Json check_names(const Option& option, const Json& value) {
  if (!value.is_array()) refuse(option, value);
  check_length(option, value);
  for (const Json& name : value) {
    if (!name.is_string()) refuse(option, value);
    if (option.choices.empty() || std::count(option.choices.begin(), option.choices.end(), name.get<std::string>()) > 0) continue;
    throw Error(ErrorKind::invalid, fmt::format("{} is not known{}", shown(name), suggestion(name.get<std::string>(), option.choices)));
  }
  return value;
}

Json check_real(const Option& option, const Json& value) {
  if (!value.is_number()) refuse(option, value);
  const double number = value.get<double>();
  if (!std::isfinite(number)) refuse(option, number_to_json(number));
  if (number < option.min || number > option.max) refuse(option, value);
  return number;
}

Json check_reals(const Option& option, const Json& value) {
  if (!value.is_array()) refuse(option, value);
  check_length(option, value);
  Json numbers = Json::array();
  for (const Json& number : value) numbers.push_back(check_real(option, number));
  return numbers;
}

/// The whole text as a number, or null.
template <class Number>
Json parse_number(const std::string& text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? Json(number) : Json();
}

/// As YAML 1.2's core schema writes them.
std::optional<bool> parse_boolean(const std::string& text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

Json parse_names(const std::string& text) {
  Json names = Json::array();
  if (text.empty()) return names;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    names.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

/// Numbers between commas; what is none stays text, for the message.
Json parse_reals(const std::string& text) {
  Json numbers = Json::array();
  for (const Json& part : parse_names(text)) {
    const Json number = parse_number<double>(part.get<std::string>());
    numbers.push_back(number.is_null() || !std::isfinite(number.get<double>()) ? part : number);
  }
  return numbers;
}

}  // namespace

std::string valid_values(const Option& option) {
  return valid(option);
}

std::string nearest(const std::string& given, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (const std::string& candidate : candidates) {
    const std::size_t edits = distance(given, candidate);
    if (edits < least && 2 * edits <= std::max(given.size(), candidate.size())) {
      least = edits;
      best = candidate;
    }
  }
  return best;
}

std::string suggestion(const std::string& given, const std::vector<std::string>& candidates) {
  const std::string near = nearest(given, candidates);
  if (!near.empty()) return fmt::format(" (did you mean '{}'?)", near);
  return candidates.empty() ? "" : fmt::format(" (valid: {})", fmt::join(candidates, ", "));
}

Json parse_option(const Option& option, const std::string& text) {
  Json value = text;
  switch (option.kind) {
    case OptionKind::boolean:
      if (const std::optional<bool> boolean = parse_boolean(text)) value = *boolean;
      break;
    case OptionKind::integer:
      if (const Json number = parse_number<std::int64_t>(text); !number.is_null()) value = number;
      break;
    case OptionKind::real:
      if (const Json number = parse_number<double>(text); !number.is_null()) value = number;
      break;
    case OptionKind::names:
      value = parse_names(text);
      break;
    case OptionKind::reals:
      value = parse_reals(text);
      break;
    case OptionKind::text:
    case OptionKind::choice:
    case OptionKind::path:
      break;
  }
  // JSON has no such number, so that a message could only say "null".
  if (value.is_number_float() && !std::isfinite(value.get<double>())) value = text;
  return check_option(option, value);
}

Json check_option(const Option& option, const Json& value) {
  switch (option.kind) {
    case OptionKind::boolean:
      if (!value.is_boolean()) refuse(option, value);
      return value;
    case OptionKind::integer:
      return check_integer(option, value);
    case OptionKind::real:
      return check_real(option, value);
    case OptionKind::text:
      if (!value.is_string()) refuse(option, value);
      return value;
    case OptionKind::path:
      if (!value.is_string() || value.get<std::string>().empty()) refuse(option, value);
      return value;
    case OptionKind::choice:
      if (!value.is_string() || std::count(option.choices.begin(), option.choices.end(), value.get<std::string>()) == 0)
        refuse(option, value);
      return value;
    case OptionKind::names:
      return check_names(option, value);
    case OptionKind::reals:
      return check_reals(option, value);
  }
  return value;
}

Json check_options(const Options& options, const Json& given, const std::string& where) {
  if (!given.is_object() && !given.is_null()) {
    throw Error(ErrorKind::invalid, fmt::format("{}: {} is not a map of options", where, shown(given)));
  }
  std::vector<std::string> names;
  for (const Option& option : options) names.push_back(option.name);
  for (const auto& [key, value] : given.items()) {
    if (std::count(names.begin(), names.end(), key) > 0) continue;
    throw Error(ErrorKind::invalid, fmt::format("{}: option '{}' is not known{}", where, key, suggestion(key, names)));
  }

  Json checked = Json::object();
  for (const Option& option : options) {
    if (given.contains(option.name)) {
      try {
        checked[option.name] = check_option(option, given[option.name]);
      } catch (const Error& error) {
        throw Error(error.kind(), fmt::format("{}: {}: {}", where, option.name, error.what()));
      }
    } else if (!option.fallback.is_null()) {
      const bool whole = option.kind == OptionKind::real && option.fallback.is_number_integer();
      checked[option.name] = whole ? Json(option.fallback.get<double>()) : option.fallback;
    } else if (!option.optional) {
      throw Error(ErrorKind::invalid, fmt::format("{}: option '{}' must be given: {}", where, option.name, valid(option)));
    }
  }
  return checked;
}

}  // namespace storage
