// Builds a NetSpec layer by layer; each call returns the new layer's index. Used by the families in this folder.
// A layer that does not fit its inputs is an Error(invalid) at once, naming the layer.
#pragma once

#include <string>
#include <vector>

#include "eval/nets/net_spec.h"

namespace eval {

/// A square window, as convolutions and pools of the published nets have it.
struct Window {
  int kernel = 1, stride = 1, padding = 0;
  bool ceil_mode = false;
};

class NetBuilder {
 public:
  NetBuilder(std::string name, Shape input);

  int input() const { return 0; }
  int convolution(const std::string& name, int from, int channels, Window window, bool bias = true, int groups = 1);
  int linear(const std::string& name, int from, int channels);
  int batch_norm(const std::string& name, int from, double epsilon = 1e-5);
  int relu(const std::string& name, int from);
  int relu6(const std::string& name, int from);
  int leaky_relu(const std::string& name, int from, double slope = 0.01);

  /// An activation without a number of its own: silu, gelu, hard_swish, sigmoid, hard_sigmoid.
  int activation(LayerKind kind, const std::string& name, int from);
  int max_pool(const std::string& name, int from, Window window);
  int average_pool(const std::string& name, int from, Window window);
  int adaptive_average_pool(const std::string& name, int from, int size);
  int local_response_norm(const std::string& name, int from, int size, double alpha, double beta, double k);
  int prelu(const std::string& name, int from);
  int zero_pad(const std::string& name, int from, std::array<int, 2> padding, std::array<int, 2> padding_end);
  int select(const std::string& name, int from, std::vector<int> indices);
  int concat(const std::string& name, std::vector<int> from);
  int add(const std::string& name, std::vector<int> from);
  int multiply(const std::string& name, int from, int gate);
  int flatten(const std::string& name, int from);
  int dropout(const std::string& name, int from, double rate);

  /// Output channels of a layer built so far.
  int channels(int layer) const;

  /// The finished spec, checked by output_shapes.
  NetSpec build() &&;

 private:
  int append(Layer layer);
  NetSpec spec_;
  std::vector<Shape> shapes_;
};

}  // namespace eval
