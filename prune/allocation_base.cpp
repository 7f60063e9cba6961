#include "prune/allocation_base.h"

#include "prune/keep_mask.h"
#include "prune/width_cost.h"
#include "storage/base/error.h"

namespace prune {

std::map<std::string, std::vector<int>> units_of_shared_layers(const ChannelGroups& groups) {
  std::map<std::string, std::vector<int>> units;
  for (const ChannelGroup& group : groups.groups) units[group.name].push_back(group.size);
  std::erase_if(units, [](const auto& each) { return each.second.size() == 1; });
  return units;
}

AllocationBase allocation_base(const eval::NetSpec& spec, const ChannelGroups& groups, eval::Cost cost,
                               const std::map<std::string, int>& channels, const std::map<std::string, std::vector<int>>& units) {
  AllocationBase base{cost, {}};
  const std::map<std::string, std::vector<int>> shared = units_of_shared_layers(groups);
  std::map<std::string, std::size_t> passed;
  for (const ChannelGroup& group : groups.groups) {
    const std::size_t place = passed[group.name]++;
    const auto now = shared.find(group.name), then = units.find(group.name);
    if (now != shared.end() && then != units.end() && now->second.size() == then->second.size()) {
      base.channels.push_back(then->second[place]);
      continue;
    }
    // A unit has as many channels of each of its producers in the base as now, so any producer tells.
    const eval::Layer& producer = spec.layers[group.producers.front()];
    const auto had = channels.find(producer.name);
    base.channels.push_back(had == channels.end() ? group.size
                                                  : static_cast<int>(std::int64_t{had->second} * group.size / producer.channels));
  }
  return base;
}

double base_size(const ChannelGroups& groups, Budget of, const AllocationBase& base) {
  switch (of) {
    case Budget::params:
      return static_cast<double>(base.cost.params);
    case Budget::macs:
      return static_cast<double>(base.cost.macs);
    case Budget::channels: {
      double channels = 0;
      for (std::size_t g = 0; g < groups.groups.size(); ++g)
        if (groups.groups[g].fixed.empty()) channels += base.channels[g];
      return channels;
    }
    case Budget::latency:
      if (base.latency == nullptr) throw storage::Error(storage::ErrorKind::internal, "a budget of latency without a latency table");
      return base.latency->whole_ms;
  }
  throw storage::Error(storage::ErrorKind::internal, "unknown budget");
}

double share_left(const eval::NetSpec& spec, const ChannelGroups& groups, Budget of, const AllocationBase& base) {
  return WidthCost(spec, groups, of, base.latency).cost(kept_counts(keep_all(groups))) / base_size(groups, of, base);
}

}  // namespace prune
