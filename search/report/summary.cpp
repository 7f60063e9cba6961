#include "search/report/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "search/experiment/objectives.h"
#include "search/report/measured_nets.h"

namespace search {

namespace {

/// Means over the seeds whose base is there too.
SummaryRow summary(const ComparisonGroup& group, const std::string& what, const NetOfReplicate& nets, std::size_t of_seeds) {
  SummaryRow row{
      .task = group.task, .net = group.net, .what = what, .of_seeds = static_cast<int>(of_seeds), .params_ratio = 0, .macs_ratio = 0};
  std::vector<double> tests;
  for (const auto& [unit, net] : nets) {
    const auto base = group.bases.find(unit);
    if (base == group.bases.end()) continue;
    tests.push_back(net.accuracy_test);
    row.accuracy_val += net.accuracy_val;
    row.params += net.params;
    row.macs += net.macs;
    row.params_ratio += net.params / base->second.params;
    row.macs_ratio += net.macs / base->second.macs;
  }
  row.seeds = static_cast<int>(tests.size());
  if (tests.empty()) return row;
  for (double* sum : {&row.accuracy_val, &row.params, &row.macs, &row.params_ratio, &row.macs_ratio}) *sum /= row.seeds;
  row.accuracy_test = eval::summarise(tests);
  return row;
}

/// Of each seed that has a cut net.
struct Chosen {
  NetOfReplicate last, best, smallest;  ///< last where all cuts are measured, the smallest where a cut is within the tolerance
  bool several = false;                 ///< some seed has more than one cut
};

Chosen chosen(const ComparisonGroup& group, const Series& line, double tolerance, const std::string& size) {
  Chosen nets;
  const auto better = [&](const MeasuredNet& one, const MeasuredNet& other) {
    return std::tuple(one.accuracy_val, -one.size(size)) > std::tuple(other.accuracy_val, -other.size(size));
  };
  const auto smaller = [&](const MeasuredNet& one, const MeasuredNet& other) {
    return std::tuple(-one.size(size), one.accuracy_val) > std::tuple(-other.size(size), other.accuracy_val);
  };
  const auto later = [](const MeasuredNet& one, const MeasuredNet& other) { return one.step > other.step; };
  for (const auto& [unit, steps] : line.nets) {
    const auto base = group.bases.find(unit);
    if (base == group.bases.end()) continue;
    const auto keep = [&unit = unit](NetOfReplicate& held, const MeasuredNet& step, const auto& preferred) {
      const auto [current, first] = held.emplace(unit, step);
      if (!first && preferred(step, current->second)) current->second = step;
      return first;
    };
    for (const MeasuredNet& step : steps) {
      if (step.step == 0) continue;
      if (!keep(nets.last, step, later)) nets.several = true;
      keep(nets.best, step, better);
      if (is_within(step.accuracy_val, base->second.accuracy_val, tolerance)) keep(nets.smallest, step, smaller);
    }
    if (line.unfinished.contains(unit)) nets.last.erase(unit);
  }
  return nets;
}

}  // namespace

std::vector<SummaryRow> summary_rows(const Snapshot& run, double tolerance, const std::string& size) {
  std::vector<SummaryRow> rows;
  const auto add = [&](const SummaryRow& row) {
    if (row.of_seeds > 0) rows.push_back(row);
  };
  for (const ComparisonGroup& group : measured_nets(run)) {
    add(summary(group, "base", group.bases, group.bases.size()));
    for (const Series& line : group.searched) {
      const Chosen nets = chosen(group, line, tolerance, size);
      const auto has_base = [&](const auto& unit) { return group.bases.contains(unit.first); };
      const auto seeds = nets.best.empty() ? 0 : static_cast<std::size_t>(std::count_if(line.nets.begin(), line.nets.end(), has_base));
      if (nets.several) add(summary(group, line.name + ", last", nets.last, seeds));
      add(summary(group, line.name + ", best", nets.best, seeds));
      add(summary(group, line.name + ", smallest", nets.smallest, seeds));
    }
    for (const Series& line : group.baselines) {
      NetOfReplicate nets;
      for (const auto& [unit, measurements] : line.nets)
        if (group.bases.contains(unit)) nets.emplace(unit, measurements.front());
      add(summary(group, line.name, nets, nets.size()));
    }
  }
  return rows;
}

}  // namespace search
