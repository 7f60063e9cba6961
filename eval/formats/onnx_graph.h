// A net as an ONNX graph: the node, or the nodes, of each kind of layer.
#pragma once

#include <onnx/onnx_pb.h>

#include <optional>

#include "eval/formats/pixel_statistics.h"
#include "eval/nets/net.h"

namespace eval {

constexpr int old_onnx_operator_set = 10;  ///< the last in which Clip has attributes; OpenCV 4 reads no other Clip

constexpr const char* onnx_pixels = "#pixels";  ///< the node that normalises pixels; as every part that is no layer's, its name has a '#'

/// A model of one graph from "images" to "scores", with the weights in it, by operator set 10 or 13 to 18. With `pixels` it takes images
/// with pixels in [0, 255] and ends in a softmax. Throws storage::Error(invalid) for a layer that ONNX has no node for, or a tensor that is
/// missing or of another size.
onnx::ModelProto onnx_graph(const NetSpec& spec, const Weights& weights, int operator_set, const std::optional<PixelStatistics>& pixels);

}  // namespace eval
