// What a training leaves of its net for the cuts that follow: its cost and the channels of its layers, to which shares and floors refer.
#pragma once

#include <optional>

#include "prune/allocation.h"
#include "storage/base/json.h"

namespace search {

/// {"params", "macs", "channels": {layer: count}}, of a net that was not cut; and "units" where groups share a layer's channels.
storage::Json base_of(const eval::NetSpec& spec);

/// The base's units by the groups of a net that was cut from it. `base`: as base_of made it. Borrows the latency table.
prune::AllocationBase allocation_base(const eval::NetSpec& spec, const prune::ChannelGroups& groups, const storage::Json& base,
                                      const std::optional<eval::LatencyTable>& latency = {});

}  // namespace search
