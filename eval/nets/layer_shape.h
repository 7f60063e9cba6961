// The rules of one layer: what it accepts and the shape it makes. Used by output_shapes, NetBuilder and the cost.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "eval/nets/net_spec.h"

namespace eval {

/// Bounds on a spec, so that no size computed from one can overflow: each integer of a layer; and in a net the layers, the activations of
/// one image, and the weights.
inline constexpr int max_layer_size = 1 << 20;
inline constexpr int max_layers = 10'000;
inline constexpr std::int64_t max_elements = std::numeric_limits<std::int32_t>::max();
inline constexpr std::int64_t max_weights = std::numeric_limits<std::uint32_t>::max();

/// The output shape for the shapes of its inputs, after checking name, number of inputs and every field. Extents follow PyTorch: with
/// ceil_mode the last window must start inside the input or its top or left padding. Throws storage::Error(invalid) naming the layer.
Shape layer_shape(const Layer& layer, const std::vector<Shape>& inputs);

/// Elements of the weight tensor of a convolution or linear layer that reads `input`, else 0; more than max_weights comes back as
/// max_weights + 1.
std::int64_t weight_count(const Layer& layer, const Shape& input);

/// "64x32x32": channels, height, width.
std::string to_string(const Shape& shape);

}  // namespace eval
