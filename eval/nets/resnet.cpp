// ResNet (He et al. 2015) with 18, 34 or 50 layers; in 50 the stride is on the 3x3 convolution, as in torchvision.
// Layout small: the stem is a 3x3 convolution with stride 1 and no max pooling, so that an image of 32 pixels reaches the stages at 32, 16,
// 8 and 4 pixels.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "eval/nets/families.h"
#include "eval/nets/net_builder.h"

namespace eval {
namespace {

constexpr std::array<int, 4> stage_channels{64, 128, 256, 512};

/// A residual block to add: its name's prefix, its input layer, its inner width (scaled by `width` here) and stride.
struct Block {
  std::string prefix;
  int from, channels, stride;
  bool projected;  ///< the shortcut is a 1x1 convolution, since the shape changes
  double width;
};

int add_norm_convolution(NetBuilder& net, const std::string& prefix, int number, int from, int channels, Window window) {
  const int layer = net.convolution(fmt::format("{}conv{}", prefix, number), from, channels, window, false);
  return net.batch_norm(fmt::format("{}bn{}", prefix, number), layer);
}

/// The shortcut, the sum, and the ReLU after it.
int join(NetBuilder& net, const Block& block, int branch) {
  int shortcut = block.from;
  if (block.projected) {
    shortcut = net.convolution(block.prefix + "downsample.0", shortcut, net.channels(branch), {.stride = block.stride}, false);
    shortcut = net.batch_norm(block.prefix + "downsample.1", shortcut);
  }
  return net.relu(block.prefix + "relu", net.add(block.prefix + "add", {branch, shortcut}));
}

int add_basic_block(NetBuilder& net, const Block& block) {
  const int channels = scaled(block.channels, block.width);
  int layer = add_norm_convolution(net, block.prefix, 1, block.from, channels, {3, block.stride, 1});
  layer = net.relu(block.prefix + "relu1", layer);
  layer = add_norm_convolution(net, block.prefix, 2, layer, channels, {.kernel = 3, .padding = 1});
  return join(net, block, layer);
}

int add_bottleneck(NetBuilder& net, const Block& block) {
  const int channels = scaled(block.channels, block.width);
  int layer = add_norm_convolution(net, block.prefix, 1, block.from, channels, {});
  layer = net.relu(block.prefix + "relu1", layer);
  layer = add_norm_convolution(net, block.prefix, 2, layer, channels, {3, block.stride, 1});
  layer = net.relu(block.prefix + "relu2", layer);
  layer = add_norm_convolution(net, block.prefix, 3, layer, scaled(4 * block.channels, block.width), {});
  return join(net, block, layer);
}

int add_stem(NetBuilder& net, const NetOptions& options) {
  const bool small = resolved_layout(options) == Layout::small;
  int layer = add_norm_convolution(net, "", 1, net.input(), scaled(64, options.width), small ? Window{3, 1, 1} : Window{7, 2, 3});
  layer = net.relu("relu", layer);
  return small ? layer : net.max_pool("maxpool", layer, {3, 2, 1});
}

}  // namespace

NetSpec make_resnet(const std::string& name, const NetOptions& options) {
  const bool bottleneck = name == "resnet50";
  const std::array<int, 4> depths = name == "resnet18" ? std::array{2, 2, 2, 2} : std::array{3, 4, 6, 3};
  NetBuilder net(name, options.input);
  int layer = add_stem(net, options);
  for (std::size_t stage = 0; stage < depths.size(); ++stage) {
    for (int i = 0; i < depths[stage]; ++i) {
      const bool first = i == 0;
      const Block block{fmt::format("layer{}.{}.", stage + 1, i), layer,        stage_channels[stage], first && stage > 0 ? 2 : 1,
                        first && (stage > 0 || bottleneck),       options.width};
      layer = bottleneck ? add_bottleneck(net, block) : add_basic_block(net, block);
    }
  }
  layer = net.adaptive_average_pool("avgpool", layer, 1);
  layer = net.flatten("flatten", layer);
  net.linear("fc", layer, options.classes);
  return std::move(net).build();
}

}  // namespace eval
