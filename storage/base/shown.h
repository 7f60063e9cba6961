// What a message shows of a JSON value from a file that may be hostile.
#pragma once

#include <string>

#include "storage/base/json.h"

namespace storage {

/// A scalar as JSON, with bytes that are not UTF-8 replaced; of a list or an object, which may be nested deeper than the stack, the type.
inline std::string shown(const Json& value) {
  return value.is_structured() ? value.type_name() : value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace storage
