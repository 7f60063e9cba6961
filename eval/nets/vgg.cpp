// VGG (Simonyan and Zisserman 2014, table 1, columns A, B, D, E), plain or with batch norm.
// Layout small: the features, global average pooling, and one linear layer called "classifier". Five pools need at least 32 pixels.
#include <fmt/format.h>

#include <array>
#include <map>
#include <utility>

#include "eval/nets/families.h"
#include "eval/nets/net_builder.h"

namespace eval {
namespace {

constexpr std::array<int, 5> block_channels{64, 128, 256, 512, 512};
constexpr int hidden_features = 4096;

/// 3x3 convolutions in each of the five blocks.
std::array<int, 5> block_depths(const std::string& name) {
  static const std::map<std::string, std::array<int, 5>> depths = {
      {"vgg11", {1, 1, 2, 2, 2}}, {"vgg13", {2, 2, 2, 2, 2}}, {"vgg16", {2, 2, 3, 3, 3}}, {"vgg19", {2, 2, 4, 4, 4}}};
  return depths.at(name.substr(0, 5));
}

int add_features(NetBuilder& net, const std::string& name, double width) {
  const bool batch_norm = name.ends_with("_bn");
  const std::array<int, 5> depths = block_depths(name);
  int layer = net.input(), number = 0;
  const auto next_name = [&number] { return fmt::format("features.{}", number++); };
  for (std::size_t block = 0; block < depths.size(); ++block) {
    for (int i = 0; i < depths[block]; ++i) {
      layer = net.convolution(next_name(), layer, scaled(block_channels[block], width), {.kernel = 3, .padding = 1});
      if (batch_norm) layer = net.batch_norm(next_name(), layer);
      layer = net.relu(next_name(), layer);
    }
    layer = net.max_pool(next_name(), layer, {.kernel = 2, .stride = 2});
  }
  return layer;
}

}  // namespace

NetSpec make_vgg(const std::string& name, const NetOptions& options) {
  NetBuilder net(name, options.input);
  int layer = add_features(net, name, options.width);
  if (resolved_layout(options) == Layout::small) {
    layer = net.adaptive_average_pool("avgpool", layer, 1);
    layer = net.flatten("flatten", layer);
    net.linear("classifier", layer, options.classes);
    return std::move(net).build();
  }
  layer = net.adaptive_average_pool("avgpool", layer, 7);
  layer = net.flatten("flatten", layer);
  for (const int number : {0, 3}) {
    layer = net.linear(fmt::format("classifier.{}", number), layer, scaled(hidden_features, options.width));
    layer = net.relu(fmt::format("classifier.{}", number + 1), layer);
    layer = net.dropout(fmt::format("classifier.{}", number + 2), layer, options.dropout);
  }
  net.linear("classifier.6", layer, options.classes);
  return std::move(net).build();
}

}  // namespace eval
