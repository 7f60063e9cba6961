// Latency and robustness: parts of document.h.
#include <fmt/format.h>

#include <set>
#include <tuple>

#include "eval/noise.h"
#include "search/report/html/columns.h"
#include "search/report/html/document.h"

namespace search::html {

namespace {

using Values = std::vector<Json>;

/// The level at which a perturbation changes nothing; null where none does.
Json unchanged_level(const Json& kind, const Json& name) {
  if (name == Json("spatial")) return nullptr;  // its level is the rotation; it shifts besides
  if (kind != Json("noise")) return 0;
  for (const eval::NoiseEntry& noise : eval::noise_registry())
    if (Json(noise.name) == name) return noise.unchanged ? Json(*noise.unchanged) : Json();
  return nullptr;
}

}  // namespace

Costs latencies_of(const storage::Repository& repository, const Snapshot& run, Json& rows) {
  Costs costs;
  DictionaryColumn measures;
  rows = {{"net", Json::array()},        {"p50_ms", Json::array()},     {"p95_ms", Json::array()},     {"runs", Json::array()},
          {"peak_bytes", Json::array()}, {"file_bytes", Json::array()}, {"estimate_ms", Json::array()}};
  repository.each_row(
      "latencies",
      {"stage", "device", "threads", "batch", "format", "p50_ms", "p95_ms", "runs", "peak_activation_bytes", "file_bytes", "estimate_ms"},
      [&](const Values& row) {
        const int net = run.net_of(text_of(row[0]));
        if (net < 0 || !row[5].is_number()) return;
        const std::string format = text_of(row[4]).empty() ? "" : ", " + text_of(row[4]);
        const std::string measure =
            fmt::format("batch {}{}, {}, {} thread{}", text_of(row[3]), format, text_of(row[1]), text_of(row[2]), row[2] == 1 ? "" : "s");
        costs["latency, " + measure][net] = row[5].get<double>();
        measures.add(measure);
        rows["net"].push_back(net);
        const auto add = [&](const char* column, const Json& value) {
          rows[column].push_back(value.is_number() ? rounded(value.get<double>()) : Json());
        };
        add("p50_ms", row[5]);
        add("p95_ms", row[6]);
        add("runs", row[7]);
        add("peak_bytes", row[8]);
        add("file_bytes", row[9]);
        add("estimate_ms", row[10]);
      });
  rows["measure"] = measures.json();
  return costs;
}

Json robustness_part(const storage::Repository& repository, const Snapshot& run, const std::vector<Group>& groups) {
  struct Point {
    double clean = 0, accuracy = 0;
  };
  Json perturbations = Json::array();
  std::map<std::tuple<std::string, std::string, std::string>, int> index;
  std::map<int, std::map<int, std::map<double, Point>>> by_net;  // net, perturbation, level
  Json rows{{"net", Json::array()},   {"perturbation", Json::array()}, {"level", Json::array()},  {"images", Json::array()},
            {"clean", Json::array()}, {"accuracy", Json::array()},     {"success", Json::array()}};
  repository.each_row(
      "robustness", {"stage", "kind", "name", "source", "level", "images", "clean_accuracy", "accuracy", "success"},
      [&](const Values& row) {
        const int net = run.net_of(text_of(row[0]));
        if (net < 0 || !row[7].is_number()) return;
        const auto number = [](const Json& value) { return value.is_number() ? value.get<double>() : 0; };
        const auto [found, added] =
            index.emplace(std::tuple(text_of(row[1]), text_of(row[2]), text_of(row[3])), static_cast<int>(index.size()));
        if (added)
          perturbations.push_back({{"kind", row[1]}, {"name", row[2]}, {"source", row[3]}, {"unchanged", unchanged_level(row[1], row[2])}});
        by_net[net][found->second][number(row[4])] = {number(row[6]), number(row[7])};
        rows["net"].push_back(net);
        rows["perturbation"].push_back(found->second);
        rows["images"].push_back(row[5]);
        const auto add = [&](const char* column, const Json& value) {
          rows[column].push_back(value.is_number() ? rounded(value.get<double>()) : Json());
        };
        add("level", row[4]);
        add("clean", row[6]);
        add("accuracy", row[7]);
        add("success", row[8]);
      });
  Json curves = Json::array();
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t step = 0; step < groups[g].steps.size(); ++step) {
      std::map<int, std::map<double, std::vector<double>>> accuracies;
      std::map<int, std::vector<double>> clean;
      for (const auto& [unit, net] : groups[g].steps[step]) {
        const auto measured = by_net.find(net);
        if (measured == by_net.end()) continue;
        for (const auto& [perturbation, levels] : measured->second) {
          clean[perturbation].push_back(levels.begin()->second.clean);
          for (const auto& [level, point] : levels) accuracies[perturbation][level].push_back(point.accuracy);
        }
      }
      for (const auto& [perturbation, levels] : accuracies) {
        Json curve{{"group", g}, {"step", step}, {"perturbation", perturbation}, {"clean", summary_of(clean[perturbation])}};
        for (const auto& [level, values] : levels) curve["levels"].push_back({{"level", rounded(level)}, {"accuracy", summary_of(values)}});
        curves.push_back(std::move(curve));
      }
    }
  }
  return {{"perturbations", std::move(perturbations)}, {"curves", std::move(curves)}, {"nets", std::move(rows)}};
}

}  // namespace search::html
