// The classes of a sub-task: some of those that a dataset has, in an order of their own. Used by the formats in this folder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/base/option.h"

namespace eval {

/// The option `classes`: names or numbers of the classes that are used.
const storage::Option& classes_option();

/// Those of `all` that the option names, in its order; all of them where it is absent. Throws storage::Error(invalid), opened by `where`,
/// for a class that there is not, one that comes twice, or less than two.
std::vector<std::string> chosen_classes(const storage::Json& options, const std::vector<std::string>& all, const std::string& where);

/// Labels by the place in `all` become labels by the place in `chosen`; -1 where the class was not chosen.
void relabel(std::vector<std::int32_t>& labels, const std::vector<std::string>& all, const std::vector<std::string>& chosen);

}  // namespace eval
