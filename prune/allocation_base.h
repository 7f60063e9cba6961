// What a net was before its first cut, which shares and floors refer to, and how much of it is left. Used by allocation, the search for
// widths and the stages that cut.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "eval/cost.h"
#include "eval/latency_table.h"
#include "prune/channel_graph.h"
#include "prune/cut_options.h"

namespace prune {

/// The base that shares and floors refer to.
struct AllocationBase {
  eval::Cost cost;
  std::vector<int> channels;                    ///< by group: units of the net that was first trained
  const eval::LatencyTable* latency = nullptr;  ///< borrowed, of that net; requests of latency need it
};

/// The base of a net that may have been cut before: its cost, and for every group its units, as the `channels` by layer tell them that the
/// base had. A layer that is not named has as many as now. Where a convolution is grouped, a unit is a channel of every group; where a
/// layer's channels are in several groups, `units` are what each of these had, by the groups' name and in their order.
AllocationBase allocation_base(const eval::NetSpec& spec, const ChannelGroups& groups, eval::Cost cost,
                               const std::map<std::string, int>& channels, const std::map<std::string, std::vector<int>>& units = {});

/// The `units` of a net that was not cut.
std::map<std::string, std::vector<int>> units_of_shared_layers(const ChannelGroups& groups);

/// What the base costs, as `of` counts it. Throws storage::Error(internal) for latency without a table.
double base_size(const ChannelGroups& groups, Budget of, const AllocationBase& base);

/// What is left of the base in a net that may have been cut before, as `of` counts it.
double share_left(const eval::NetSpec& spec, const ChannelGroups& groups, Budget of, const AllocationBase& base);

}  // namespace prune
