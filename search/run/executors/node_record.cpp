#include "search/run/executors/node_record.h"

#include <fmt/format.h>

#include <algorithm>

namespace search {

namespace {

constexpr double kFast = 60;  ///< seconds
constexpr std::size_t kMostFailures = 3;

}  // namespace

std::string NodeRecord::ended(const std::string& node, const StageEnd& end) {
  if (node.empty()) return "";
  std::set<std::string>& here = failed_[node];
  if (!end.failed || end.seconds >= kFast) {
    here.clear();
    return "";
  }
  here.insert(end.stage);
  const auto fails_elsewhere = [&](const std::string& stage) {
    return std::any_of(failed_.begin(), failed_.end(), [&](const auto& each) { return each.first != node && each.second.contains(stage); });
  };
  const auto its_own = std::count_if(here.begin(), here.end(), [&](const std::string& stage) { return !fails_elsewhere(stage); });
  if (static_cast<std::size_t>(its_own) < kMostFailures || !excluded_.insert(node).second) return "";
  return fmt::format("node {} failed {} times in succession, each within a minute: it gets no more", node, its_own);
}

std::string NodeRecord::never_started(const std::string& node) {
  if (node.empty() || !excluded_.insert(node).second) return "";
  return fmt::format("node {} gets no more: a job ran there, and its worker said nothing", node);
}

}  // namespace search
