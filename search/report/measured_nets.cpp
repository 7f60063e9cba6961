#include "search/report/measured_nets.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace search {

namespace {

using storage::Json;

constexpr std::string_view kNarrow = "narrow-";

template <typename Element, typename Matches>
Element& found_or_added(std::vector<Element>& all, const Matches& matches, Element added) {
  const auto found = std::find_if(all.begin(), all.end(), matches);
  return found != all.end() ? *found : all.emplace_back(std::move(added));
}

NetLine& line_of(std::vector<NetLine>& lines, NetLine line) {
  const std::string name = line.name;
  return found_or_added(
      lines, [&](const NetLine& each) { return each.name == name; }, std::move(line));
}

bool is_complete(const Json& row) {
  const auto has_number = [&](const char* column) { return row.contains(column) && row.at(column).is_number(); };
  return has_number("accuracy_val") && has_number("accuracy_test") && has_number("params") && has_number("macs");
}

MeasuredNet measured(const Json& row) {
  return {row.value("step", 0), row.at("accuracy_val").get<double>(), row.at("accuracy_test").get<double>(), row.at("params").get<double>(),
          row.at("macs").get<double>()};
}

Unit unit_of(const Json& row) {
  const auto fold = row.find("fold");
  return {row.at("seed").get<int>(), fold == row.end() || fold->is_null() ? -1 : fold->get<int>()};
}

void add_baseline(std::vector<NetGroup>& groups, const Json& row) {
  const auto net = row.at("net").get<std::string>();
  const auto width = row.at("width").get<double>();
  const bool narrow = net.starts_with(kNarrow);
  const std::string name = narrow ? "narrow" : net;
  for (NetGroup& group : groups) {
    if (row.at("task") != group.task || (narrow && net.substr(kNarrow.size()) != group.net)) continue;
    line_of(group.baselines, {width == 1 ? name : fmt::format("{} (width {})", name, width), "", "", {}})
        .nets[unit_of(row)]
        .push_back(measured(row));
  }
}

}  // namespace

std::vector<NetGroup> measured_nets(const Json& steps, const Json& baselines) {
  std::vector<NetGroup> groups;
  for (const Json& row : steps) {
    if (row.value("role", "pruned") != "pruned" || !is_complete(row)) continue;
    const auto task = row.at("task").get<std::string>(), net = row.at("net").get<std::string>();
    const auto same = [&](const NetGroup& each) { return each.task == task && each.net == net; };
    NetGroup& group = found_or_added(groups, same, {task, net, {}, {}, {}});
    if (row.value("step", 0) == 0) group.bases.emplace(unit_of(row), measured(row));
    if (row.at("criterion").is_null()) continue;
    const auto criterion = row.at("criterion").get<std::string>(), schedule = row.at("schedule").get<std::string>();
    line_of(group.searched, {fmt::format("{} / {}", schedule, criterion), criterion, schedule, {}})
        .nets[unit_of(row)]
        .push_back(measured(row));
  }
  for (const Json& row : baselines)
    if (is_complete(row)) add_baseline(groups, row);
  return groups;
}

}  // namespace search
