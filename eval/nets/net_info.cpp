#include "eval/nets/net_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "eval/nets/layer_shape.h"
#include "storage/base/error.h"
#include "storage/base/shown.h"

namespace eval {

using storage::Json;

namespace {

template <class List>
void put_list(Json& json, const char* key, const List& list) {
  if (!list.empty()) json[key] = list;
}

template <class Value>
void take(const Json& json, const char* key, Value& value) {
  if (!json.contains(key)) return;
  try {
    value = json.at(key).get<Value>();
  } catch (const Json::exception&) {
    throw storage::Error(storage::ErrorKind::invalid,
                         fmt::format("what the net is for: {}: {} is not of its type", key, storage::shown(json.at(key))));
  }
}

/// JSON holds no other text.
bool is_utf8(const std::string& text) {
  try {
    Json(text).dump();
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

}  // namespace

Json to_json(const NetInfo& info) {
  Json json = Json::object();
  put_list(json, "task", info.task);
  put_list(json, "class_names", info.class_names);
  put_list(json, "mean", info.mean);
  put_list(json, "deviation", info.deviation);
  return json;
}

NetInfo net_info_from_json(const Json& json) {
  NetInfo info;
  take(json, "task", info.task);
  take(json, "class_names", info.class_names);
  take(json, "mean", info.mean);
  take(json, "deviation", info.deviation);
  if (info.mean.size() != info.deviation.size())
    throw storage::Error(storage::ErrorKind::invalid,
                         fmt::format("what the net is for: {} means and {} deviations; valid: one of each a channel", info.mean.size(),
                                     info.deviation.size()));
  const auto is_finite = [](float number) { return std::isfinite(number); };
  const auto is_above_zero = [](float number) { return std::isfinite(number) && number > 0; };
  if (!std::all_of(info.mean.begin(), info.mean.end(), is_finite) ||
      !std::all_of(info.deviation.begin(), info.deviation.end(), is_above_zero))
    throw storage::Error(storage::ErrorKind::invalid,
                         fmt::format("what the net is for: means {} and deviations {}; valid: finite means, and finite deviations above 0",
                                     fmt::join(info.mean, ", "), fmt::join(info.deviation, ", ")));
  return info;
}

std::map<std::string, std::string> to_metadata(const NetInfo& info, const NetSpec& spec) {
  std::map<std::string, std::string> metadata;
  const Json known = to_json(info);
  for (const auto& [key, value] : known.items())
    metadata[key] = value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (metadata.empty()) return metadata;
  const Shape input = output_shapes(spec).front();
  metadata["input_size"] = fmt::format("[{}, {}, {}]", input.channels, input.height, input.width);
  if (input.channels == 1 || input.channels == 3) metadata["colours"] = input.channels == 3 ? "RGB" : "grey";
  return metadata;
}

NetInfo net_info_from_metadata(const std::map<std::string, std::string>& metadata) {
  static const std::vector<std::vector<std::string>> together{{"task"}, {"class_names"}, {"mean", "deviation"}};
  Json good = Json::object();
  for (const std::vector<std::string>& keys : together) {
    Json json = Json::object();
    for (const std::string& key : keys) {
      const auto found = metadata.find(key);
      if (found == metadata.end() || !is_utf8(found->second)) continue;
      json[key] = key == "task" ? Json(found->second) : Json::parse(found->second, nullptr, /*allow_exceptions=*/false);
    }
    try {
      net_info_from_json(json);
      good.update(json);
    } catch (const storage::Error&) {
      // another program's keys of these names
    }
  }
  return net_info_from_json(good);
}

NetInfo fitting(NetInfo info, const NetSpec& spec) {
  const std::vector<Shape> shapes = output_shapes(spec);
  if (std::ssize(info.class_names) != shapes.back().channels) info.class_names.clear();
  if (std::ssize(info.mean) != shapes.front().channels) info.mean = info.deviation = {};
  return info;
}

}  // namespace eval
