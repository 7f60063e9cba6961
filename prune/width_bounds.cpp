#include "prune/width_bounds.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace prune {

namespace {

/// Channels of a layer that one unit of its group stands for: several where a grouped convolution ties them.
int channels_of_unit(const ChannelGroups& groups, std::size_t group, int producer) {
  const std::vector<Unit>& channels = groups.outputs[static_cast<std::size_t>(producer)];
  const auto own = std::count_if(channels.begin(), channels.end(), [&](const Unit& unit) { return unit.group == static_cast<int>(group); });
  return std::max(1, static_cast<int>(own) / groups.groups[group].size);
}

/// A convolution with one channel a group would be a depthwise one, whose channels are not tied as those of the whole net.
int least_units(const ChannelGroups& groups, std::size_t group) {
  const std::vector<int>& producers = groups.groups[group].producers;
  const bool tied =
      std::any_of(producers.begin(), producers.end(), [&](int producer) { return channels_of_unit(groups, group, producer) > 1; });
  return tied ? 2 : 1;
}

}  // namespace

AllocationLimits allocation_limits_from_json(const storage::Json& json) {
  return {json.at("floor").get<double>(), json.at("floor_channels").get<int>(), json.at("cap").get<double>(),
          json.at("alpha").get<double>(), json.at("round_to").get<int>()};
}

std::vector<int> width_steps(const ChannelGroups& groups, int round_to) {
  std::vector<int> steps(groups.groups.size(), 1);
  for (std::size_t g = 0; g < steps.size(); ++g)
    for (const int producer : groups.groups[g].producers)
      steps[g] = std::lcm(steps[g], round_to / std::gcd(round_to, channels_of_unit(groups, g, producer)));
  return steps;
}

WidthBounds width_bounds(const ChannelGroups& groups, const AllocationLimits& limits, const AllocationBase& base) {
  WidthBounds bounds;
  bounds.step = width_steps(groups, limits.round_to);
  for (std::size_t g = 0; g < groups.groups.size(); ++g) {
    const int size = groups.groups[g].size;
    const int share = static_cast<int>(std::ceil(limits.floor * base.channels[g] - 1e-9));
    const int uncapped = static_cast<int>(std::ceil((1 - limits.cap) * size - 1e-9));
    const bool fixed = !groups.groups[g].fixed.empty();
    bounds.size.push_back(size);
    bounds.rounds = bounds.rounds || bounds.step[g] > 1;
    bounds.floor.push_back(fixed ? size : std::min(size, std::max({limits.floor_channels, share, least_units(groups, g)})));
    bounds.after_cap.push_back(fixed ? size : std::min(size, std::max(uncapped, 1)));
  }
  return bounds;
}

std::vector<int> least_widths(const ChannelGroups& groups, const AllocationLimits& limits, const AllocationBase& base) {
  const WidthBounds bounds = width_bounds(groups, limits, base);
  std::vector<int> widths;
  for (std::size_t g = 0; g < groups.groups.size(); ++g) widths.push_back(bounds.least(g));
  return widths;
}

}  // namespace prune
