// Small nets with every kind of coupling, and small instances of the registry's nets.
#pragma once

#include "eval/nets/net_builder.h"
#include "eval/nets/registry.h"

namespace support {

/// conv - bn - relu - pool - conv - bn - relu - global pool - linear, on 8 x 8 images.
inline eval::NetSpec plain_net(int channels = 1, int classes = 4) {
  eval::NetBuilder net("plain", {channels, 8, 8});
  int x = net.relu("relu1", net.batch_norm("bn1", net.convolution("conv1", net.input(), 8, {3, 1, 1}, false)));
  x = net.max_pool("pool", x, {2, 2});
  x = net.relu("relu2", net.batch_norm("bn2", net.convolution("conv2", x, 16, {3, 1, 1}, false)));
  net.linear("fc", net.flatten("flatten", net.adaptive_average_pool("global", x, 1)), classes);
  return std::move(net).build();
}

/// A residual block, a depthwise and a grouped convolution, a concatenation and a flatten of 2 x 2 maps.
inline eval::NetSpec coupled_net() {
  eval::NetBuilder net("coupled", {3, 8, 8});
  const int stem = net.relu("stem_relu", net.convolution("stem", net.input(), 8, {3, 1, 1}));
  const int body = net.batch_norm("body_bn", net.convolution("body", stem, 8, {3, 1, 1}, false));
  const int sum = net.relu("sum_relu", net.add("sum", {stem, body}));
  const int depthwise = net.relu6("depthwise_relu", net.convolution("depthwise", sum, 8, {3, 2, 1}, true, 8));
  const int grouped = net.relu("grouped_relu", net.convolution("grouped", depthwise, 12, {1, 1, 0}, true, 4));
  const int branch = net.relu("branch_relu", net.convolution("branch", depthwise, 6, {3, 1, 1}));
  const int joined = net.average_pool("pool", net.concat("joined", {grouped, branch}), {2, 2});
  const int hidden = net.relu("hidden_relu", net.linear("hidden", net.flatten("flatten", joined), 10));
  net.linear("fc", net.dropout("dropout", hidden, 0.5), 5);
  return std::move(net).build();
}

/// Every activation, and two gates: squeeze and excitation by convolutions of 1x1, and by linear layers.
inline eval::NetSpec gated_net(int extent = 8, int classes = 5) {
  using eval::LayerKind;
  eval::NetBuilder net("gated", {3, extent, extent});
  int x = net.leaky_relu("stem_act", net.batch_norm("stem_bn", net.convolution("stem", net.input(), 8, {3, 1, 1}, false)), 0.1);
  x = net.activation(LayerKind::hard_swish, "deep_act", net.convolution("deep", x, 8, {3, 1, 1}, true, 8));
  int gate = net.convolution("squeeze", net.adaptive_average_pool("squeeze_pool", x, 1), 4, {});
  gate = net.convolution("excite", net.activation(LayerKind::silu, "squeeze_act", gate), 8, {});
  x = net.multiply("gated", x, net.activation(LayerKind::hard_sigmoid, "excite_act", gate));
  x = net.activation(LayerKind::silu, "body_act", net.batch_norm("body_bn", net.convolution("body", x, 12, {3, 2, 1}, false)));
  gate = net.linear("narrow", net.flatten("narrow_flat", net.adaptive_average_pool("narrow_pool", x, 1)), 6);
  gate = net.linear("widen", net.relu6("narrow_act", gate), 12);
  x = net.multiply("gated_flat", x, net.activation(LayerKind::sigmoid, "widen_act", gate));
  const int hidden = net.linear("hidden", net.flatten("flatten", net.adaptive_average_pool("global", x, 1)), 10);
  net.linear("fc", net.activation(LayerKind::gelu, "hidden_act", hidden), classes);
  return std::move(net).build();
}

/// As ShuffleNet has it: half of the channels pass, half are convolved, then all are shuffled; a learnt slope, and padding on two sides
/// only.
inline eval::NetSpec shuffled_net(int extent = 8, int classes = 5) {
  eval::NetBuilder net("shuffled", {3, extent, extent});
  int x = net.prelu("stem_act", net.convolution("stem", net.input(), 8, {3, 1, 1}));
  const int passed = net.select("passed", x, {0, 1, 2, 3});
  const int taken = net.select("taken", x, {4, 5, 6, 7});
  x = net.relu("half_relu", net.batch_norm("half_bn", net.convolution("half", taken, 4, {3, 1, 1}, false)));
  x = net.select("shuffle", net.concat("joined", {passed, x}), {0, 4, 1, 5, 2, 6, 3, 7});
  x = net.convolution("body", net.zero_pad("pad", x, {0, 0}, {1, 1}), 12, {3, 2, 0});
  x = net.relu("body_relu", x);
  const int hidden = net.linear("hidden", net.flatten("flatten", net.adaptive_average_pool("global", x, 1)), 10);
  net.linear("fc", net.select("turned", net.prelu("hidden_act", hidden), {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}), classes);
  return std::move(net).build();
}

/// conv a (3 -> 32) - conv g (32 -> 64 in 4 groups) - conv c (64 -> 16) - global pool - linear to 10 classes, all 3x3, on 16 x 16 images.
inline eval::NetSpec grouped_net() {
  eval::NetBuilder net("grouped", {3, 16, 16});
  int x = net.relu("a_relu", net.convolution("a", net.input(), 32, {3, 1, 1}));
  x = net.relu("g_relu", net.convolution("g", x, 64, {3, 1, 1}, true, 4));
  x = net.relu("c_relu", net.convolution("c", x, 16, {3, 1, 1}));
  net.linear("fc", net.flatten("flatten", net.adaptive_average_pool("global", x, 1)), 10);
  return std::move(net).build();
}

/// A registry net made small enough for a test.
inline eval::NetSpec small_instance(const std::string& name) {
  return eval::make_net(name, {.width = 0.25, .classes = 7, .input = {3, 32, 32}, .layout = eval::Layout::small});
}

}  // namespace support
