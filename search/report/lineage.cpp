#include "search/report/lineage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

namespace search {

using storage::Json;

namespace {

/// JSON that a view gives as text.
Json parsed(const Json& text) {
  return text.is_string() ? Json::parse(text.get<std::string>(), nullptr, /*allow_exceptions=*/false) : Json();
}

/// What a cut left of the first net's parameters or MACs, where its request counts those; null for others.
Json share_left(const Json& net, const Json& first) {
  const Json of = net.at("request").is_object() ? net["request"].value("of", Json()) : Json();
  if (of != "macs" && of != "params") return {};
  const std::string size = of.get<std::string>();
  return net.at(size).get<double>() / first.at(size).get<double>();
}

using Channels = std::map<std::string, int>;

/// The channels of each layer, by stage.
std::map<std::string, Channels> channels_of(const Json& layers) {
  std::map<std::string, Channels> channels;
  for (const Json& row : layers) channels[row.at("stage")][row.at("layer")] = row.at("channels");
  return channels;
}

std::string percent(const Json& share) {
  return share.is_number() ? fmt::format("{:.2f} %", 100 * share.get<double>()) : "?";
}

/// "at 0.5 of the macs", "by eta 0.3".
std::string asked(const Json& request) {
  if (request.contains("eta")) return fmt::format("by eta {}", request.at("eta").get<double>());
  return fmt::format("to {} of the {}", request.at("keep").get<double>(), request.at("of").get<std::string>());
}

std::string criterion_text(const Json& criterion) {
  const std::string name = criterion.at("name");
  const Json variant = criterion.at("options").value("variant", Json());
  return variant.is_string() ? name + "-" + variant.get<std::string>() : name;
}

std::string size_text(const Json& net) {
  return fmt::format("{} parameters, {} multiply-accumulates", net.at("params").get<std::int64_t>(), net.at("macs").get<std::int64_t>());
}

std::string training_text(const Json& net) {
  if (net.at("kind") == "transfer") return "trained on the task, its classes anew";
  return net.at("parent").is_string() ? "trained on" : "trained";
}

std::string cut_text(const Json& net) {
  const std::string allocation = net.at("allocation").is_string() ? ", " + net.at("allocation").get<std::string>() : "";
  std::string text = fmt::format("  {} {}{}", criterion_text(net.at("criterion")), asked(net.at("request")), allocation);
  if (net.at("eta").is_number()) text += fmt::format(", eta {:.4g}", net.at("eta").get<double>());
  const std::string before = percent(net.at("accuracy_before_retraining")), after = percent(net.at("accuracy_val"));
  text += net.value("accuracy_as_cut", Json()).is_number()
              ? fmt::format("\n  validation {} as cut, {} with batch norm estimated anew, {} refitted, {} after retraining\n",
                            percent(net.at("accuracy_as_cut")), percent(net.at("accuracy_batch_norm")), before, after)
              : fmt::format("\n  validation {} after the cut, {} after retraining\n", before, after);
  std::vector<std::string> changes, floors;
  for (const Json& layer : net.at("cut"))
    changes.push_back(
        fmt::format("{} {} -> {}", layer.at("layer").get<std::string>(), layer.at("from").get<int>(), layer.at("to").get<int>()));
  for (const Json& layer : net.at("floors")) floors.push_back(layer);
  text += changes.empty() ? "  no layer lost channels\n" : fmt::format("  cut: {}\n", fmt::join(changes, ", "));
  if (!floors.empty()) text += fmt::format("  held by a floor or a cap: {}\n", fmt::join(floors, ", "));
  if (net.at("target_reached") == 0) text += "  the size that was asked for was not reached\n";
  if (const Json& left = net.at("left"); left.is_number() && left.get<double>() < far_below * net["request"].value("keep", 0.0))
    text +=
        fmt::format("  {:.3g} are left, far less than was asked for: round_to or channels that are tied together leave no step between\n",
                    left.get<double>());
  if (const Json since = net.value("fp32_since", Json()); since.is_string())
    text += fmt::format("  trained in fp32, since {}\n", since.get<std::string>());
  return text;
}

}  // namespace

Json lineage(const Json& nets, const Json& layers) {
  const std::map<std::string, Channels> channels = channels_of(layers);
  std::map<std::string, std::vector<std::string>> floors;
  std::map<std::string, Channels> first;  // a base has no rows of layers: its channels are in those of its cuts
  for (const Json& row : layers) {
    if (row.at("floor_applied") != 0 || row.at("cap_applied") != 0) floors[row.at("stage")].push_back(row.at("layer"));
    first[row.at("stage")][row.at("layer")] = row.at("base_channels");
  }
  Json result = Json::array();
  std::map<std::string, const Json*> bases;  // by stage: the row of the net that its cuts began with
  for (const Json& row : nets) {
    Json net = row;
    net["criterion"] = parsed(net.at("criterion"));
    net["request"] = parsed(net.at("request"));
    const auto of_parent = net.at("parent").is_string() ? bases.find(net["parent"].get<std::string>()) : bases.end();
    const Json* const base = of_parent == bases.end() ? &row : of_parent->second;
    bases.emplace(net.at("stage"), base);
    net["left"] = share_left(net, *base);
    net["cut"] = Json::array();
    net["floors"] = Json::array();
    const std::string stage = net.at("stage");
    const auto own = channels.find(stage);
    if (own != channels.end() && net.at("parent").is_string()) {
      const auto parent = channels.find(net.at("parent").get<std::string>());
      const Channels& before = parent == channels.end() ? first.at(stage) : parent->second;
      for (const auto& [layer, count] : own->second) {
        const auto had = before.find(layer);
        if (had != before.end() && had->second != count) net["cut"].push_back({{"layer", layer}, {"from", had->second}, {"to", count}});
      }
    }
    for (const std::string& layer : floors[stage]) net["floors"].push_back(layer);
    result.push_back(std::move(net));
  }
  return result;
}

Json ancestors(const Json& lineage, const std::string& stage) {
  std::map<std::string, const Json*> by_stage;
  for (const Json& net : lineage) by_stage[net.at("stage")] = &net;
  std::vector<Json> path;
  for (auto net = by_stage.find(stage); net != by_stage.end();) {
    path.push_back(*net->second);
    const Json& parent = net->second->at("parent");
    net = parent.is_string() ? by_stage.find(parent.get<std::string>()) : by_stage.end();
  }
  std::reverse(path.begin(), path.end());
  return path;
}

std::string lineage_to_text(const Json& lineage) {
  std::string text;
  for (const Json& net : lineage) {
    text += fmt::format("{}\n  {}\n", net.at("label").get<std::string>(), size_text(net));
    if (net.at("request").is_object()) {
      text += cut_text(net);
      continue;
    }
    text += fmt::format("  {}: validation {}\n", training_text(net), percent(net.at("accuracy_val")));
    if (const Json layer = net.value("fresh_layer", Json()); layer.is_string())
      text += fmt::format("  {} of its file told other classes apart and began anew\n", layer.get<std::string>());
  }
  return text;
}

std::string lineage_to_dot(const Json& lineage) {
  std::string dot = "digraph nets {\n  node [shape=box];\n";
  std::map<std::string, std::size_t> numbers;
  for (const Json& net : lineage) {
    const std::size_t number = numbers.emplace(net.at("stage"), numbers.size()).first->second;
    const std::string label =
        fmt::format("{}\n{}\nvalidation {}", net.at("label").get<std::string>(), size_text(net), percent(net.at("accuracy_val")));
    dot += fmt::format("  {} [label={}];\n", number, Json(label).dump());  // a JSON string is a DOT string: both quote with a backslash
    if (!net.at("parent").is_string()) continue;
    const auto parent = numbers.find(net.at("parent").get<std::string>());
    if (parent == numbers.end()) continue;
    const std::string edge =
        net.at("request").is_object() ? criterion_text(net.at("criterion")) + " " + asked(net.at("request")) : training_text(net);
    dot += fmt::format("  {} -> {} [label={}];\n", parent->second, number, Json(edge).dump());
  }
  return dot + "}\n";
}

}  // namespace search
