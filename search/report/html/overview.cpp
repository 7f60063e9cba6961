// What ran, what failed and what sharing saved: overview_part of document.h.
#include <algorithm>
#include <map>

#include "search/report/html/columns.h"
#include "search/report/html/document.h"

namespace search::html {

namespace {

constexpr std::size_t kExamples = 5, kMessage = 2000;  ///< of each kind of failure; bytes of a message

/// Cut at `size` bytes, and not within a letter.
std::string shortened(const std::string& text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size) + " ...";
}

Json failures(const Snapshot& run) {
  std::map<std::string, Json> kinds;
  for (const StoredStage& stage : run.stages) {
    if (stage.dropped || stage.state != "failed") continue;
    const std::string name = stage.failure_kind.empty() ? "unknown" : stage.failure_kind;
    Json& kind = kinds.emplace(name, Json{{"kind", name}, {"count", 0}, {"examples", Json::array()}}).first->second;
    kind["count"] = kind["count"].get<int>() + 1;
    if (kind["examples"].size() < kExamples)
      kind["examples"].push_back({{"label", stage.label}, {"kind", stage.kind}, {"message", shortened(stage.failure, kMessage)}});
  }
  Json all = Json::array();
  for (auto& [name, kind] : kinds) all.push_back(std::move(kind));
  return all;
}

Json stages_by_kind(const Snapshot& run) {
  std::map<std::string, std::map<std::string, int>> counts;
  std::map<std::string, double> seconds;
  for (const StoredStage& stage : run.stages) {
    if (stage.dropped) continue;
    ++counts[stage.kind][stage.state];
    if (stage.state == "done") seconds[stage.kind] += stage.wall_s;
  }
  Json kinds = Json::array();
  for (const auto& [kind, states] : counts) kinds.push_back({{"kind", kind}, {"states", states}, {"wall_s", rounded(seconds[kind])}});
  return kinds;
}

/// Stages and seconds as if each trial ran all that it needs by itself.
Json without_sharing(const storage::Repository& repository) {
  std::int64_t stages = 0;
  double seconds = 0;
  repository.each_row("needs", {"state", "wall_s"}, [&](const std::vector<Json>& row) {
    if (row[0] != "done") return;
    ++stages;
    seconds += row[1].is_number() ? row[1].get<double>() : 0;
  });
  return {{"stages", stages}, {"wall_s", rounded(seconds)}};
}

}  // namespace

Json overview_part(const storage::Repository& repository, const Snapshot& run) {
  std::map<std::string, int> trials, stages;
  for (const StoredTrial& trial : run.trials) ++trials[trial.state];
  std::int64_t done = 0;
  double seconds = 0;
  for (const StoredStage& stage : run.stages) {
    if (stage.dropped) continue;
    ++stages[stage.state];
    if (stage.state != "done") continue;
    ++done;
    seconds += stage.wall_s;
  }
  return {{"trials", trials},
          {"stages", stages},
          {"kinds", stages_by_kind(run)},
          {"failures", failures(run)},
          {"done", {{"stages", done}, {"wall_s", rounded(seconds)}}},
          {"without_sharing", without_sharing(repository)}};
}

}  // namespace search::html
