// Which channels must live or die together, through residual adds, gates, depthwise and grouped convolutions, concatenation and flattening.
// Scores, masks, allocation and surgery all speak of these groups.
#pragma once

#include <string>
#include <vector>

#include "eval/nets/net_spec.h"

namespace prune {

/// One removable channel: unit `index` of group `group`.
struct Unit {
  int group = 0;
  int index = 0;
  bool operator==(const Unit&) const = default;
};

/// Units made by the same layers and read through the same selections of channels. In a plain chain: the filters of one layer.
struct ChannelGroup {
  std::string name;  ///< of the first layer that makes these channels
  std::vector<int>
      producers;      ///< layers whose filters make them, ascending: more than one behind an add, a gate or a depthwise convolution
  int size = 0;       ///< units
  std::string fixed;  ///< why the group cannot be cut; empty: it can
};

struct ChannelGroups {
  std::vector<ChannelGroup> groups;
  /// For every layer and output channel its unit. After a flatten every unit stands height * width times.
  std::vector<std::vector<Unit>> outputs;
};

/// Groups of a valid spec. The filters of a layer named in `protect` are fixed; so are the image's channels and the class scores. Names of
/// layers that this net lacks change nothing: one list serves several nets.
ChannelGroups channel_groups(const eval::NetSpec& spec, const std::vector<std::string>& protect = {});

/// Every input channel has output channels of its own, one or more (the multiplier).
bool is_depthwise(const eval::Layer& layer, int input_channels);

/// The layer where a producer's channels are read by others: after its batch norm and activation, as far as nothing else reads in between.
int activation_site(const eval::NetSpec& spec, int producer);

}  // namespace prune
