// JSON and texts of any origin as texts that SQLite and JSON readers take. Internal to storage/.
#pragma once

#include <string>

#include "storage/base/json.h"

namespace storage {

/// The sorted, compact dump with numbers that are not finite written as number_to_json does.
std::string to_text(const Json& value);

/// The inverse, of a column. Throws Error(storage) where it holds no JSON, as after an edit by hand.
Json from_text(const std::string& text);

/// `bytes` with every sequence that is not UTF-8 replaced by U+FFFD: what a crashed process wrote may hold anything.
std::string valid_utf8(const std::string& bytes);

}  // namespace storage
