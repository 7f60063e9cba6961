#include "storage/json_text.h"

#include <fmt/format.h>

#include <cmath>

#include "storage/base/error.h"
#include "storage/base/shown.h"

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

Json from_text(const std::string& text) {
  constexpr std::size_t shown_bytes = 60;
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded())
    throw Error(ErrorKind::storage,
                fmt::format("experiment.db: a row holds {} where JSON belongs: restore a copy of it", shown(text.substr(0, shown_bytes))));
  return value;
}

std::string valid_utf8(const std::string& bytes) {
  return Json::parse(Json(bytes).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

}  // namespace storage
