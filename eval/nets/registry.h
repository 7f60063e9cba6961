// The table of known nets, and how one is made by name.
#pragma once

#include <string>
#include <vector>

#include "eval/nets/net_spec.h"

namespace eval {

/// imagenet: the published stem and head, for images of about 224 pixels. small: for images of 28 to 64 pixels: no downsampling in the
/// stem, global pooling and one linear layer as head. automatic: small below 96 pixels.
enum class Layout { automatic, imagenet, small };

struct NetOptions {
  /// In (0, 4]; multiplies every channel count. mobilenet_v2 rounds as torchvision does and keeps 1280 channels at its end.
  double width = 1;
  int classes = 1000;  ///< in [1, 100000]
  Shape input{3, 224, 224};
  Layout layout = Layout::automatic;
  double dropout = 0.5;  ///< in [0, 1), where the net has dropout
};

/// {"width", "classes", "input": [C, H, W], "layout", "dropout"}, each with the default above where it is missing.
NetOptions net_options_from_json(const storage::Json& json);

struct NetEntry {
  std::string name;    ///< "vgg16_bn"
  std::string family;  ///< "vgg"
  NetSpec (*make)(const std::string& name, const NetOptions& options);
};

/// Every known net, grouped by family.
const std::vector<NetEntry>& net_registry();

/// Names of net_registry(), for messages.
std::vector<std::string> net_names();

/// Throws storage::Error(invalid) for an unknown name (with the nearest), a width or class count out of range, or an input too small.
NetSpec make_net(const std::string& name, const NetOptions& options);

/// The layout that `automatic` stands for with this input.
Layout resolved_layout(const NetOptions& options);

/// channels * width, at least 1, rounded to the nearest integer.
int scaled(int channels, double width);

std::string to_string(Layout layout);

/// Throws storage::Error(invalid) for an unknown name.
Layout layout_from_string(const std::string& text);

}  // namespace eval
