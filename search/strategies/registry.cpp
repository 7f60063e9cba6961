#include <fmt/format.h>

#include <algorithm>

#include "search/strategies/strategy.h"
#include "storage/base/error.h"
#include "storage/base/option.h"

namespace search {

std::unique_ptr<Strategy> make_sweep();
std::unique_ptr<Strategy> make_target();

namespace {

struct StrategyEntry {
  std::string name;
  std::unique_ptr<Strategy> (*make)();
};

const std::vector<StrategyEntry>& strategy_registry() {
  static const std::vector<StrategyEntry> entries{{"sweep", make_sweep}, {"target", make_target}};
  return entries;
}

}  // namespace

std::vector<std::string> strategy_names() {
  std::vector<std::string> names;
  for (const StrategyEntry& entry : strategy_registry()) names.push_back(entry.name);
  return names;
}

std::unique_ptr<Strategy> make_strategy(const std::string& name) {
  const auto& entries = strategy_registry();
  const auto entry = std::find_if(entries.begin(), entries.end(), [&](const StrategyEntry& each) { return each.name == name; });
  if (entry == entries.end())
    throw storage::Error(storage::ErrorKind::invalid,
                         fmt::format("search strategy '{}' is not known{}", name, storage::suggestion(name, strategy_names())));
  return entry->make();
}

}  // namespace search
