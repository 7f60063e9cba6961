// Finding one of several things by its name. Used wherever a text chooses an entry of a table or a value of an enumeration.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "storage/base/error.h"
#include "storage/base/option.h"

namespace storage {

/// The first entry of `table` with this name, which `name_of` (a member, or a function of an entry) gives. Throws Error(kind) where there
/// is none, as in "attack 'fsgm' is not known (did you mean 'fgsm'?)"; `what` is its first words.
template <typename Table, typename NameOf>
const auto& find_named(const Table& table, const std::string& name, const std::string& what, NameOf name_of,
                       ErrorKind kind = ErrorKind::invalid) {
  std::vector<std::string> names;
  for (const auto& entry : table) {
    names.push_back(std::invoke(name_of, entry));
    if (names.back() == name) return entry;
  }
  throw Error(kind, what + " '" + name + "' is not known" + suggestion(name, names));
}

}  // namespace storage
