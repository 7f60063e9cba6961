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

double in_seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return in_seconds(std::chrono::steady_clock::now() - start);
}

}  // namespace storage
