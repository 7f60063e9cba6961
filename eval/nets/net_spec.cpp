#include "eval/nets/net_spec.h"

#include <fmt/format.h>

#include <unordered_set>

#include "eval/nets/layer_shape.h"
#include "storage/base/error.h"

namespace eval {
namespace {

/// Layer 0 alone is the input, names are unique, and each layer reads from earlier ones.
void check_order(const NetSpec& spec) {
  if (spec.layers.empty()) storage::refuse("a net needs at least its input layer");
  if (spec.layers.size() > max_layers)
    storage::refuse(fmt::format("a net of {} layers; at most {} are allowed", spec.layers.size(), max_layers));
  std::unordered_set<std::string> names;
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    const Layer& layer = spec.layers[i];
    if ((i == 0) != (layer.kind == LayerKind::input)) {
      storage::refuse(fmt::format("layer '{}' (index {}): layer 0, and no other, is of kind input", layer.name, i));
    }
    if (!names.insert(layer.name).second)
      storage::refuse(fmt::format("layer '{}' (index {}): the name is taken by an earlier layer", layer.name, i));
    for (const int from : layer.inputs) {
      if (from < 0 || static_cast<std::size_t>(from) >= i) {
        storage::refuse(fmt::format("layer '{}' (index {}): reads layer {}; valid are earlier ones, 0 to {}", layer.name, i, from,
                                    static_cast<std::ptrdiff_t>(i) - 1));
      }
    }
  }
}

/// Only the last layer, the output, may be read by none.
void check_all_read(const NetSpec& spec) {
  const std::vector<std::vector<int>> readers = consumers(spec);
  for (std::size_t i = 0; i + 1 < readers.size(); ++i) {
    if (readers[i].empty()) storage::refuse(fmt::format("layer '{}': no layer reads it, and it is not the last", spec.layers[i].name));
  }
}

}  // namespace

std::string to_string(LayerKind kind) {
  switch (kind) {
    case LayerKind::input:
      return "input";
    case LayerKind::convolution:
      return "convolution";
    case LayerKind::linear:
      return "linear";
    case LayerKind::batch_norm:
      return "batch_norm";
    case LayerKind::local_response_norm:
      return "local_response_norm";
    case LayerKind::relu:
      return "relu";
    case LayerKind::relu6:
      return "relu6";
    case LayerKind::leaky_relu:
      return "leaky_relu";
    case LayerKind::silu:
      return "silu";
    case LayerKind::gelu:
      return "gelu";
    case LayerKind::hard_swish:
      return "hard_swish";
    case LayerKind::sigmoid:
      return "sigmoid";
    case LayerKind::hard_sigmoid:
      return "hard_sigmoid";
    case LayerKind::prelu:
      return "prelu";
    case LayerKind::max_pool:
      return "max_pool";
    case LayerKind::average_pool:
      return "average_pool";
    case LayerKind::adaptive_average_pool:
      return "adaptive_average_pool";
    case LayerKind::zero_pad:
      return "zero_pad";
    case LayerKind::concat:
      return "concat";
    case LayerKind::select:
      return "select";
    case LayerKind::add:
      return "add";
    case LayerKind::multiply:
      return "multiply";
    case LayerKind::flatten:
      return "flatten";
    case LayerKind::dropout:
      return "dropout";
  }
  return "unknown";
}

bool is_activation(LayerKind kind) {
  return kind == LayerKind::relu || kind == LayerKind::relu6 || kind == LayerKind::leaky_relu || kind == LayerKind::silu ||
         kind == LayerKind::gelu || kind == LayerKind::hard_swish || kind == LayerKind::sigmoid || kind == LayerKind::hard_sigmoid ||
         kind == LayerKind::prelu;
}

bool has_filters(LayerKind kind) {
  return kind == LayerKind::convolution || kind == LayerKind::linear;
}

