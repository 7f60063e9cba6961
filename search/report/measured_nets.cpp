#include "search/report/measured_nets.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "search/experiment/source_nets.h"

namespace search {

namespace {

template <typename Element, typename Matches>
Element& found_or_added(std::vector<Element>& all, const Matches& matches, Element added) {
  const auto found = std::find_if(all.begin(), all.end(), matches);
  return found != all.end() ? *found : all.emplace_back(std::move(added));
}

Series& line_of(std::vector<Series>& lines, Series line) {
  const std::string name = line.name;
  return found_or_added(
      lines, [&](const Series& each) { return each.name == name; }, std::move(line));
}

/// The nets of a group, those that lack nothing, step by step. Cut nets beyond the experiment's constraints are not reported; where the
/// last of a replicate is, it is unfinished.
Series nets_of(const Snapshot& run, const Group& group) {
  Series line{.unfinished = group.unfinished};
  for (std::size_t step = 0; step < group.tested.size(); ++step)
    for (const auto& [unit, index] : group.tested[step]) {
      const StoredNet& net = run.nets[static_cast<std::size_t>(index)];
      const bool is_left_out = net.beyond && group.role == "pruned" && step > 0;
      const auto has_later = [&, &unit = unit](const auto& nets) { return nets.contains(unit); };
      if (is_left_out && std::none_of(group.steps.begin() + static_cast<std::ptrdiff_t>(step) + 1, group.steps.end(), has_later))
        line.unfinished.insert(unit);
      if (net.val && net.test && !is_left_out)
        line.nets[unit].push_back({static_cast<int>(step), *net.val, *net.test, net.params, net.macs});
    }
  return line;
}

void add_baseline(const Snapshot& run, const Group& baseline, std::vector<ComparisonGroup>& groups) {
  const std::string base = base_net(baseline);
  const auto nets = nets_of(run, baseline).nets;
  for (ComparisonGroup& group : groups) {
    if (nets.empty() || baseline.task != group.task || (!base.empty() && base != group.net)) continue;
    line_of(group.baselines, {baseline_line(baseline), "", "", baseline.net, {}, {}}).nets.merge(std::map(nets));
  }
}

}  // namespace

std::string baseline_line(const Group& baseline) {
  const ControlName control = parse_control(baseline.net);
  if (!baseline.criterion.empty())
    return fmt::format("scratch{} ({} / {})", control.has_equal_flops ? ", equal FLOPs" : "", baseline.schedule, baseline.criterion);
  std::string name = baseline.net;
  if (!control.base.empty())
    name = fmt::format("narrow{}{}", control.is_pretrained ? ", pretrained" : "", control.is_distilled ? ", distilled" : "");
  return baseline.width == 1 ? name : fmt::format("{} (width {})", name, baseline.width);
}

std::vector<ComparisonGroup> measured_nets(const Snapshot& run) {
  const std::vector<Group> all = groups_of(run);
  std::vector<ComparisonGroup> groups;
  for (const Group& each : all) {
    if (each.role != "pruned") continue;
    Series made = nets_of(run, each);
    if (made.nets.empty()) continue;
    const auto same = [&](const ComparisonGroup& other) { return other.task == each.task && other.net == each.net; };
    ComparisonGroup& group = found_or_added(groups, same, {each.task, each.net, {}, {}, {}});
    for (const auto& [unit, steps] : made.nets)
      if (steps.front().step == 0) group.bases.emplace(unit, steps.front());
    if (each.criterion.empty()) continue;
    Series& line =
        line_of(group.searched, {fmt::format("{} / {}", each.schedule, each.criterion), each.criterion, each.schedule, "", {}, {}});
    line.nets = std::move(made.nets);
    line.unfinished = std::move(made.unfinished);
  }
  for (const Group& each : all)
    if (each.role == "baseline") add_baseline(run, each, groups);
  return groups;
}

}  // namespace search
