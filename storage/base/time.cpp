#include "storage/base/time.h"

#include <cstdlib>
#include <ctime>

namespace storage {

std::optional<double> seconds_of(const std::string& time) {
  std::tm fields{};
  const char* rest = strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &fields);
  if (rest == nullptr) return std::nullopt;
  return static_cast<double>(timegm(&fields)) + (*rest == '.' ? std::strtod(rest, nullptr) : 0);
}

}  // namespace storage
