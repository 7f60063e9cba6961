#include "storage/base/json.h"

#include <cmath>
#include <limits>

#include "storage/base/error.h"

namespace storage {

Json number_to_json(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double number_from_json(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  throw Error(ErrorKind::invalid, value.dump() + " is not a number; valid: a number, \"nan\", \"inf\", \"-inf\"");
}

}  // namespace storage
