#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "eval/nets/layer_fields.h"
#include "eval/nets/layer_shape.h"
#include "eval/nets/net_spec.h"
#include "storage/base/error.h"
#include "storage/base/option.h"
#include "storage/base/shown.h"

namespace eval {
namespace {

using storage::Json;

constexpr LayerKind all_kinds[] = {
    LayerKind::input,
    LayerKind::convolution,
    LayerKind::linear,
    LayerKind::batch_norm,
    LayerKind::local_response_norm,
    LayerKind::relu,
    LayerKind::relu6,
    LayerKind::leaky_relu,
    LayerKind::silu,
    LayerKind::gelu,
    LayerKind::hard_swish,
    LayerKind::sigmoid,
    LayerKind::hard_sigmoid,
    LayerKind::prelu,
    LayerKind::max_pool,
    LayerKind::average_pool,
    LayerKind::adaptive_average_pool,
    LayerKind::zero_pad,
    LayerKind::concat,
    LayerKind::select,
    LayerKind::add,
    LayerKind::multiply,
    LayerKind::flatten,
    LayerKind::dropout,
};

/// At most 60 characters of a text, for a message.
std::string cut(const std::string& text) {
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

/// Reads the keys of one object, each of which must be there; `where` opens each message.
class ObjectReader {
 public:
  ObjectReader(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json_.is_object()) fail(fmt::format("{} is not an object", shown(json_)));
  }

  void rename(std::string where) { where_ = std::move(where); }

  void allow_only(const std::vector<std::string>& keys) const {
    for (const auto& [key, value] : json_.items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
        fail(fmt::format("unknown key '{}'{}", cut(key), storage::suggestion(cut(key), keys)));
      }
    }
  }

  bool has(const std::string& key) const { return json_.contains(key); }

  const Json& at(const std::string& key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) fail(fmt::format("key '{}' is missing", key));
    return *found;
  }

  std::string text(const std::string& key) const {
    const Json& value = at(key);
    if (!value.is_string()) fail(fmt::format("{}: {} is not a text", key, shown(value)));
    return value.get<std::string>();
  }

  int integer(const std::string& key, const Json& value) const {
    constexpr std::int64_t most = std::numeric_limits<int>::max();
    const bool whole = value.is_number_integer();
    const bool fits = whole && (value.is_number_unsigned() ? value.get<std::uint64_t>() <= std::uint64_t{most}
                                                           : value.get<std::int64_t>() >= -most && value.get<std::int64_t>() <= most);
    if (!fits) fail(fmt::format("{}: {} is not an integer of 32 bits", key, shown(value)));
    return value.get<int>();
  }

  std::vector<int> integers(const std::string& key) const {
    const Json& value = at(key);
    if (!value.is_array()) fail(fmt::format("{}: {} is not a list of integers", key, shown(value)));
    std::vector<int> read;
    for (const Json& element : value) read.push_back(integer(key, element));
    return read;
  }

  void read(const std::string& key, int& field) const { field = integer(key, at(key)); }
  void read(const std::string& key, std::array<int, 2>& field) const {
    const std::vector<int> pair = integers(key);
    if (pair.size() != 2) fail(fmt::format("{}: has {} values where it needs two: vertical, horizontal", key, pair.size()));
    field = {pair[0], pair[1]};
  }
  void read(const std::string& key, std::vector<int>& field) const { field = integers(key); }
  void read(const std::string& key, bool& field) const {
    const Json& value = at(key);
    if (!value.is_boolean()) fail(fmt::format("{}: {} is not true or false", key, shown(value)));
    field = value.get<bool>();
  }
  void read(const std::string& key, double& field) const {
    const Json& value = at(key);
    if (!value.is_number()) fail(fmt::format("{}: {} is not a number", key, shown(value)));
    field = value.get<double>();
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: {}", where_, what));
  }

 private:
  static std::string shown(const Json& value) { return cut(storage::shown(value)); }

  const Json& json_;
  std::string where_;
};

LayerKind read_kind(const ObjectReader& reader) {
  const std::string given = cut(reader.text("kind"));
  std::vector<std::string> names;
  for (const LayerKind kind : all_kinds) {
    names.push_back(to_string(kind));
    if (names.back() == given) return kind;
  }
  reader.fail(fmt::format("unknown kind '{}'{}", given, storage::suggestion(given, names)));
}

Layer read_layer(const Json& json, std::size_t index) {
  ObjectReader reader(json, fmt::format("net spec: layer {}", index));
  Layer layer;
  layer.name = reader.text("name");
  reader.rename(fmt::format("net spec: layer {} '{}'", index, cut(layer.name)));
  layer.kind = read_kind(reader);
  std::vector<std::string> keys{"name", "kind", "inputs"};
  visit_fields(layer.kind, [&](const char* key, auto) { keys.push_back(key); });
  reader.allow_only(keys);
  layer.inputs = reader.integers("inputs");
  visit_fields(layer.kind, [&](const char* key, auto field) {
    if (!is_later_field(key) || reader.has(key)) reader.read(key, layer.*field);
  });
  return layer;
}

}  // namespace

Json to_json(const NetSpec& spec) {
  Json layers = Json::array();
  for (const Layer& layer : spec.layers) {
    Json json = {{"name", layer.name}, {"kind", to_string(layer.kind)}, {"inputs", layer.inputs}};
    visit_fields(layer.kind, [&](const char* key, auto field) {
      if (!is_later_field(key) || layer.*field != Layer().*field) json[key] = layer.*field;
    });
    layers.push_back(std::move(json));
  }
  return {{"name", spec.name}, {"layers", std::move(layers)}};
}

NetSpec net_spec_from_json(const Json& json) {
  ObjectReader reader(json, "net spec");
  reader.allow_only({"name", "layers", "info"});
  NetSpec spec;
  spec.name = reader.text("name");
  const Json& layers = reader.at("layers");
  if (!layers.is_array()) reader.fail("layers: is not a list");
  if (layers.size() > max_layers) reader.fail(fmt::format("has {} layers; at most {} are allowed", layers.size(), max_layers));
  for (std::size_t i = 0; i < layers.size(); ++i) spec.layers.push_back(read_layer(layers[i], i));
  try {
    output_shapes(spec);
  } catch (const storage::Error& error) {
    reader.fail(error.what());
  }
  return spec;
}

}  // namespace eval
