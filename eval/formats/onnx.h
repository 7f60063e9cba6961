// A net as an ONNX file, out for every runtime that reads ONNX, and in from a user's own classifier. Files from outside are hostile until
// this has read them.
#pragma once

#include <filesystem>
#include <optional>
#include <set>

#include "eval/nets/net.h"
#include "eval/nets/net_info.h"

namespace eval {

struct OnnxNet {
  NetSpec spec;
  Weights weights;
  NetInfo info = {};                          ///< as the file's metadata say
  std::set<std::string> external_files = {};  ///< in which tensors lie, from the model's folder
  std::vector<std::string> notes = {};        ///< what the net has otherwise than the file, a sentence each
};

/// What an image is, where a file leaves it free.
using OnnxSize = std::optional<Shape>;

struct OnnxOptions {
  bool end_to_end = false;  ///< the input is pixels in [0, 255] as fp32, and the output probabilities; that needs mean and deviation
  int operator_set = 18;    ///< 13 to 18, or 10: OpenCV before 5 reads no newer Clip and no Gather of channels
};

/// Writes `path` in place; the caller makes it durable. fp32. Input "images" [N, C, H, W], normalised as in training; output "scores"
/// [N, classes]. A node has its layer's name; dropout and an adaptive pool of maps that have its size already leave none. Throws
/// Error(invalid) naming the layer that ONNX cannot say exactly: local response norm over an even number of channels, windows of ceil_mode
/// that runtimes count differently; a tensor missing or of a wrong size; an operator set of another number; more than 2 GB of weights.
/// Throws Error(environment) where the file cannot be written. What is known goes into the metadata (to_metadata).
void write_onnx(const std::filesystem::path& path, const NetSpec& spec, const Weights& weights, const NetInfo& info = {},
                const OnnxOptions& options = {});

/// The bytes of such a file, without metadata.
std::string onnx_file(const NetSpec& spec, const Weights& weights);

/// Reads a classifier: one fp32 (or fp16, bf16, fp64) input [N, C, H, W], one output [N, classes]; operator sets 7 to 24. C, H and W that
/// the file leaves free are filled from `size`, which must not contradict the others. Weights may lie in files of the model's folder, as
/// PyTorch's exporter writes them.
///
/// Covered: Conv, Gemm, MatMul, Add of a constant as the bias of the layer before it, BatchNormalization, LRN over an odd number of
/// channels, Relu, Clip to [0, 6] or [0, inf], LeakyRelu, PRelu, Sigmoid, HardSigmoid of x / 6 + 0.5, HardSwish, Gelu and what PyTorch
/// writes for it with Erf, MaxPool, AveragePool, Pad with zeros, GlobalAveragePool, ReduceMean over height and width, Concat of channels,
/// Add and Sum, Mul of x and its Sigmoid or HardSigmoid (SiLU, hard swish) and of maps and a gate, Dropout, Identity, Cast, Constant.
/// Padding may differ from side to side, before a MaxPool only where no value is below 0. Whatever Flatten, Reshape, Squeeze, Unsqueeze,
/// Transpose, Split, Slice, Gather, GatherND, Where, ReduceMean, Add, Sub, Mul and Div make of one layer's output is covered if it is its
/// maps flattened, some of its channels, or the means of an adaptive pool (onnx_layers.h); so are the sizes that Shape and the like compute
/// for it, and constants that they change. A Softmax or LogSoftmax that makes the output is left out, as a note says: it keeps the order of
/// the scores, and training has its own. So are nodes that the output does not need. Layers that share weights get a copy each, as a note
/// says: exporters also write layers that merely have equal weights so.
///
/// A layer is called after its weight ("features.0.weight" makes "features.0"), else after its node; characters outside a layer name's
/// become '_', and a name that is taken gets a number. Throws Error(invalid) naming the file, the node and what is wrong: whatever is not
/// covered or not valid, data that are not where they should be, sizes out of bounds (layer_shape.h), weights that need more than 8 times
/// the files' size in memory.
OnnxNet read_onnx(const std::filesystem::path& path, const OnnxSize& size = std::nullopt);

}  // namespace eval
