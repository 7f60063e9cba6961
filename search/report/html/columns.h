// The compact forms in which the report's document holds many values: rounded numbers, and names that repeat as indices.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "search/report/table_text.h"
#include "storage/base/json.h"

namespace search::html {

using storage::Json;

/// To `digits` significant digits, so that the text is short; null where there is none or it is not finite.
Json rounded(double value, int digits = 5);
Json rounded(const std::optional<double>& value, int digits = 5);

/// A column of texts that repeat: {"names": [...], "at": [index of each row's name]}.
class DictionaryColumn {
 public:
  void add(const std::string& name);
  Json json() const { return {{"names", names_}, {"at", at_}}; }

 private:
  std::unordered_map<std::string, int> index_;
  Json names_ = Json::array(), at_ = Json::array();
};

}  // namespace search::html
