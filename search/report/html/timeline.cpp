// What ran when: timeline_part of document.h.
#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <tuple>

#include "search/report/html/columns.h"
#include "search/report/html/document.h"
#include "storage/base/time.h"

namespace search::html {

namespace {

constexpr double kIdle = 600;  ///< seconds in which nothing runs, after which another session begins

struct Span {
  double start = 0, end = 0;  ///< seconds since 1970
  int stage = 0;
  std::string state;                   ///< "running" while it has no end
  std::tuple<std::string, int> place;  ///< device and slot; -1: a run of an older version, which stored none
};

/// By their start. What still runs ends with the last thing that is known.
std::vector<Span> read_spans(const storage::Repository& repository, const Snapshot& run) {
  std::vector<Span> spans;
  double last = 0;
  repository.each_row(
      "attempts", {"stage", "started_at", "finished_at", "end", "host", "device", "place"}, [&](const std::vector<Json>& row) {
        const auto stage = run.stage_index.find(text_of(row[0]));
        const std::optional<double> start = storage::seconds_of(text_of(row[1])), end = storage::seconds_of(text_of(row[2]));
        if (stage == run.stage_index.end() || !start) return;
        last = std::max(last, end.value_or(*start));
        spans.push_back({*start,
                         end.value_or(0),
                         stage->second,
                         row[3].is_null() ? "running" : text_of(row[3]),
                         {text_of(row[4]) + ", " + text_of(row[5]), row[6].is_number() ? row[6].get<int>() : -1}});
      });
  for (Span& span : spans) span.end = std::max(span.start, span.state == "running" ? last : span.end);
  std::stable_sort(spans.begin(), spans.end(), [](const Span& one, const Span& other) { return one.start < other.start; });
  return spans;
}

std::string date_of(double seconds) {
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm fields{};
  char text[32] = "";
  if (gmtime_r(&whole, &fields) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &fields);
  return text;
}

}  // namespace

Json timeline_part(const storage::Repository& repository, const Snapshot& run) {
  const std::vector<Span> spans = read_spans(repository, run);
  std::map<std::tuple<std::string, int>, int> lane_of;
  for (const Span& span : spans) lane_of.emplace(span.place, 0);
  Json lanes = Json::array();
  for (auto& [place, lane] : lane_of) {
    lane = static_cast<int>(lanes.size());
    const auto& [device, slot] = place;
    lanes.push_back({{"device", device}, {"slot", slot < 0 ? Json("?") : Json(slot)}});
  }
  DictionaryColumn kinds, states;
  Json lane = Json::array(), session = Json::array(), start = Json::array(), length = Json::array(), net = Json::array(),
       labels = Json::object();
  const double first = spans.empty() ? 0 : spans.front().start;
  double end = first;
  int sessions = 0;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const Span& span = spans[i];
    const StoredStage& stage = run.stages[static_cast<std::size_t>(span.stage)];
    if (span.start > end + kIdle) ++sessions;
    end = std::max(end, span.end);
    lane.push_back(lane_of.at(span.place));
    session.push_back(sessions);
    kinds.add(stage.kind);
    states.add(span.state);
    start.push_back(std::round(100 * (span.start - first)) / 100);
    length.push_back(rounded(span.end - span.start, 4));
    net.push_back(stage.net);
    if (stage.net < 0) labels[std::to_string(i)] = stage.label;
  }
  return {{"began", spans.empty() ? "" : date_of(first)},
          {"lanes", std::move(lanes)},
          {"lane", std::move(lane)},
          {"session", std::move(session)},
          {"start", std::move(start)},
          {"length", std::move(length)},
          {"kind", kinds.json()},
          {"state", states.json()},
          {"net", std::move(net)},
          {"labels", std::move(labels)}};
}

}  // namespace search::html
