// A network as data: a DAG of layer values that copies, compares, prints to JSON and is stored beside its weights.
// The torch module, the cost, the channel groups, the deconvnet, surgery and every export are walks over it.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "storage/base/json.h"

namespace eval {

/// Channels, height and width of one image's feature map. A flat vector of n features is {n, 1, 1}.
struct Shape {
  int channels = 0, height = 1, width = 1;
  bool operator==(const Shape&) const = default;
};

enum class LayerKind {
  input,
  convolution,
  linear,
  batch_norm,
  local_response_norm,
  relu,
  relu6,
  leaky_relu,
  silu,        ///< x * sigmoid(x)
  gelu,        ///< x * P(z < x) of a standard normal z
  hard_swish,  ///< x * hard_sigmoid(x)
  sigmoid,
  hard_sigmoid,  ///< min(max(x + 3, 0), 6) / 6, as PyTorch has it
  prelu,         ///< values below 0 are multiplied by a slope that each channel learns
  max_pool,
  average_pool,           ///< the zeros of the padding count in the mean, as in PyTorch by default
  adaptive_average_pool,  ///< to size x size; size 1 is global pooling; an input of that size passes unchanged
  zero_pad,               ///< rows and columns of 0 around each map
  concat,
  select,  ///< some channels of the input, each at most once, in an order of its own: a part of a split, a channel shuffle
  add,
  multiply,  ///< by a gate: of the first input's shape, or one number a channel (a map of 1x1 or a flat vector)
  flatten,
  dropout
};

/// One layer. Fields that a kind does not use keep their defaults, and JSON leaves them out.
struct Layer {
  std::string name;  ///< unique; the prefix of its tensors: "features.0" owns "features.0.weight"
  LayerKind kind = LayerKind::input;
  std::vector<int> inputs;                                                       ///< indices of earlier layers
  int channels = 0;                                                              ///< input, convolution, linear: output channels
  std::array<int, 2> extent{1, 1};                                               ///< input: height, width of the image
  std::array<int, 2> kernel{1, 1}, stride{1, 1}, padding{0, 0}, dilation{1, 1};  ///< convolution and pooling: vertical, horizontal
  int groups = 1;                                                                ///< convolution
  bool bias = true;                                                              ///< convolution, linear
  bool ceil_mode = false;                                                        ///< pooling
  bool count_padding = true;                                                     ///< average pool: zeros around the map count in a mean
  int size = 1;                             ///< adaptive pool: output size; local_response_norm: channels in the window
  std::array<int, 2> padding_end{0, 0};     ///< zero_pad: rows below, columns to the right; `padding` has those above and to the left
  std::vector<int> indices;                 ///< select: for each output channel the input channel
  double rate = 0.5;                        ///< dropout: probability of a zero in training
  double slope = 0.01;                      ///< leaky_relu: what values below 0 are multiplied by
  double epsilon = 1e-5;                    ///< batch_norm
  double alpha = 1e-4, beta = 0.75, k = 1;  ///< local_response_norm
  bool operator==(const Layer&) const = default;
};

/// Layer 0 is the input, the last layer the output; every layer reads only from earlier ones.
struct NetSpec {
  std::string name;
  std::vector<Layer> layers;
  bool operator==(const NetSpec&) const = default;
};

std::string to_string(LayerKind kind);

/// ReLU and its kin: each value by itself.
bool is_activation(LayerKind kind);

/// Convolution and linear layers: those that own filters.
bool has_filters(LayerKind kind);

/// Whether a select layer takes neighbours in their order: a slice.
bool is_slice(const Layer& layer);

/// The names of the layers that own filters, in their order.
std::vector<std::string> filter_layers(const NetSpec& spec);

/// The output shape of every layer. It checks the whole spec on the way (order of inputs, channel counts, extents, groups, unique names,
/// no field set that the kind does not use, no layer but the last unread) and throws storage::Error(invalid) naming the layer. Sizes are
/// bounded (layer_shape.h), so a hostile spec cannot overflow.
std::vector<Shape> output_shapes(const NetSpec& spec);

/// For every layer whether it makes a flat vector, [N, features] to LibTorch, and no map of 1x1. Throws storage::Error(invalid) where a
/// layer reads one that cannot.
std::vector<bool> flat_vectors(const NetSpec& spec);

/// For every layer the layers that read it, ascending.
std::vector<std::vector<int>> consumers(const NetSpec& spec);

/// The batch norm that alone reads a layer's output, or -1 where there is none. readers: consumers(spec).
int own_batch_norm(const NetSpec& spec, const std::vector<std::vector<int>>& readers, int layer);

/// The last layer with filters: it makes the class scores. Its input is the pre-decision layer's firing. Throws storage::Error(invalid)
/// where no layer has filters.
int decision_layer(const NetSpec& spec);

/// Index of a layer by name, or -1.
int find_layer(const NetSpec& spec, const std::string& name);

storage::Json to_json(const NetSpec& spec);

/// The inverse. Strict: an unknown key, kind or type, a missing key, and whatever output_shapes refuses is an Error(invalid).
NetSpec net_spec_from_json(const storage::Json& json);

}  // namespace eval
