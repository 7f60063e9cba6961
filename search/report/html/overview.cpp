// What ran, what failed and what sharing saved: overview_part of document.h.
#include <algorithm>
#include <map>
#include <utility>

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

Json failures(const StoredRun& run) {
  std::map<std::string, Json> kinds;
  for (const StoredStage& stage : run.stages) {
    if (stage.state != "failed") continue;
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

Json stages_by_kind(const StoredRun& run) {
  std::map<std::string, std::map<std::string, int>> counts;
  std::map<std::string, double> seconds;
  for (const StoredStage& stage : run.stages) {
    ++counts[stage.kind][stage.state];
    if (stage.state == "done") seconds[stage.kind] += stage.wall_s;
  }
  Json kinds = Json::array();
  for (const auto& [kind, states] : counts) kinds.push_back({{"kind", kind}, {"states", states}, {"wall_s", rounded(seconds[kind])}});
  return kinds;
}

/// The stages that measured a net, by the net: evaluations on test data apart from the others.
struct Measuring {
  std::vector<std::vector<int>> tests, others;
};

Measuring measuring(const StoredRun& run) {
  Measuring by_net{std::vector<std::vector<int>>(run.nets.size()), std::vector<std::vector<int>>(run.nets.size())};
  for (std::size_t i = 0; i < run.stages.size(); ++i) {
    const StoredStage& stage = run.stages[i];
    if (stage.net < 0 || run.nets[static_cast<std::size_t>(stage.net)].stage == static_cast<int>(i) || stage.state != "done") continue;
    (stage.kind == "evaluate" ? by_net.tests : by_net.others)[static_cast<std::size_t>(stage.net)].push_back(static_cast<int>(i));
  }
  return by_net;
}

/// Stages and seconds as if each trial ran all that it needs by itself.
Json without_sharing(const StoredRun& run) {
  const Measuring measured = measuring(run);
  std::vector<std::size_t> seen_by(run.stages.size(), run.trials.size());
  std::int64_t stages = 0;
  double seconds = 0;
  for (std::size_t t = 0; t < run.trials.size(); ++t) {
    std::vector<int> open;
    const auto visit = [&](int stage) {
      const auto index = static_cast<std::size_t>(stage);
      if (std::exchange(seen_by[index], t) == t || run.stages[index].state != "done") return;
      ++stages;
      seconds += run.stages[index].wall_s;
      open.push_back(stage);
    };
    const StoredTrial& trial = run.trials[t];
    for (std::size_t step = 0; step < trial.nets.size(); ++step) {
      if (trial.nets[step] < 0) continue;
      const auto net = static_cast<std::size_t>(trial.nets[step]);
      visit(run.nets[net].stage);
      if (trial.tested[step])
        for (const int stage : measured.tests[net]) visit(stage);
      for (const int stage : measured.others[net]) visit(stage);
    }
    while (!open.empty()) {
      const auto stage = static_cast<std::size_t>(open.back());
      open.pop_back();
      for (const Input& input : run.stages[stage].inputs) visit(input.stage);
    }
  }
  return {{"stages", stages}, {"wall_s", rounded(seconds)}};
}

}  // namespace

Json overview_part(const StoredRun& run) {
  std::map<std::string, int> trials, stages;
  for (const StoredTrial& trial : run.trials) ++trials[trial.state];
  std::int64_t done = 0;
  double seconds = 0;
  for (const StoredStage& stage : run.stages) {
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
          {"without_sharing", without_sharing(run)}};
}

}  // namespace search::html
