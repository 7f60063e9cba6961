// The deconvnet (Zeiler and Fergus 2014): a pass from a layer's firings down to the layers below, as a walk over the NetSpec.
#pragma once

#include <functional>

#include "eval/nets/net.h"

namespace prune {

/// Where windows of max pooling overlap, a place may be the maximum of several. add: it gets the sum of their signals, as the adjoint has
/// it; place: that of the last window, by rows, as PyTorch's MaxUnpool2d.
enum class Unpooling { place, add };

/// The adjoint of a layer's linear map at the given inputs: signal [N, output] -> one tensor [N, input] for each input. Convolution and
/// linear: the transposed filters, without bias. Batch norm: the scale of its running statistics, without shift. Max pooling: to the place
/// of each maximum (the switches). Average pooling: spread evenly. Concat: split by channels. Add: to all branches. LRN: the normalising
/// factor of this input, held fixed. Multiply: to either input the other one's values. Flatten: reshaped. Dropout: unchanged. ReLU and the
/// other activations are not linear: the deconvnet's rule is that
/// negative signal is cut off on the way down.
std::vector<torch::Tensor> trace_layer(const eval::Net& net, int layer, const std::vector<torch::Tensor>& inputs,
                                       const torch::Tensor& signal, Unpooling unpooling = Unpooling::add);

/// Runs `images` up the net to `from`, then the firing that `select` leaves of that layer's output down again. `visit` sees, for every
/// layer from `from` down, the signal at its output, [N, ...], summed over all its readers and before that layer's own rule.
void trace_down(const eval::Net& net, const torch::Tensor& images, int from, Unpooling unpooling,
                const std::function<torch::Tensor(const torch::Tensor&)>& select,
                const std::function<void(int layer, const torch::Tensor& signal)>& visit);

}  // namespace prune