bool is_slice(const Layer& layer) {
  for (std::size_t i = 1; i < layer.indices.size(); ++i)
    if (layer.indices[i] != layer.indices[0] + static_cast<int>(i)) return false;
  return layer.kind == LayerKind::select;
}

/// What slides windows cannot read a flat vector, nor what joins it with maps; as a gate it may stand beside a map.
std::vector<bool> flat_vectors(const NetSpec& spec) {
  std::vector<bool> flat;
  for (const Layer& layer : spec.layers) {
    std::size_t vectors = 0;
    for (const int from : layer.inputs) vectors += flat[from] ? 1 : 0;
    const LayerKind kind = layer.kind;
    const bool slides = kind == LayerKind::convolution || kind == LayerKind::max_pool || kind == LayerKind::average_pool ||
                        kind == LayerKind::adaptive_average_pool || kind == LayerKind::zero_pad || kind == LayerKind::local_response_norm;
    const bool flat_gate = kind == LayerKind::multiply && vectors == 1 && !flat[layer.inputs[0]];
    if (vectors > 0 && !flat_gate && (slides || vectors < layer.inputs.size())) {
      storage::refuse(fmt::format("layer '{}' ({}): reads a flat vector{}", layer.name, to_string(kind),
                                  slides ? " where it needs a map" : " and a map"));
    }
    flat.push_back((vectors > 0 && !flat_gate) || kind == LayerKind::flatten || kind == LayerKind::linear);
  }
  return flat;
}

std::vector<Shape> output_shapes(const NetSpec& spec) {
  check_order(spec);
  flat_vectors(spec);
  std::vector<Shape> shapes;
  shapes.reserve(spec.layers.size());
  std::int64_t elements = 0, weights = 0;
  for (const Layer& layer : spec.layers) {
    std::vector<Shape> inputs;
    for (const int from : layer.inputs) inputs.push_back(shapes[from]);
    const Shape shape = layer_shape(layer, inputs);
    elements += std::int64_t{shape.channels} * shape.height * shape.width;
    if (has_filters(layer.kind)) weights += weight_count(layer, inputs[0]);
    const auto check_total = [&](std::int64_t total, std::int64_t most, const char* what) {
      if (total > most)
        storage::refuse(fmt::format("layer '{}' ({}): brings the net over {} {}", layer.name, to_string(layer.kind), most, what));
    };
    check_total(elements, max_elements, "activations an image");
    check_total(weights, max_weights, "weights");
    shapes.push_back(shape);
  }
  check_all_read(spec);
  return shapes;
}

std::vector<std::vector<int>> consumers(const NetSpec& spec) {
  std::vector<std::vector<int>> readers(spec.layers.size());
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    const int reader = static_cast<int>(i);
    for (const int from : spec.layers[i].inputs) {
      std::vector<int>& of = readers.at(from);
      if (of.empty() || of.back() != reader) of.push_back(reader);
    }
  }
  return readers;
}

int own_batch_norm(const NetSpec& spec, const std::vector<std::vector<int>>& readers, int layer) {
  const std::vector<int>& of = readers[static_cast<std::size_t>(layer)];
  return of.size() == 1 && spec.layers[static_cast<std::size_t>(of[0])].kind == LayerKind::batch_norm ? of[0] : -1;
}

int decision_layer(const NetSpec& spec) {
  for (int i = static_cast<int>(spec.layers.size()) - 1; i >= 0; --i) {
    if (has_filters(spec.layers[i].kind)) return i;
  }
  storage::refuse(fmt::format("net '{}': no layer has filters, so none makes class scores", spec.name));
}

std::vector<std::string> filter_layers(const NetSpec& spec) {
  std::vector<std::string> names;
  for (const Layer& layer : spec.layers)
    if (has_filters(layer.kind)) names.push_back(layer.name);
  return names;
}

int find_layer(const NetSpec& spec, const std::string& name) {
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    if (spec.layers[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace eval
