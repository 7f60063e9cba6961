// Options as data: one table of keys serves the YAML reader, the command line, the stage parameters and the docs.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "storage/base/json.h"

namespace storage {

enum class OptionKind { boolean, integer, real, text, choice, path, names, reals };

/// One key that may be set: its type, its default and what is valid.
struct Option {
  std::string name;
  OptionKind kind = OptionKind::text;
  Json fallback;  ///< the default; null: the key must be given, or is absent where `optional` holds
  std::string doc;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices = {};  ///< for `choice`, and for the elements of `names`
  bool optional = false;                  ///< absent stays absent
  bool filled = false;                    ///< a list must have an entry
};

using Options = std::vector<Option>;

/// The candidate nearest to `given` by edit distance, or "" where none is near (more than half of it differs).
std::string nearest(const std::string& given, const std::vector<std::string>& candidates);

/// " (did you mean 'x'?)" or " (valid: a, b, c)": the tail of a message about an unknown name.
std::string suggestion(const std::string& given, const std::vector<std::string>& candidates);

/// The value of an option written as text ("0.5", "true", "lda", "a,b" for names, "1,2" for reals), typed and checked. Throws
/// Error(invalid): value and what is valid, without saying where: the caller knows.
Json parse_option(const Option& option, const std::string& text);

/// Checks a JSON value against its option: type, range, choices. Returns it normalised (an integer given for a real becomes a real).
/// Reals are finite; integers fit an `int` unless the option names wider bounds.
Json check_option(const Option& option, const Json& value);

/// Checks all keys of an object (null: none is given) and fills in defaults. `where` opens each message ("criterion lda").
Json check_options(const Options& options, const Json& given, const std::string& where);

}  // namespace storage
