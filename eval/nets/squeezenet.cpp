// SqueezeNet 1.0 (Iandola et al. 2016) and the authors' cheaper 1.1.
// Layout small: the first convolution is 3x3 with stride 1 and padding 1. All three pools stay: an image of 32 pixels reaches the fire
// modules at 16, 8 and 4 pixels, one of 28 at 14, 7 and 3.
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "eval/nets/families.h"
#include "eval/nets/net_builder.h"

namespace eval {
namespace {

constexpr int pool_here = 0;

/// What follows the first convolution: the squeeze width of each fire module (each half of its expand layer is four times as wide), and
/// the places of the pools.
std::vector<int> body(const std::string& name) {
  if (name == "squeezenet1_0") return {pool_here, 16, 16, 32, pool_here, 32, 48, 48, 64, pool_here, 64};
  return {pool_here, 16, 16, pool_here, 32, 32, pool_here, 48, 48, 64, 64};
}

Window stem_window(const std::string& name, Layout layout) {
  if (layout == Layout::small) return {.kernel = 3, .padding = 1};
  return {.kernel = name == "squeezenet1_0" ? 7 : 3, .stride = 2};
}

int add_fire(NetBuilder& net, const std::string& prefix, int from, int squeeze, double width) {
  const auto unit = [&](const std::string& name, int input, int channels, Window window) {
    const int filters = net.convolution(prefix + name, input, scaled(channels, width), window);
    return net.relu(prefix + name + "_activation", filters);
  };
  const int squeezed = unit("squeeze", from, squeeze, {});
  const int one = unit("expand1x1", squeezed, 4 * squeeze, {});
  const int three = unit("expand3x3", squeezed, 4 * squeeze, {.kernel = 3, .padding = 1});
  return net.concat(prefix + "concat", {one, three});
}

}  // namespace

NetSpec make_squeezenet(const std::string& name, const NetOptions& options) {
  NetBuilder net(name, options.input);
  const int stem = name == "squeezenet1_0" ? 96 : 64;
  int layer = net.convolution("features.0", net.input(), scaled(stem, options.width), stem_window(name, resolved_layout(options)));
  layer = net.relu("features.1", layer);
  int number = 2;
  for (const int squeeze : body(name)) {
    const std::string place = fmt::format("features.{}", number++);
    layer = squeeze == pool_here ? net.max_pool(place, layer, {.kernel = 3, .stride = 2, .ceil_mode = true})
                                 : add_fire(net, place + ".", layer, squeeze, options.width);
  }
  layer = net.dropout("classifier.0", layer, options.dropout);
  layer = net.convolution("classifier.1", layer, options.classes, {});
  layer = net.relu("classifier.2", layer);
  layer = net.adaptive_average_pool("classifier.3", layer, 1);
  net.flatten("flatten", layer);
  return std::move(net).build();
}

}  // namespace eval
