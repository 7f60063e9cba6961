// What is valid for an option, in words: for documents that list options.
#pragma once

#include <string>

#include "storage/base/option.h"

namespace storage {

/// As "an integer from 1 to 9" or "one of a, b".
std::string valid_values(const Option& option);

}  // namespace storage
