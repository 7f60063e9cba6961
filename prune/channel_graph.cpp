#include "prune/channel_graph.h"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/connected_components.hpp>
#include <map>
#include <set>
#include <tuple>

#include "storage/base/error.h"

namespace prune {

using eval::Layer;
using eval::LayerKind;
using eval::NetSpec;

namespace {

using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS>;

/// A vertex is one channel as one layer makes it; an edge says that two of them share their fate.
class ChannelGraph {
 public:
  explicit ChannelGraph(const NetSpec& spec) : spec_(spec), shapes_(eval::output_shapes(spec)), vertices_(spec.layers.size()) {
    for (int layer = 0; layer < static_cast<int>(spec.layers.size()); ++layer) vertices_[layer] = visit(layer);
  }

  /// For every layer and output channel its vertex.
  const std::vector<std::vector<int>>& vertices() const { return vertices_; }

  /// The layer that made a vertex.
  int maker(int vertex) const { return makers_[vertex]; }

  std::vector<int> components() const {
    std::vector<int> component(makers_.size());
    if (!component.empty()) boost::connected_components(graph_, component.data());
    return component;
  }

 private:
  std::vector<int> make_channels(int layer, int count) {
    std::vector<int> made(count);
    for (int& vertex : made) {
      vertex = static_cast<int>(boost::add_vertex(graph_));
      makers_.push_back(layer);
    }
    return made;
  }

  /// Ties channel i of every block of `width` channels: a grouped convolution keeps its groups equal.
  void tie_blocks(const std::vector<int>& channels, int width) {
    for (std::size_t i = width; i < channels.size(); ++i) boost::add_edge(channels[i - width], channels[i], graph_);
  }

  std::vector<int> visit(int index) {
    const Layer& layer = spec_.layers[index];
    const int channels = shapes_[index].channels;
    switch (layer.kind) {
      case LayerKind::input:
      case LayerKind::linear:
        return make_channels(index, channels);
      case LayerKind::convolution: {
        const std::vector<int>& from = vertices_[layer.inputs[0]];
        std::vector<int> made = make_channels(index, channels);
        if (is_depthwise(layer, static_cast<int>(from.size()))) {
          const int multiplier = channels / layer.groups;
          for (int c = 0; c < channels; ++c) boost::add_edge(from[c / multiplier], made[c], graph_);
        } else if (layer.groups > 1) {
          tie_blocks(from, static_cast<int>(from.size()) / layer.groups);
          tie_blocks(made, channels / layer.groups);
        }
        return made;
      }
      case LayerKind::multiply:
      case LayerKind::add: {
        const std::vector<int>& first = vertices_[layer.inputs[0]];
        for (int other : layer.inputs)
          for (int c = 0; c < channels; ++c) boost::add_edge(first[c], vertices_[other][c], graph_);
        return first;
      }
      case LayerKind::concat: {
        std::vector<int> joined;
        for (int from : layer.inputs) joined.insert(joined.end(), vertices_[from].begin(), vertices_[from].end());
        return joined;
      }
      case LayerKind::select: {
        std::vector<int> chosen;
        for (const int from : layer.indices) chosen.push_back(vertices_[layer.inputs[0]][from]);
        return chosen;
      }
      case LayerKind::flatten: {
        const eval::Shape& from = shapes_[layer.inputs[0]];
        std::vector<int> spread;
        for (int vertex : vertices_[layer.inputs[0]]) spread.insert(spread.end(), from.height * from.width, vertex);
        return spread;
      }
      case LayerKind::batch_norm:
      case LayerKind::local_response_norm:
      case LayerKind::relu:
      case LayerKind::relu6:
      case LayerKind::leaky_relu:
      case LayerKind::silu:
      case LayerKind::gelu:
      case LayerKind::hard_swish:
      case LayerKind::sigmoid:
      case LayerKind::hard_sigmoid:
      case LayerKind::prelu:
      case LayerKind::max_pool:
      case LayerKind::average_pool:
      case LayerKind::adaptive_average_pool:
      case LayerKind::zero_pad:
      case LayerKind::dropout:
        return vertices_[layer.inputs[0]];
    }
    throw storage::Error(storage::ErrorKind::internal, "unknown layer kind");
  }

  const NetSpec& spec_;
  std::vector<eval::Shape> shapes_;
  Graph graph_;
  std::vector<int> makers_;
  std::vector<std::vector<int>> vertices_;
};

std::set<int> protected_layers(const NetSpec& spec, const std::vector<std::string>& names) {
  std::set<int> layers;
  for (const std::string& name : names)
    if (const int layer = eval::find_layer(spec, name); layer >= 0) layers.insert(layer);
  return layers;
}

}  // namespace

bool is_depthwise(const Layer& layer, int input_channels) {
  return layer.kind == LayerKind::convolution && layer.groups > 1 && layer.groups == input_channels;
}

int activation_site(const NetSpec& spec, int producer) {
  const auto readers = eval::consumers(spec);
  int site = producer;
  while (readers[site].size() == 1) {
    const LayerKind next = spec.layers[readers[site][0]].kind;
    if (next != LayerKind::batch_norm && !eval::is_activation(next)) break;
    site = readers[site][0];
  }
  return site;
}

ChannelGroups channel_groups(const NetSpec& spec, const std::vector<std::string>& protect) {
  const ChannelGraph graph(spec);
  const std::vector<int> component = graph.components();
  const std::set<int> kept_whole = protected_layers(spec, protect);

  // What each component is made by, and whether something forbids cutting it.
  std::map<int, std::set<int>> makers;
  std::map<int, std::string> fixed;
  for (int vertex = 0; vertex < static_cast<int>(component.size()); ++vertex) {
    const int maker = graph.maker(vertex);
    makers[component[vertex]].insert(maker);
    if (maker == 0) fixed[component[vertex]] = "channels of the image";
    if (kept_whole.count(maker)) fixed[component[vertex]] = "protected: " + spec.layers[maker].name;
  }
  for (int vertex : graph.vertices().back()) fixed[component[vertex]] = "output of the net";

  // Which layers take some channels of a layer only: a group that all of them see keeps a channel for each.
  std::map<int, std::set<int>> selected_by;
  for (int layer = 0; layer < static_cast<int>(spec.layers.size()); ++layer)
    if (spec.layers[layer].kind == LayerKind::select)
      for (int vertex : graph.vertices()[layer]) selected_by[component[vertex]].insert(layer);

  // Components with the same makers, the same fate and the same selections form a group, in the order of their first channel.
  ChannelGroups result;
  std::map<std::tuple<std::set<int>, std::string, std::set<int>>, int> group_of;
  std::vector<Unit> unit_of(component.size(), Unit{-1, -1});  // by component
  for (int vertex = 0; vertex < static_cast<int>(component.size()); ++vertex) {
    Unit& unit = unit_of[component[vertex]];
    if (unit.group >= 0) continue;
    const std::set<int>& by = makers[component[vertex]];
    const std::string why = fixed.count(component[vertex]) ? fixed[component[vertex]] : "";
    const auto [entry, is_new] = group_of.try_emplace({by, why, selected_by[component[vertex]]}, static_cast<int>(result.groups.size()));
    if (is_new) result.groups.push_back({spec.layers[*by.begin()].name, {by.begin(), by.end()}, 0, why});
    unit = {entry->second, result.groups[entry->second].size++};
  }
  for (const std::vector<int>& channels : graph.vertices()) {
    std::vector<Unit>& units = result.outputs.emplace_back();
    for (int vertex : channels) units.push_back(unit_of[component[vertex]]);
  }
  return result;
}

}  // namespace prune
