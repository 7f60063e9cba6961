#include "search/report/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

namespace search {

namespace {

using storage::Json;

constexpr double kRounding = 1e-9;  ///< a difference of accuracies that is none
constexpr std::string_view kNarrow = "narrow-";

/// One trained net of one seed, measured.
struct Measured {
  int step = 0;
  double accuracy_val = 0, accuracy_test = 0, params = 0, macs = 0;

  double size(const std::string& of) const { return of == "params" ? params : macs; }
};

using Unit = std::pair<int, int>;  ///< seed, and fold or -1

/// The steps of a schedule x criterion, or the one net of a baseline.
struct Line {
  std::string what;
  std::map<Unit, std::vector<Measured>> nets;
};

/// A task and a base net, with all that is compared to it.
struct Group {
  std::string task, net;
  std::map<Unit, Measured> bases;
  std::vector<Line> searched, baselines;
};

template <typename Element, typename Matches>
Element& found_or_added(std::vector<Element>& all, const Matches& matches, Element added) {
  const auto found = std::find_if(all.begin(), all.end(), matches);
  return found != all.end() ? *found : all.emplace_back(std::move(added));
}

Line& line_of(std::vector<Line>& lines, const std::string& what) {
  return found_or_added(lines, [&](const Line& line) { return line.what == what; }, {what, {}});
}

bool is_complete(const Json& row) {
  const auto has_number = [&](const char* column) { return row.contains(column) && row.at(column).is_number(); };
  return has_number("accuracy_val") && has_number("accuracy_test") && has_number("params") && has_number("macs");
}

Measured measured(const Json& row) {
  return {row.value("step", 0), row.at("accuracy_val").get<double>(), row.at("accuracy_test").get<double>(), row.at("params").get<double>(),
          row.at("macs").get<double>()};
}

Unit unit_of(const Json& row) {
  const auto fold = row.find("fold");
  return {row.at("seed").get<int>(), fold == row.end() || fold->is_null() ? -1 : fold->get<int>()};
}

std::vector<Group> groups_of(const Json& steps) {
  std::vector<Group> groups;
  for (const Json& row : steps) {
    if (row.value("role", "pruned") != "pruned" || !is_complete(row)) continue;
    const auto task = row.at("task").get<std::string>(), net = row.at("net").get<std::string>();
    Group& group = found_or_added(groups, [&](const Group& each) { return each.task == task && each.net == net; }, {task, net, {}, {}, {}});
    const Measured made = measured(row);
    if (made.step == 0) group.bases.emplace(unit_of(row), made);
    if (!row.at("criterion").is_null())
      line_of(group.searched, fmt::format("{} / {}", row.at("schedule").get<std::string>(), row.at("criterion").get<std::string>()))
          .nets[unit_of(row)]
          .push_back(made);
  }
  return groups;
}

void add_baselines(std::vector<Group>& groups, const Json& baselines) {
  for (const Json& row : baselines) {
    if (!is_complete(row)) continue;
    const auto net = row.at("net").get<std::string>();
    const auto width = row.at("width").get<double>();
    const bool narrow = net.starts_with(kNarrow);
    const std::string name = narrow ? "narrow" : net;
    for (Group& group : groups) {
      if (row.at("task") != group.task || (narrow && net.substr(kNarrow.size()) != group.net)) continue;
      line_of(group.baselines, width == 1 ? name : fmt::format("{} (width {})", name, width)).nets[unit_of(row)].push_back(measured(row));
    }
  }
}

/// Means over the seeds whose base is there too.
AnswerRow summary(const Group& group, const std::string& what, const std::map<Unit, Measured>& nets, std::size_t of_seeds) {
  AnswerRow row{
      .task = group.task, .net = group.net, .what = what, .of_seeds = static_cast<int>(of_seeds), .params_ratio = 0, .macs_ratio = 0};
  std::vector<double> tests;
  for (const auto& [unit, net] : nets) {
    const auto base = group.bases.find(unit);
    if (base == group.bases.end()) continue;
    tests.push_back(net.accuracy_test);
    row.accuracy_val += net.accuracy_val;
    row.accuracy_test += net.accuracy_test;
    row.params += net.params;
    row.macs += net.macs;
    row.params_ratio += net.params / base->second.params;
    row.macs_ratio += net.macs / base->second.macs;
  }
  row.seeds = static_cast<int>(tests.size());
  if (tests.empty()) return row;
  for (double* sum : {&row.accuracy_val, &row.accuracy_test, &row.params, &row.macs, &row.params_ratio, &row.macs_ratio}) *sum /= row.seeds;
  double squares = 0;
  for (const double test : tests) squares += (test - row.accuracy_test) * (test - row.accuracy_test);
  if (row.seeds > 1) row.accuracy_test_std = std::sqrt(squares / (row.seeds - 1));
  return row;
}

using NetOfUnit = std::map<Unit, Measured>;

/// Of each seed that has a cut net.
struct Chosen {
  NetOfUnit last, best, smallest;  ///< the smallest is there where a cut is within the tolerance
  bool several = false;            ///< some seed has more than one cut
};

Chosen chosen(const Group& group, const Line& line, double tolerance, const std::string& size) {
  Chosen nets;
  const auto better = [&](const Measured& one, const Measured& other) {
    return std::tuple(one.accuracy_val, -one.size(size)) > std::tuple(other.accuracy_val, -other.size(size));
  };
  const auto smaller = [&](const Measured& one, const Measured& other) {
    return std::tuple(-one.size(size), one.accuracy_val) > std::tuple(-other.size(size), other.accuracy_val);
  };
  const auto later = [](const Measured& one, const Measured& other) { return one.step > other.step; };
  for (const auto& [unit, steps] : line.nets) {
    const auto base = group.bases.find(unit);
    if (base == group.bases.end()) continue;
    const auto keep = [&unit = unit](NetOfUnit& held, const Measured& step, const auto& preferred) {
      const auto [current, first] = held.emplace(unit, step);
      if (!first && preferred(step, current->second)) current->second = step;
      return first;
    };
    for (const Measured& step : steps) {
      if (step.step == 0) continue;
      if (!keep(nets.last, step, later)) nets.several = true;
      keep(nets.best, step, better);
      if (step.accuracy_val >= base->second.accuracy_val - tolerance - kRounding) keep(nets.smallest, step, smaller);
    }
  }
  return nets;
}

}  // namespace

std::vector<AnswerRow> answers(const Json& steps, const Json& baselines, double tolerance, const std::string& size) {
  std::vector<Group> groups = groups_of(steps);
  add_baselines(groups, baselines);
  std::vector<AnswerRow> rows;
  const auto add = [&](const AnswerRow& row) {
    if (row.of_seeds > 0) rows.push_back(row);
  };
  for (const Group& group : groups) {
    add(summary(group, "base", group.bases, group.bases.size()));
    for (const Line& line : group.searched) {
      const Chosen nets = chosen(group, line, tolerance, size);
      if (nets.several) add(summary(group, line.what + ", last", nets.last, nets.last.size()));
      add(summary(group, line.what + ", best", nets.best, nets.last.size()));
      add(summary(group, line.what + ", smallest", nets.smallest, nets.last.size()));
    }
    for (const Line& line : group.baselines) {
      std::map<Unit, Measured> nets;
      for (const auto& [unit, measurements] : line.nets)
        if (group.bases.contains(unit)) nets.emplace(unit, measurements.front());
      add(summary(group, line.what, nets, nets.size()));
    }
  }
  return rows;
}

std::vector<AnswerRow> answers(const storage::Repository& repository, double tolerance, const std::string& size) {
  return answers(repository.rows("steps"), repository.rows("baselines"), tolerance, size);
}

}  // namespace search
