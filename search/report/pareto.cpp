#include "search/report/pareto.h"

#include <utility>

#include "search/plan/pareto.h"

namespace search {

Costs sizes_of(const Snapshot& run) {
  Costs costs;
  for (std::size_t i = 0; i < run.nets.size(); ++i) {
    if (run.nets[i].trial < 0) continue;
    costs["params"][static_cast<int>(i)] = run.nets[i].params;
    costs["macs"][static_cast<int>(i)] = run.nets[i].macs;
  }
  return costs;
}

Fronts fronts_of(const Snapshot& run, const Costs& costs) {
  Fronts fronts;
  for (const auto& [measure, values] : costs) {
    std::map<std::string, std::pair<std::vector<Candidate>, std::vector<int>>> points;  // by task: cost and error, net
    for (const auto& [index, cost] : values) {
      const StoredNet& net = run.nets[static_cast<std::size_t>(index)];
      const StoredTrial* trial = run.trial_of(net);
      if (trial == nullptr || !net.val || net.beyond) continue;
      points[trial->task].first.push_back({{cost, -*net.val}, 0});
      points[trial->task].second.push_back(index);
    }
    for (const auto& [task, all] : points)
      for (const std::size_t member : pareto_front(all.first)) fronts[task][measure].push_back(all.second[member]);
  }
  return fronts;
}

}  // namespace search
