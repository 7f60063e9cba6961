#include "search/report/html/lanes.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <set>

namespace search::html {

namespace {

constexpr double kRounding = 0.05;  ///< the database's times and durations agree to so many seconds

std::vector<std::size_t> by_start(const std::vector<Span>& spans) {
  std::vector<std::size_t> order(spans.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t one, std::size_t other) { return spans[one].start < spans[other].start; });
  return order;
}

}  // namespace

std::vector<int> lanes_of(const std::vector<Span>& spans) {
  using Busy = std::pair<double, int>;  // until when, lane
  std::priority_queue<Busy, std::vector<Busy>, std::greater<>> busy;
  std::set<int> free;
  std::vector<int> lanes(spans.size());
  int used = 0;
  for (const std::size_t span : by_start(spans)) {
    for (; !busy.empty() && busy.top().first <= spans[span].start + kRounding; busy.pop()) free.insert(busy.top().second);
    if (free.empty()) free.insert(used++);
    lanes[span] = *free.begin();
    free.erase(free.begin());
    busy.emplace(spans[span].start + spans[span].length, lanes[span]);
  }
  return lanes;
}

std::vector<int> sessions_of(const std::vector<Span>& spans, double idle) {
  std::vector<int> sessions(spans.size());
  int session = 0;
  double end = 0;
  bool first = true;
  for (const std::size_t span : by_start(spans)) {
    if (!first && spans[span].start > end + idle) ++session;
    end = std::max(first ? 0 : end, spans[span].start + spans[span].length);
    first = false;
    sessions[span] = session;
  }
  return sessions;
}

}  // namespace search::html
