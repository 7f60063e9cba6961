// What a net costs: parameters and multiply-accumulates, by layer and in all.
#pragma once

#include <cstdint>
#include <vector>

#include "eval/nets/net_spec.h"

namespace eval {

struct Cost {
  std::int64_t params = 0;  ///< trainable: weights, biases, batch-norm scale and shift; running statistics do not count
  std::int64_t macs = 0;    ///< multiply-accumulates of convolution and linear layers for one image, biases not counted; FLOPs = 2 * MACs
  bool operator==(const Cost&) const = default;
};

/// One entry a layer of the spec.
std::vector<Cost> layer_costs(const NetSpec& spec);

Cost cost(const NetSpec& spec);

/// The count that fvcore's FlopCountAnalysis prints for the net in evaluation mode: MACs, two for each value that batch norm normalises,
/// and one for each that adaptive pooling reads.
std::int64_t fvcore_flops(const NetSpec& spec);

/// Values of all layers' feature maps, for one image: what a pass holds that is gone through backwards.
std::int64_t all_activations(const NetSpec& spec);

/// Values of feature maps that are there at the same time at most, for one image: a map is kept until the last layer that reads it is done.
/// Flatten and dropout hand on their input, and batch norm and ReLUs write over it where nothing reads it after them (the net's input
/// aside).
std::int64_t peak_activations(const NetSpec& spec);

}  // namespace eval
