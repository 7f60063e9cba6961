#include "search/experiment/quantity.h"

#include <fmt/format.h>

#include <charconv>
#include <map>

#include "storage/base/error.h"

namespace search {

std::chrono::seconds parse_duration(const std::string& text) {
  static const std::map<char, std::int64_t> units{{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
  constexpr std::int64_t longest = 1000 * 86400;
  std::int64_t sum = 0;
  bool valid = !text.empty();
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); valid && at != end;) {
    std::int64_t number = 0;
    const auto [unit, error] = std::from_chars(at, end, number);
    valid = error == std::errc() && unit != end && units.count(*unit) > 0 && number >= 0 && number <= longest;
    if (!valid) break;
    sum += number * units.at(*unit);
    valid = sum <= longest;
    at = unit + 1;
  }
  if (!valid || sum == 0) {
    throw storage::Error(storage::ErrorKind::usage, fmt::format("'{}' is not a duration; valid: as in 90s, 30m, 4h or 1h30m", text));
  }
  return std::chrono::seconds(sum);
}

std::int64_t parse_bytes(const std::string& text) {
  static const std::map<std::string, int> units{{"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const auto unit = units.find(std::string(rest, end));
  if (error != std::errc() || unit == units.end() || number < 1 || number > (std::int64_t{1000} << 40) >> unit->second)
    throw storage::Error(storage::ErrorKind::invalid, fmt::format("'{}' is not a size; valid: as in 512MiB, 20GiB or 1TiB", text));
  return number << unit->second;
}

}  // namespace search
