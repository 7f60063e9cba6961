#include "eval/layer_latency.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "eval/latency.h"
#include "eval/nets/net.h"

namespace eval {

namespace {

constexpr double kShares[] = {0, 0.125, 0.25, 0.5, 0.75, 1};  ///< of a layer's channels; 0: one channel
constexpr double kSeconds = 0.01;                             ///< that each is run for, at least
constexpr int kRounds = 2;
constexpr double kLeast = 1e-6;  ///< ms, of what is below what can be measured

bool is_depthwise(const Layer& layer, const Shape& input) {
  return layer.kind == LayerKind::convolution && layer.groups > 1 && layer.groups == input.channels;
}

/// Whether its input channels are a number of their own, which its output channels do not decide.
bool has_own_inputs(const Layer& layer, const Shape& input) {
  return has_filters(layer.kind) && !is_depthwise(layer, input);
}

/// The batch norm that freezing folds into this convolution, or -1.
int folded_norm(const NetSpec& spec, int layer) {
  if (spec.layers[static_cast<std::size_t>(layer)].kind != LayerKind::convolution) return -1;
  return own_batch_norm(spec, consumers(spec), layer);
}

/// Of which its output channels are a multiple, and its input channels where those are its own.
int multiple_of(const Layer& layer, const Shape& input, const Shape& output) {
  if (is_depthwise(layer, input)) return output.channels / input.channels;
  if (layer.kind == LayerKind::flatten) return input.height * input.width;
  if (layer.kind == LayerKind::concat) return static_cast<int>(layer.inputs.size());
  return layer.groups;
}

std::vector<int> axis(int channels, int multiple) {
  const double units = std::ceil(static_cast<double>(channels) / multiple);
  std::set<int> all;
  for (const double share : kShares) all.insert(std::max(1, static_cast<int>(std::lround(share * units))) * multiple);
  return {all.begin(), all.end()};
}

/// Channels of the map that a layer is given to make so many; `input_channels` where those are its own.
int channels_read(const Layer& layer, const Shape& input, const Shape& output, int input_channels, int output_channels) {
  if (has_own_inputs(layer, input)) return input_channels;
  if (layer.kind == LayerKind::select)
    return std::max(output_channels,
                    static_cast<int>(std::lround(static_cast<double>(input.channels) * output_channels / output.channels)));
  return output_channels / multiple_of(layer, input, output);
}

double milliseconds(const NetSpec& spec, int batch, torch::Device device) {
  Weights weights;
  for (const auto& [name, sizes] : tensor_sizes(spec)) weights[name] = torch::full(sizes, 0.01);
  return least_latency(Net(spec, std::move(weights), device), batch, kSeconds);
}

/// A layer that is measured, for all that are like it.
struct Distinct {
  int layer;
  LayerLatency latency;                     ///< of the nets with it, until what is beside it is taken off
  std::vector<std::vector<double>> beside;  ///< ms of those without it: [inputs][outputs]
  std::vector<std::string> names;
};

std::vector<Distinct> distinct_layers(const NetSpec& spec) {
  std::map<std::string, Distinct> found;
  for (int i = 0; i < static_cast<int>(spec.layers.size()); ++i) {
    std::optional<LayerLatency> axes = latency_axes(spec, i);
    if (!axes) continue;
    axes->ms.assign(axes->inputs.size(), std::vector<double>(axes->outputs.size(), INFINITY));
    const NetSpec largest = layer_probe(spec, i, axes->inputs.back(), axes->outputs.back()).with;
    const std::string key = storage::Json{to_json(largest), axes->inputs, axes->outputs}.dump();
    found.try_emplace(key, Distinct{i, *axes, axes->ms, {}}).first->second.names.push_back(spec.layers[static_cast<std::size_t>(i)].name);
  }
  std::vector<Distinct> layers;
  for (auto& [key, layer] : found) layers.push_back(std::move(layer));
  return layers;
}

/// Leaves of the nets' times those of the layer.
void take_off_beside(Distinct& layer) {
  for (std::size_t i = 0; i < layer.beside.size(); ++i)
    for (std::size_t o = 0; o < layer.beside[i].size(); ++o)
      layer.latency.ms[i][o] = std::max(kLeast, layer.latency.ms[i][o] - layer.beside[i][o]);
}

}  // namespace

LayerProbe layer_probe(const NetSpec& spec, int index, int input_channels, int output_channels) {
  const std::vector<Shape> shapes = output_shapes(spec);
  Layer layer = spec.layers[static_cast<std::size_t>(index)];
  const Shape &input = shapes[static_cast<std::size_t>(layer.inputs[0])], &output = shapes[static_cast<std::size_t>(index)];
  const bool has_channel_gate = layer.kind == LayerKind::multiply && shapes[static_cast<std::size_t>(layer.inputs[1])] != input;
  const int read = channels_read(layer, input, output, input_channels, output_channels);

  NetSpec net{.name = "layer"};
  net.layers.push_back({.name = "images", .channels = read, .extent = {input.height, input.width}});
  if (has_channel_gate) net.layers.push_back({.name = "gate", .kind = LayerKind::adaptive_average_pool, .inputs = {0}});
  LayerProbe probe{net, net};
  if (is_depthwise(layer, input)) layer.groups = read;
  if (has_filters(layer.kind)) layer.channels = output_channels;
  if (folded_norm(spec, index) >= 0) layer.bias = true;
  if (layer.kind == LayerKind::select) {
    const bool is_part = is_slice(layer);
    layer.indices.clear();
    for (int i = 0; i < output_channels; ++i) layer.indices.push_back(is_part ? i : output_channels - 1 - i);
  }
  layer.name = "layer";
  std::fill(layer.inputs.begin(), layer.inputs.end(), 0);
  if (has_channel_gate) layer.inputs[1] = 1;
  probe.with.layers.push_back(std::move(layer));
  return probe;
}

std::optional<LayerLatency> latency_axes(const NetSpec& spec, int index) {
  const std::vector<Shape> shapes = output_shapes(spec);
  const Layer& layer = spec.layers[static_cast<std::size_t>(index)];
  if (layer.kind == LayerKind::input || layer.kind == LayerKind::dropout) return {};
  if (layer.kind == LayerKind::batch_norm && folded_norm(spec, layer.inputs[0]) == index) return {};
  const Shape &input = shapes[static_cast<std::size_t>(layer.inputs[0])], &output = shapes[static_cast<std::size_t>(index)];
  const int multiple = multiple_of(layer, input, output);
  const bool has_inputs = has_own_inputs(layer, input) && layer.inputs[0] != 0;
  LayerLatency latency;
  latency.inputs = has_inputs ? axis(input.channels, multiple) : std::vector{input.channels};
  latency.outputs = index == decision_layer(spec) ? std::vector{output.channels} : axis(output.channels, multiple);
  return latency;
}

std::optional<LatencyTable> measure_latency_table(const NetSpec& spec, int batch, torch::Device device,
                                                  const std::function<bool(double)>& progress) {
  return measure_latency_table(
      spec, batch, [&](const NetSpec& net) { return milliseconds(net, batch, device); }, progress);
}

std::optional<LatencyTable> measure_latency_table(const NetSpec& spec, int batch, const std::function<double(const NetSpec&)>& time_of,
                                                  const std::function<bool(double)>& progress) {
  std::vector<Distinct> layers = distinct_layers(spec);
  std::size_t wanted = 0, done = 0;
  for (const Distinct& each : layers) wanted += kRounds * each.latency.inputs.size() * each.latency.outputs.size();
  LatencyTable table{.batch = batch, .call_ms = INFINITY};
  const NetSpec nothing{"layer", {{.name = "images", .channels = 1, .extent = {8, 8}}}};
  for (int round = 0; round < kRounds; ++round) {
    table.call_ms = std::min(table.call_ms, time_of(nothing));
    for (Distinct& each : layers) {
      LayerLatency& latency = each.latency;
      for (std::size_t i = 0; i < latency.inputs.size(); ++i) {
        for (std::size_t o = 0; o < latency.outputs.size(); ++o) {
          if (!progress(static_cast<double>(done++) / static_cast<double>(wanted))) return {};
          const LayerProbe probe = layer_probe(spec, each.layer, latency.inputs[i], latency.outputs[o]);
          const bool is_alone = probe.without.layers.size() == 1;
          each.beside[i][o] = std::min(each.beside[i][o], is_alone ? table.call_ms : time_of(probe.without));
          latency.ms[i][o] = std::min(latency.ms[i][o], time_of(probe.with));
        }
      }
    }
  }
  for (Distinct& each : layers) {
    take_off_beside(each);
    make_rising(each.latency);
    for (const std::string& name : each.names) table.layers[name] = each.latency;
  }
  table.whole_ms = table.estimate(spec);
  return table;
}

}  // namespace eval
