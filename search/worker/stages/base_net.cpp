#include "search/worker/stages/base_net.h"

#include "eval/cost.h"

namespace search {

storage::Json base_of(const eval::NetSpec& spec) {
  const eval::Cost cost = eval::cost(spec);
  storage::Json channels = storage::Json::object();
  for (const eval::Layer& layer : spec.layers)
    if (eval::has_filters(layer.kind)) channels[layer.name] = layer.channels;
  return {{"params", cost.params}, {"macs", cost.macs}, {"channels", channels}};
}

/// A unit has as many channels of each of its producers in the base as now, so any producer tells.
prune::AllocationBase allocation_base(const eval::NetSpec& spec, const prune::ChannelGroups& groups, const storage::Json& base) {
  prune::AllocationBase result{{base.at("params").get<std::int64_t>(), base.at("macs").get<std::int64_t>()}, {}};
  for (const prune::ChannelGroup& group : groups.groups) {
    const eval::Layer& producer = spec.layers[group.producers.front()];
    const auto channels = base.at("channels").find(producer.name);
    result.channels.push_back(channels == base.at("channels").end() ? group.size : channels->get<int>() * group.size / producer.channels);
  }
  return result;
}

}  // namespace search
