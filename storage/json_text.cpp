#include "storage/json_text.h"

#include <cmath>

namespace storage {

namespace {

void name_special_numbers(Json& value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) value = number_to_json(value.get<double>());
  if (value.is_structured()) {
    for (Json& element : value) name_special_numbers(element);
  }
}

}  // namespace

std::string to_text(const Json& value) {
  Json explicit_value = value;
  name_special_numbers(explicit_value);
  return explicit_value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string valid_utf8(const std::string& bytes) {
  return Json::parse(Json(bytes).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

}  // namespace storage
