#include "eval/latency_table.h"

#include <algorithm>

namespace eval {

namespace {

constexpr double kStep = 0.99;  ///< the largest share of a neighbour's time that the next smaller entry may have

/// Where a number of channels lies on an axis: between `low` and the entry after it, at `share` of the way.
struct Place {
  std::size_t low = 0, high = 0;
  double share = 0;
};

Place place_of(const std::vector<int>& axis, double channels) {
  const auto above = std::upper_bound(axis.begin(), axis.end(), channels);
  if (above == axis.begin()) return {};
  const std::size_t high = static_cast<std::size_t>(above - axis.begin());
  if (above == axis.end()) return {high - 1, high - 1, 0};
  return {high - 1, high, (channels - axis[high - 1]) / (axis[high] - axis[high - 1])};
}

double between(double low, double high, double share) {
  return low + share * (high - low);
}

}  // namespace

double LayerLatency::at(double input_channels, double output_channels) const {
  const Place row = place_of(inputs, input_channels), column = place_of(outputs, output_channels);
  const auto along = [&](const std::vector<double>& of_row) { return between(of_row[column.low], of_row[column.high], column.share); };
  return between(along(ms[row.low]), along(ms[row.high]), row.share);
}

void make_rising(LayerLatency& layer) {
  for (std::size_t i = layer.ms.size(); i-- > 0;) {
    for (std::size_t o = layer.ms[i].size(); o-- > 0;) {
      double& ms = layer.ms[i][o];
      if (i + 1 < layer.ms.size()) ms = std::min(ms, kStep * layer.ms[i + 1][o]);
      if (o + 1 < layer.ms[i].size()) ms = std::min(ms, kStep * layer.ms[i][o + 1]);
    }
  }
}

double LatencyTable::estimate(const NetSpec& spec) const {
  const std::vector<Shape> shapes = output_shapes(spec);
  double ms = call_ms;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const auto layer = layers.find(spec.layers[i].name);
    if (layer != layers.end())
      ms += layer->second.at(shapes[static_cast<std::size_t>(spec.layers[i].inputs[0])].channels, shapes[i].channels);
  }
  return ms;
}

storage::Json to_json(const LatencyTable& table) {
  storage::Json layers = storage::Json::object();
  for (const auto& [name, layer] : table.layers) layers[name] = {{"inputs", layer.inputs}, {"outputs", layer.outputs}, {"ms", layer.ms}};
  return {{"batch", table.batch}, {"call_ms", table.call_ms}, {"whole_ms", table.whole_ms}, {"layers", layers}};
}

LatencyTable latency_table_from_json(const storage::Json& json) {
  LatencyTable table{json.at("batch"), json.at("call_ms"), json.at("whole_ms"), {}};
  for (const auto& [name, layer] : json.at("layers").items())
    table.layers[name] = {layer.at("inputs"), layer.at("outputs"), layer.at("ms").get<std::vector<std::vector<double>>>()};
  return table;
}

}  // namespace eval
