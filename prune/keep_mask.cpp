#include "prune/keep_mask.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/base/error.h"
#include "storage/base/option.h"

namespace prune {

using eval::Layer;
using eval::LayerKind;
using eval::NetSpec;
using storage::Error;
using storage::ErrorKind;
using storage::Json;

KeepMask keep_all(const ChannelGroups& groups) {
  KeepMask mask;
  for (const ChannelGroup& group : groups.groups) mask.emplace_back(group.size, true);
  return mask;
}

std::vector<int> kept_counts(const KeepMask& mask) {
  std::vector<int> counts;
  for (const std::vector<bool>& group : mask) counts.push_back(static_cast<int>(std::count(group.begin(), group.end(), true)));
  return counts;
}

std::vector<std::int64_t> kept_channels(const ChannelGroups& groups, const KeepMask& mask, int layer) {
  std::vector<std::int64_t> kept;
  const std::vector<Unit>& units = groups.outputs[layer];
  for (std::size_t c = 0; c < units.size(); ++c)
    if (mask[units[c].group][units[c].index]) kept.push_back(static_cast<std::int64_t>(c));
  return kept;
}

Json kept_to_json(const NetSpec& spec, const ChannelGroups& groups, const KeepMask& mask) {
  Json json = Json::object();
  for (int i = 0; i < static_cast<int>(spec.layers.size()); ++i)
    if (eval::has_filters(spec.layers[i].kind)) json[spec.layers[i].name] = kept_channels(groups, mask, i);
  return json;
}

KeepMask kept_from_json(const NetSpec& spec, const ChannelGroups& groups, const Json& json, const std::string& where) {
  if (!json.is_object()) throw Error(ErrorKind::invalid, where + ": must be an object {layer: [kept channels]}");
  const std::vector<std::string> names = eval::filter_layers(spec);

  std::vector<std::vector<int>> votes;  // -1 not named, 0 dropped, 1 kept
  for (const ChannelGroup& group : groups.groups) votes.emplace_back(group.size, -1);
  for (const auto& [name, list] : json.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw Error(ErrorKind::invalid, fmt::format("{}: '{}' is no layer with filters{}", where, name, storage::suggestion(name, names)));
    const std::vector<Unit>& units = groups.outputs[eval::find_layer(spec, name)];
    std::vector<int> kept(units.size(), 0);
    if (!list.is_array() || list.empty())
      throw Error(ErrorKind::invalid, fmt::format("{}: {}: must be a list of at least one channel", where, name));
    for (const Json& item : list) {
      if (!item.is_number_integer() || item.get<double>() < 0 || item.get<double>() >= static_cast<double>(units.size()))
        throw Error(ErrorKind::invalid,
                    fmt::format("{}: {}: {} is no channel; valid: 0 to {}", where, name, item.dump(), units.size() - 1));
      if (kept[item.get<std::size_t>()]++)
        throw Error(ErrorKind::invalid, fmt::format("{}: {}: channel {} is listed twice", where, name, item.dump()));
    }
    for (std::size_t c = 0; c < units.size(); ++c) {
      int& vote = votes[units[c].group][units[c].index];
      if (vote >= 0 && vote != kept[c])
        throw Error(ErrorKind::invalid,
                    fmt::format("{}: {}: channel {} is tied to a layer of which the mask says otherwise", where, name, c));
      const std::string& why = groups.groups[units[c].group].fixed;
      if (!kept[c] && !why.empty())
        throw Error(ErrorKind::invalid, fmt::format("{}: {}: channel {} cannot be cut: {}", where, name, c, why));
      vote = kept[c];
    }
  }
  KeepMask mask = keep_all(groups);
  for (std::size_t g = 0; g < mask.size(); ++g)
    for (std::size_t i = 0; i < mask[g].size(); ++i) mask[g][i] = votes[g][i] != 0;
  return mask;
}

Json compose_kept(const Json& before, const Json& now) {
  if (before.is_null()) return now;
  Json composed = Json::object();
  for (const auto& [layer, kept] : now.items()) {
    Json& original = composed[layer] = Json::array();
    const auto first = before.find(layer);
    for (const Json& channel : kept) {
      const auto index = channel.get<std::size_t>();
      if (first == before.end() || index >= first->size())
        throw Error(ErrorKind::invalid,
                    fmt::format("what the net kept of its first one has no channel {} of layer '{}', so is of another", index, layer));
      original.push_back((*first)[index]);
    }
  }
  return composed;
}

namespace {

/// Where the channels that a select layer keeps stand among those that its input keeps.
std::vector<int> selected_of_kept(const std::vector<int>& indices, const std::vector<std::int64_t>& kept_inputs,
                                  const std::vector<std::int64_t>& kept) {
  std::vector<int> among;
  for (const std::int64_t channel : kept) {
    const auto place = std::lower_bound(kept_inputs.begin(), kept_inputs.end(), indices[static_cast<std::size_t>(channel)]);
    among.push_back(static_cast<int>(place - kept_inputs.begin()));
  }
  return among;
}

}  // namespace

NetSpec cut_spec(const NetSpec& spec, const ChannelGroups& groups, const KeepMask& mask) {
  NetSpec smaller = spec;
  for (int i = 0; i < static_cast<int>(spec.layers.size()); ++i) {
    Layer& layer = smaller.layers[i];
    if (!eval::has_filters(layer.kind) && layer.kind != LayerKind::select) continue;
    const std::vector<std::int64_t> kept = kept_channels(groups, mask, i);
    const int channels = static_cast<int>(kept.size());
    if (channels == 0) throw Error(ErrorKind::invalid, fmt::format("layer {} would lose its last channel", layer.name));
    if (layer.kind == LayerKind::select) {
      layer.indices = selected_of_kept(layer.indices, kept_channels(groups, mask, layer.inputs[0]), kept);
      continue;
    }
    if (is_depthwise(spec.layers[i], static_cast<int>(groups.outputs[layer.inputs[0]].size())))
      layer.groups = static_cast<int>(kept_channels(groups, mask, layer.inputs[0]).size());
    layer.channels = channels;
  }
  eval::output_shapes(smaller);
  return smaller;
}

}  // namespace prune
