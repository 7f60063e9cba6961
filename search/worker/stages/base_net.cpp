#include "search/worker/stages/base_net.h"

#include <map>
#include <string>

#include "eval/cost.h"

namespace search {

storage::Json base_of(const eval::NetSpec& spec) {
  const eval::Cost cost = eval::cost(spec);
  storage::Json channels = storage::Json::object();
  for (const eval::Layer& layer : spec.layers)
    if (eval::has_filters(layer.kind)) channels[layer.name] = layer.channels;
  storage::Json base{{"params", cost.params}, {"macs", cost.macs}, {"channels", channels}};
  const auto units = prune::units_of_shared_layers(prune::channel_groups(spec));
  if (!units.empty()) base["units"] = units;
  return base;
}

prune::AllocationBase allocation_base(const eval::NetSpec& spec, const prune::ChannelGroups& groups, const storage::Json& base,
                                      const std::optional<eval::LatencyTable>& latency) {
  prune::AllocationBase made = prune::allocation_base(
      spec, groups, {base.at("params").get<std::int64_t>(), base.at("macs").get<std::int64_t>()},
      base.at("channels").get<std::map<std::string, int>>(), base.value("units", std::map<std::string, std::vector<int>>()));
  if (latency) made.latency = &*latency;
  return made;
}

}  // namespace search
