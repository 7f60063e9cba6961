// MobileNet v1 (Howard et al. 2017) and v2 (Sandler et al. 2018).
// v1 has no torchvision names: block i is "features.i" with convolution, norm and ReLU as .0 .1 .2 (depthwise) and .3 .4 .5 (pointwise).
// v2 rounds widths as torchvision does: to multiples of 8, and its last convolution is never narrower than 1280.
// Layout small: the stem has stride 1, and in v2 also the first block of stride 2.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "eval/nets/families.h"
#include "eval/nets/net_builder.h"

namespace eval {
namespace {

/// To a multiple of 8, at least 8, and no more than a tenth below channels * width.
int scaled_by_eights(int channels, double width) {
  const double exact = channels * width;
  const int rounded = std::max(8, static_cast<int>(exact + 4) / 8 * 8);
  return rounded < 0.9 * exact ? rounded + 8 : rounded;
}

/// Convolution without bias, batch norm and ReLU6 as prefix + "0", "1", "2". Kernels of 3 are padded.
int add_unit6(NetBuilder& net, const std::string& prefix, int from, int channels, int kernel, int stride, int groups) {
  int layer = net.convolution(prefix + "0", from, channels, {kernel, stride, kernel / 2}, false, groups);
  layer = net.batch_norm(prefix + "1", layer);
  return net.relu6(prefix + "2", layer);
}

/// Convolution without bias, batch norm and ReLU as prefix + first, first + 1, first + 2.
int add_unit(NetBuilder& net, const std::string& prefix, int first, int from, int channels, int kernel, int stride, int groups) {
  int layer = net.convolution(fmt::format("{}{}", prefix, first), from, channels, {kernel, stride, kernel / 2}, false, groups);
  layer = net.batch_norm(fmt::format("{}{}", prefix, first + 1), layer);
  return net.relu(fmt::format("{}{}", prefix, first + 2), layer);
}

/// Expansion (not where the factor is 1), depthwise convolution, linear projection; a sum with the input where the shapes agree.
int add_inverted_residual(NetBuilder& net, const std::string& prefix, int from, int expansion, int channels, int stride) {
  const int hidden = expansion * net.channels(from);
  int layer = from, part = 0;
  const auto next_prefix = [&] { return fmt::format("{}conv.{}", prefix, part++); };
  if (expansion != 1) layer = add_unit6(net, next_prefix() + ".", layer, hidden, 1, 1, 1);
  layer = add_unit6(net, next_prefix() + ".", layer, hidden, 3, stride, hidden);
  layer = net.convolution(next_prefix(), layer, channels, {}, false);
  layer = net.batch_norm(next_prefix(), layer);
  return stride == 1 && net.channels(from) == channels ? net.add(prefix + "add", {from, layer}) : layer;
}

}  // namespace

NetSpec make_mobilenet_v1(const std::string& name, const NetOptions& options) {
  struct Block {
    int channels, stride;
  };
  constexpr Block blocks[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                              {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
  NetBuilder net(name, options.input);
  const int stem_stride = resolved_layout(options) == Layout::small ? 1 : 2;
  int layer = add_unit(net, "features.0.", 0, net.input(), scaled(32, options.width), 3, stem_stride, 1);
  int number = 1;
  for (const Block& block : blocks) {
    const std::string prefix = fmt::format("features.{}.", number++);
    const int depth = net.channels(layer);
    layer = add_unit(net, prefix, 0, layer, depth, 3, block.stride, depth);
    layer = add_unit(net, prefix, 3, layer, scaled(block.channels, options.width), 1, 1, 1);
  }
  layer = net.adaptive_average_pool("avgpool", layer, 1);
  layer = net.flatten("flatten", layer);
  net.linear("classifier", layer, options.classes);
  return std::move(net).build();
}

NetSpec make_mobilenet_v2(const std::string& name, const NetOptions& options) {
  struct Group {
    int expansion, channels, blocks, stride;
  };
  constexpr Group groups[] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  const bool small = resolved_layout(options) == Layout::small;
  NetBuilder net(name, options.input);
  int layer = add_unit6(net, "features.0.", net.input(), scaled_by_eights(32, options.width), 3, small ? 1 : 2, 1);
  int number = 1;
  for (const Group& group : groups) {
    const int group_stride = small && group.channels == 24 ? 1 : group.stride;
    for (int i = 0; i < group.blocks; ++i) {
      layer = add_inverted_residual(net, fmt::format("features.{}.", number++), layer, group.expansion,
                                    scaled_by_eights(group.channels, options.width), i == 0 ? group_stride : 1);
    }
  }
  const int last = scaled_by_eights(1280, std::max(1.0, options.width));
  layer = add_unit6(net, fmt::format("features.{}.", number), layer, last, 1, 1, 1);
  layer = net.adaptive_average_pool("avgpool", layer, 1);
  layer = net.flatten("flatten", layer);
  layer = net.dropout("classifier.0", layer, options.dropout);
  net.linear("classifier.1", layer, options.classes);
  return std::move(net).build();
}

}  // namespace eval
