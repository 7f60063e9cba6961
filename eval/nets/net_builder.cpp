#include "eval/nets/net_builder.h"

#include <utility>

#include "eval/nets/layer_shape.h"

namespace eval {
namespace {

Layer layer_of(LayerKind kind, const std::string& name, std::vector<int> inputs) {
  Layer layer;
  layer.name = name;
  layer.kind = kind;
  layer.inputs = std::move(inputs);
  return layer;
}

Layer windowed(LayerKind kind, const std::string& name, int from, Window window) {
  Layer layer = layer_of(kind, name, {from});
  layer.kernel = {window.kernel, window.kernel};
  layer.stride = {window.stride, window.stride};
  layer.padding = {window.padding, window.padding};
  layer.ceil_mode = window.ceil_mode;
  return layer;
}

}  // namespace

NetBuilder::NetBuilder(std::string name, Shape input) {
  spec_.name = std::move(name);
  Layer layer = layer_of(LayerKind::input, "input", {});
  layer.channels = input.channels;
  layer.extent = {input.height, input.width};
  append(std::move(layer));
}

int NetBuilder::convolution(const std::string& name, int from, int channels, Window window, bool bias, int groups) {
  Layer layer = windowed(LayerKind::convolution, name, from, window);
  layer.channels = channels;
  layer.bias = bias;
  layer.groups = groups;
  return append(std::move(layer));
}

int NetBuilder::linear(const std::string& name, int from, int channels) {
  Layer layer = layer_of(LayerKind::linear, name, {from});
  layer.channels = channels;
  return append(std::move(layer));
}

int NetBuilder::batch_norm(const std::string& name, int from, double epsilon) {
  Layer layer = layer_of(LayerKind::batch_norm, name, {from});
  layer.epsilon = epsilon;
  return append(std::move(layer));
}

int NetBuilder::relu(const std::string& name, int from) {
  return append(layer_of(LayerKind::relu, name, {from}));
}

int NetBuilder::relu6(const std::string& name, int from) {
  return append(layer_of(LayerKind::relu6, name, {from}));
}

int NetBuilder::leaky_relu(const std::string& name, int from, double slope) {
  Layer layer = layer_of(LayerKind::leaky_relu, name, {from});
  layer.slope = slope;
  return append(std::move(layer));
}

int NetBuilder::activation(LayerKind kind, const std::string& name, int from) {
  return append(layer_of(kind, name, {from}));
}

int NetBuilder::max_pool(const std::string& name, int from, Window window) {
  return append(windowed(LayerKind::max_pool, name, from, window));
}

int NetBuilder::average_pool(const std::string& name, int from, Window window) {
  return append(windowed(LayerKind::average_pool, name, from, window));
}

int NetBuilder::adaptive_average_pool(const std::string& name, int from, int size) {
  Layer layer = layer_of(LayerKind::adaptive_average_pool, name, {from});
  layer.size = size;
  return append(std::move(layer));
}

int NetBuilder::local_response_norm(const std::string& name, int from, int size, double alpha, double beta, double k) {
  Layer layer = layer_of(LayerKind::local_response_norm, name, {from});
  layer.size = size;
  layer.alpha = alpha;
  layer.beta = beta;
  layer.k = k;
  return append(std::move(layer));
}

int NetBuilder::prelu(const std::string& name, int from) {
  return append(layer_of(LayerKind::prelu, name, {from}));
}

int NetBuilder::zero_pad(const std::string& name, int from, std::array<int, 2> padding, std::array<int, 2> padding_end) {
  Layer layer = layer_of(LayerKind::zero_pad, name, {from});
  layer.padding = padding;
  layer.padding_end = padding_end;
  return append(std::move(layer));
}

int NetBuilder::select(const std::string& name, int from, std::vector<int> indices) {
  Layer layer = layer_of(LayerKind::select, name, {from});
  layer.indices = std::move(indices);
  return append(std::move(layer));
}

int NetBuilder::concat(const std::string& name, std::vector<int> from) {
  return append(layer_of(LayerKind::concat, name, std::move(from)));
}

int NetBuilder::add(const std::string& name, std::vector<int> from) {
  return append(layer_of(LayerKind::add, name, std::move(from)));
}

int NetBuilder::multiply(const std::string& name, int from, int gate) {
  return append(layer_of(LayerKind::multiply, name, {from, gate}));
}

int NetBuilder::flatten(const std::string& name, int from) {
  return append(layer_of(LayerKind::flatten, name, {from}));
}

int NetBuilder::dropout(const std::string& name, int from, double rate) {
  Layer layer = layer_of(LayerKind::dropout, name, {from});
  layer.rate = rate;
  return append(std::move(layer));
}

int NetBuilder::channels(int layer) const {
  return shapes_.at(layer).channels;
}

NetSpec NetBuilder::build() && {
  output_shapes(spec_);
  return std::move(spec_);
}

int NetBuilder::append(Layer layer) {
  std::vector<Shape> inputs;
  for (const int from : layer.inputs) inputs.push_back(shapes_.at(from));
  shapes_.push_back(layer_shape(layer, inputs));
  spec_.layers.push_back(std::move(layer));
  return static_cast<int>(spec_.layers.size()) - 1;
}

}  // namespace eval
