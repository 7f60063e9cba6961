// A net as an ONNX file, out for every runtime that reads ONNX, and in from a user's own classifier. Files from outside are hostile until
// this has read them.
#pragma once

#include <filesystem>

#include "eval/nets/net.h"
#include "eval/nets/net_info.h"

namespace eval {

struct OnnxNet {
  NetSpec spec;
  Weights weights;
  NetInfo info = {};  ///< as the file's metadata say
};

/// Writes `path` in place; the caller makes it durable. Operator set 10, IR version 5, fp32. Input "images" [N, C, H, W], normalised as in
/// training; output "scores" [N, classes]. A node has its layer's name; dropout and an adaptive pool of maps that have its size already
/// leave none. Throws Error(invalid) naming the layer that ONNX cannot say exactly: local response norm over an even number of channels,
/// adaptive pooling of maps whose extent its size does not divide, windows of ceil_mode that runtimes count differently; a tensor missing
/// or of a wrong size; more than 2 GB of weights. Throws Error(environment) where the file cannot be written.
/// What is known goes into the metadata (to_metadata). `end_to_end`: the input is pixels in [0, 255] as fp32, and the output probabilities;
/// that needs mean and deviation.
void write_onnx(const std::filesystem::path& path, const NetSpec& spec, const Weights& weights, const NetInfo& info = {},
                bool end_to_end = false);

/// Reads a classifier: one fp32 (or fp16, bf16, fp64) input [N, C, H, W] with numbers for C, H and W, one output [N, classes]; operator
/// sets 7 to 24.
///
/// Covered: Conv, Gemm, MatMul, Add of a constant as the bias of the layer before it, BatchNormalization, LRN over an odd number of
/// channels, Relu, Clip to [0, 6] or [0, inf], LeakyRelu, Sigmoid, HardSigmoid of x / 6 + 0.5, HardSwish, MaxPool, AveragePool, Pad with
/// zeros before Conv and AveragePool, GlobalAveragePool, ReduceMean and Squeeze over height and width, Concat of channels, Add and Sum, Mul
/// of x and its Sigmoid or HardSigmoid (SiLU, hard swish) and of maps and a gate, Flatten, Reshape to [N, features] (and Shape, Gather,
/// Unsqueeze, Concat where they compute that), Dropout, Identity, Constant. A Softmax or LogSoftmax that makes the output is left out: it
/// keeps the order of the scores, and training has its own. So are nodes that the output does not need.
///
/// A layer is called after its weight ("features.0.weight" makes "features.0"), else after its node; characters outside a layer name's
/// become '_', and a name that is taken gets a number. Throws Error(invalid) naming the file, the node and what is wrong: whatever is not
/// covered or not valid, weights in other files, sizes out of bounds (layer_shape.h), weights that need more than 8 times the file's size
/// in memory.
OnnxNet read_onnx(const std::filesystem::path& path);

}  // namespace eval
