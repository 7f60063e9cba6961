// What ran when: timeline_part of document.h.
#include <algorithm>
#include <map>

#include "search/report/html/columns.h"
#include "search/report/html/document.h"
#include "search/report/html/lanes.h"
#include "storage/base/time.h"

namespace search::html {

namespace {

constexpr double kIdle = 600;  ///< seconds in which nothing runs, after which another session begins

}  // namespace

Json timeline_part(const StoredRun& run) {
  std::vector<int> stages;
  std::vector<Span> spans;
  double now = 0;
  for (std::size_t i = 0; i < run.stages.size(); ++i) {
    const std::optional<double> start = storage::seconds_of(run.stages[i].started_at);
    if (!start) continue;
    stages.push_back(static_cast<int>(i));
    spans.push_back({*start, run.stages[i].wall_s});
    now = std::max(now, *start + run.stages[i].wall_s);
  }
  double first = now;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    first = std::min(first, spans[i].start);
    if (run.stages[static_cast<std::size_t>(stages[i])].state == "running") spans[i].length = now - spans[i].start;
  }
  std::map<std::string, std::vector<std::size_t>> by_device;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const StoredStage& stage = run.stages[static_cast<std::size_t>(stages[i])];
    by_device[stage.host + ", " + stage.device].push_back(i);
  }
  std::vector<int> lane(stages.size());
  Json lanes = Json::array();
  for (const auto& [device, members] : by_device) {
    std::vector<Span> own;
    for (const std::size_t i : members) own.push_back(spans[i]);
    const std::vector<int> placed = lanes_of(own);
    const int before = static_cast<int>(lanes.size());
    for (std::size_t i = 0; i < members.size(); ++i) lane[members[i]] = before + placed[i];
    const int count = placed.empty() ? 0 : *std::max_element(placed.begin(), placed.end()) + 1;
    for (int slot = 1; slot <= count; ++slot) lanes.push_back({{"device", device}, {"slot", slot}});
  }
  Names kinds, states;
  Json start = Json::array(), length = Json::array(), net = Json::array(), labels = Json::object();
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const StoredStage& stage = run.stages[static_cast<std::size_t>(stages[i])];
    kinds.add(stage.kind);
    states.add(stage.state);
    start.push_back(std::round(100 * (spans[i].start - first)) / 100);
    length.push_back(rounded(spans[i].length, 4));
    net.push_back(stage.net);
    if (stage.net < 0) labels[std::to_string(i)] = stage.label;
  }
  char began[32] = "";
  const auto whole = static_cast<std::time_t>(first);
  std::tm fields{};
  if (!spans.empty() && gmtime_r(&whole, &fields) != nullptr) std::strftime(began, sizeof began, "%Y-%m-%d %H:%M:%S UTC", &fields);
  return {{"began", began},
          {"lanes", std::move(lanes)},
          {"lane", lane},
          {"session", sessions_of(spans, kIdle)},
          {"start", std::move(start)},
          {"length", std::move(length)},
          {"kind", kinds.json()},
          {"state", states.json()},
          {"net", std::move(net)},
          {"labels", std::move(labels)}};
}

}  // namespace search::html
