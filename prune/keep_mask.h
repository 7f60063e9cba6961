// What stays of a net: a mask over channel groups, as JSON by layer, and the smaller NetSpec that it leaves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "prune/channel_graph.h"
#include "storage/base/json.h"

namespace prune {

/// keep[g][i]: unit i of group g stays. Fixed groups stay whole.
using KeepMask = std::vector<std::vector<bool>>;

KeepMask keep_all(const ChannelGroups& groups);

/// Units that stay, by group.
std::vector<int> kept_counts(const KeepMask& mask);

/// Positions of the output channels of `layer` that stay, ascending.
std::vector<std::int64_t> kept_channels(const ChannelGroups& groups, const KeepMask& mask, int layer);

/// {layer: [kept channels]} for every layer with filters.
storage::Json kept_to_json(const eval::NetSpec& spec, const ChannelGroups& groups, const KeepMask& mask);

/// The inverse; a layer that is not named stays whole unless it is tied to one that is. Throws storage::Error(invalid) for an unknown
/// layer, an index out of range or twice, a layer left empty, a fixed layer cut, or tied layers that contradict each other; its message
/// begins with `where`, what the mask was read from.
KeepMask kept_from_json(const eval::NetSpec& spec, const ChannelGroups& groups, const storage::Json& json,
                        const std::string& where = "mask");

/// Channels in terms of the net that was first trained: `before` as kept_to_json gave it for the parent (null: the parent is that net),
/// `now` in the parent's numbering. Throws storage::Error(invalid) where `before` lacks a channel of `now`: it is of another net.
storage::Json compose_kept(const storage::Json& before, const storage::Json& now);

/// The spec with the dropped channels gone. A group left empty is an Error(invalid).
eval::NetSpec cut_spec(const eval::NetSpec& spec, const ChannelGroups& groups, const KeepMask& mask);

}  // namespace prune
