// The kept channels of every net: widths_part of document.h.
#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>

#include "search/report/html/document.h"

namespace search::html {

namespace {

using Values = std::vector<Json>;

struct NetLayers {
  std::vector<std::string> names, fixed;
  std::vector<int> channels, base;
};

std::vector<NetLayers> read_layers(const storage::Repository& repository, const Snapshot& run) {
  std::vector<NetLayers> layers(run.nets.size());
  repository.each_row("layers", {"stage", "layer", "channels", "base_channels", "fixed"}, [&](const Values& row) {
    const int net = run.net_of(row[0].get<std::string>());
    if (net < 0) return;
    NetLayers& of = layers[static_cast<std::size_t>(net)];
    of.names.push_back(row[1].get<std::string>());
    of.channels.push_back(row[2].get<int>());
    of.base.push_back(row[3].get<int>());
    of.fixed.push_back(row[4].is_string() ? row[4].get<std::string>() : "");
  });
  return layers;
}

/// The order in which the net's own description lists the layers; as they are where it lists none of them.
std::vector<std::size_t> forward_order(const storage::Repository& repository, const std::string& stage,
                                       const std::vector<std::string>& names) {
  std::vector<std::size_t> order(names.size());
  std::iota(order.begin(), order.end(), 0);
  const auto architecture = repository.outcome(stage).architecture;
  if (!architecture || !architecture->spec.contains("layers")) return order;
  std::unordered_map<std::string, std::size_t> position;
  for (const Json& layer : architecture->spec.at("layers")) position.emplace(layer.value("name", ""), position.size());
  const auto place = [&](std::size_t i) {
    const auto found = position.find(names[i]);
    return found == position.end() ? position.size() + i : found->second;
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t one, std::size_t other) { return place(one) < place(other); });
  return order;
}

template <typename Value>
std::vector<Value> ordered(const std::vector<Value>& values, const std::vector<std::size_t>& order) {
  std::vector<Value> result;
  for (const std::size_t i : order) result.push_back(values[i]);
  return result;
}

}  // namespace

Json widths_part(const storage::Repository& repository, const Snapshot& run) {
  const std::vector<NetLayers> layers = read_layers(repository, run);
  std::map<std::pair<std::vector<std::string>, std::vector<int>>, std::size_t> index;
  std::vector<std::vector<std::size_t>> orders;
  Json sets = Json::array(), kept = Json::array();
  std::vector<int> set(run.nets.size(), -1);
  for (std::size_t i = 0; i < run.nets.size(); ++i) {
    const NetLayers& of = layers[i];
    const int before = run.nets[i].parent;
    if (of.names.empty()) {  // a base, or a net that was only trained on
      kept.push_back(before < 0 ? Json() : kept[static_cast<std::size_t>(before)]);
      continue;
    }
    const auto [found, added] = index.emplace(std::pair(of.names, of.base), sets.size());
    if (added) {
      orders.push_back(forward_order(repository, run.stages[static_cast<std::size_t>(run.nets[i].stage)].fingerprint, of.names));
      sets.push_back({{"layers", ordered(of.names, orders.back())},
                      {"channels", ordered(of.base, orders.back())},
                      {"fixed", ordered(of.fixed, orders.back())}});
    }
    set[i] = static_cast<int>(found->second);
    kept.push_back(ordered(of.channels, orders[found->second]));
    for (int parent = before; parent >= 0 && set[static_cast<std::size_t>(parent)] < 0;
         parent = run.nets[static_cast<std::size_t>(parent)].parent)
      set[static_cast<std::size_t>(parent)] = set[i];  // a base has no rows of its own: all its channels are there
  }
  for (std::size_t i = 0; i < run.nets.size(); ++i)  // what was only trained on, also before its parent was cut
    if (set[i] < 0 && run.nets[i].parent >= 0) set[i] = set[static_cast<std::size_t>(run.nets[i].parent)];
  return {{"sets", std::move(sets)}, {"set", set}, {"kept", std::move(kept)}};
}

}  // namespace search::html
