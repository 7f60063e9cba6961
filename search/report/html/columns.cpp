#include "search/report/html/columns.h"

#include <cmath>
#include <cstdint>

namespace search::html {

Json rounded(double value, int digits) {
  if (!std::isfinite(value)) return nullptr;
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  const double scale = std::pow(10.0, digits - 1 - std::floor(std::log10(std::abs(value))));
  return std::isfinite(scale) && scale > 0 ? std::round(value * scale) / scale : value;
}

Json rounded(const std::optional<double>& value, int digits) {
  return value ? rounded(*value, digits) : Json();
}

void DictionaryColumn::add(const std::string& name) {
  const auto [found, added] = index_.emplace(name, static_cast<int>(names_.size()));
  if (added) names_.push_back(name);
  at_.push_back(found->second);
}

}  // namespace search::html
