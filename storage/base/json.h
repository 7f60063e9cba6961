// The JSON type of the project, and how a number that JSON cannot say is written.
#pragma once

#include <nlohmann/json.hpp>

namespace storage {

/// Keys are kept sorted, so that equal values print alike: dumps are hashed.
using Json = nlohmann::json;

/// A finite number as itself; "nan", "inf" and "-inf" as text, since JSON has no such numbers.
Json number_to_json(double value);

/// The inverse of number_to_json. Throws Error(invalid) for anything else.
double number_from_json(const Json& value);

}  // namespace storage
