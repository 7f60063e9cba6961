#include "eval/nets/registry.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "eval/nets/families.h"
#include "eval/nets/layer_shape.h"
#include "storage/base/error.h"
#include "storage/base/named.h"

namespace eval {
namespace {

constexpr int small_below = 96;  // pixels, the shorter side

void check(const std::string& name, const NetOptions& options) {
  if (!(options.width > 0 && options.width <= 4)) storage::refuse(fmt::format("net {}: width {} is not in (0, 4]", name, options.width));
  if (options.classes < 1 || options.classes > 100'000)
    storage::refuse(fmt::format("net {}: classes {} is not in [1, 100000]", name, options.classes));
  if (!(options.dropout >= 0 && options.dropout < 1))
    storage::refuse(fmt::format("net {}: dropout {} is not in [0, 1)", name, options.dropout));
}

}  // namespace

const std::vector<NetEntry>& net_registry() {
  static const std::vector<NetEntry> table = {
      {"vgg11", "vgg", make_vgg},
      {"vgg11_bn", "vgg", make_vgg},
      {"vgg13", "vgg", make_vgg},
      {"vgg13_bn", "vgg", make_vgg},
      {"vgg16", "vgg", make_vgg},
      {"vgg16_bn", "vgg", make_vgg},
      {"vgg19", "vgg", make_vgg},
      {"vgg19_bn", "vgg", make_vgg},
      {"googlenet", "googlenet", make_googlenet},
      {"googlenet_v1", "googlenet", make_googlenet},
      {"googlenet_v1_3x3", "googlenet", make_googlenet},
      {"squeezenet1_0", "squeezenet", make_squeezenet},
      {"squeezenet1_1", "squeezenet", make_squeezenet},
      {"mobilenet_v1", "mobilenet", make_mobilenet_v1},
      {"mobilenet_v2", "mobilenet", make_mobilenet_v2},
      {"resnet18", "resnet", make_resnet},
      {"resnet34", "resnet", make_resnet},
      {"resnet50", "resnet", make_resnet},
  };
  return table;
}

NetOptions net_options_from_json(const storage::Json& json) {
  NetOptions options;
  options.width = json.value("width", options.width);
  options.classes = json.value("classes", options.classes);
  if (const auto input = json.find("input"); input != json.end()) options.input = {input->at(0), input->at(1), input->at(2)};
  options.layout = layout_from_string(json.value("layout", to_string(options.layout)));
  options.dropout = json.value("dropout", options.dropout);
  return options;
}

std::vector<std::string> net_names() {
  std::vector<std::string> names;
  for (const NetEntry& entry : net_registry()) names.push_back(entry.name);
  return names;
}

NetSpec make_net(const std::string& name, const NetOptions& options) {
  const NetEntry& entry = storage::find_named(net_registry(), name, "net", &NetEntry::name);
  check(name, options);
  try {
    return entry.make(name, options);
  } catch (const storage::Error& error) {
    storage::refuse(fmt::format("net {} with input {}, layout {}, width {}: {}", name, to_string(options.input),
                                to_string(resolved_layout(options)), options.width, error.what()));
  }
}

Layout resolved_layout(const NetOptions& options) {
  if (options.layout != Layout::automatic) return options.layout;
  return std::min(options.input.height, options.input.width) < small_below ? Layout::small : Layout::imagenet;
}

int scaled(int channels, double width) {
  return std::max(1, static_cast<int>(std::lround(channels * width)));
}

std::string to_string(Layout layout) {
  switch (layout) {
    case Layout::automatic:
      return "automatic";
    case Layout::imagenet:
      return "imagenet";
    case Layout::small:
      return "small";
  }
  return "unknown";
}

Layout layout_from_string(const std::string& text) {
  static constexpr std::array layouts{Layout::automatic, Layout::imagenet, Layout::small};
  return storage::find_named(layouts, text, "layout", [](Layout layout) { return to_string(layout); });
}

}  // namespace eval
