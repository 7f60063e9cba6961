#include "search/report/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <optional>
#include <set>
#include <utility>

#include "storage/base/error.h"
#include "storage/base/option.h"

namespace search {

namespace {

using Family = Comparison::Family;
using Measure = Comparison::Measure;
using Verdict = Comparison::Verdict;

/// The nets of two methods, seed by seed.
struct Pairs {
  std::vector<MeasuredNet> ones, others;
  int unmatched = 0;  ///< seeds in which the first method has no net of the budget

  void add(const MeasuredNet& one, const MeasuredNet& other) {
    ones.push_back(one);
    others.push_back(other);
  }
};

std::vector<double> each(const std::vector<MeasuredNet>& nets, const std::function<double(const MeasuredNet&)>& value) {
  std::vector<double> values;
  for (const MeasuredNet& net : nets) values.push_back(value(net));
  return values;
}

double log_macs(const MeasuredNet& net) {
  return std::log(net.macs);
}
double log_params(const MeasuredNet& net) {
  return std::log(net.params);
}
double test_accuracy(const MeasuredNet& net) {
  return net.accuracy_test;
}

void measure(Comparison& comparison, const Pairs& pairs) {
  const auto difference = [&](double (*value)(const MeasuredNet&)) {
    return eval::paired_difference(each(pairs.ones, value), each(pairs.others, value));
  };
  comparison.difference = difference(comparison.measure == Measure::accuracy ? test_accuracy : log_macs);
  comparison.unmatched = pairs.unmatched;
  if (comparison.measure == Measure::macs) {  // a schedule's steps are nearly the same for every seed: only who is smaller counts
    comparison.difference.interval.reset();
    std::vector<double> ones = each(pairs.ones, log_macs), others = each(pairs.others, log_macs);
    for (int seed = 0; seed < pairs.unmatched; ++seed) {  // as larger than any that is as accurate
      ones.push_back(1);
      others.push_back(0);
    }
    comparison.difference.p = eval::sign_test(ones, others);
    for (std::size_t i = 0; i < ones.size(); ++i) comparison.smaller += (ones[i] < others[i]) - (ones[i] > others[i]);
  }
  comparison.params_ratio = std::exp(difference(log_params).mean);
  comparison.macs_ratio = std::exp(difference(log_macs).mean);
}

/// Seeds that p is of: of ratios of sizes also those in which the first has no net of the budget.
int seeds_of(const Comparison& comparison) {
  return static_cast<int>(comparison.difference.n) + (comparison.measure == Measure::macs ? comparison.unmatched : 0);
}

Verdict verdict(const Comparison& comparison) {
  if (seeds_of(comparison) < 2 || comparison.p > kSignificance) return Verdict::undecided;
  if (comparison.measure == Measure::macs) return comparison.smaller < 0 ? Verdict::other : Verdict::one;
  const bool positive = comparison.difference.mean > 0;
  if (comparison.family == Family::baselines) return positive ? Verdict::one : Verdict::other;  // the cut net was chosen to fit
  const double params = positive ? comparison.params_ratio : 1 / comparison.params_ratio;
  const double macs = positive ? comparison.macs_ratio : 1 / comparison.macs_ratio;
  if (params > kSameSize && macs > kSameSize) return Verdict::unequal;
  return positive ? Verdict::one : Verdict::other;
}

NetOfReplicate last_cuts(const Series& line) {
  NetOfReplicate nets;
  for (const auto& [unit, steps] : line.nets) {
    if (line.unfinished.contains(unit)) continue;
    const auto last = std::max_element(steps.begin(), steps.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
    if (last->step > 0) nets.emplace(unit, *last);
  }
  return nets;
}

class Comparing {
 public:
  /// Compares what goes by this name alone; with "" all.
  explicit Comparing(std::string against) : against_(std::move(against)) {}

  void add(const ComparisonGroup& group) {
    for (auto one = group.searched.begin(); one != group.searched.end(); ++one)
      for (auto other = one + 1; other != group.searched.end(); ++other)
        if (one->schedule == other->schedule) add_criteria(group, *one, *other);
    for (const Series& baseline : group.baselines) add_baseline(group, baseline);
  }

  std::vector<Comparison> corrected() && {
    for (const Family family : {Family::criteria, Family::baselines}) {
      std::vector<double> p;
      for (const Comparison& each : comparisons_)
        if (each.family == family) p.push_back(each.difference.p);
      const std::vector<double> corrected = eval::holm(p);
      auto next = corrected.begin();
      for (Comparison& each : comparisons_)
        if (each.family == family) each.p = *next++;
    }
    for (Comparison& each : comparisons_) each.verdict = verdict(each);
    return std::move(comparisons_);
  }

 private:
  void add_criteria(const ComparisonGroup& group, const Series& one, const Series& other) {
    Pairs pairs;
    const NetOfReplicate others = last_cuts(other);
    for (const auto& [unit, net] : last_cuts(one))
      if (const auto same = others.find(unit); same != others.end()) pairs.add(net, same->second);
    if (is_meant({one.criterion, other.criterion}))
      add({Family::criteria, Measure::accuracy, group.task, group.net, one.schedule, one.criterion, other.criterion}, pairs);
  }

  /// Against the cut nets of each criterion, of all schedules together.
  void add_baseline(const ComparisonGroup& group, const Series& baseline) {
    std::set<std::string> seen;
    for (const Series& line : group.searched) {
      if (!seen.insert(line.criterion).second || !is_meant({line.criterion, baseline.name, baseline.control})) continue;
      const auto accurate = [](const MeasuredNet& net) { return net.accuracy_val; };
      const auto small = [](const MeasuredNet& net) { return -net.macs; };
      const auto matched = [&](const std::string& budget, Measure measured, const auto& fits, const auto& value) {
        Pairs pairs;
        for (const auto& [unit, trained] : baseline.nets) {
          std::optional<MeasuredNet> best;
          for (const Series& each : group.searched) {
            if (each.criterion != line.criterion || !each.nets.contains(unit)) continue;
            for (const MeasuredNet& net : each.nets.at(unit))
              if (net.step > 0 && fits(net, trained.front()) && (!best || value(net) > value(*best))) best = net;
          }
          if (best)
            pairs.add(*best, trained.front());
          else if (is_all_cut(group, line.criterion, unit))
            ++pairs.unmatched;
        }
        add({Family::baselines, measured, group.task, group.net, budget + " of " + baseline.name, line.criterion, baseline.name}, pairs);
      };
      matched(
          "MACs", Measure::accuracy, [](const auto& net, const auto& other) { return net.macs <= other.macs * kSameSize; }, accurate);
      matched(
          "parameters", Measure::accuracy, [](const auto& net, const auto& other) { return net.params <= other.params * kSameSize; },
          accurate);
      matched(
          "accuracy", Measure::macs, [](const auto& net, const auto& other) { return net.accuracy_val >= other.accuracy_val; }, small);
    }
  }

  /// Whether all cuts of the criterion are measured: what is still missing speaks neither for nor against it.
  static bool is_all_cut(const ComparisonGroup& group, const std::string& criterion, const Replicate& unit) {
    bool is_cut = false;
    for (const Series& line : group.searched) {
      if (line.criterion != criterion) continue;
      if (line.unfinished.contains(unit)) return false;
      const auto nets = line.nets.find(unit);
      is_cut = is_cut || (nets != line.nets.end() && nets->second.back().step > 0);
    }
    return is_cut;
  }

  bool is_meant(std::initializer_list<std::string> names) const {
    return against_.empty() || std::find(names.begin(), names.end(), against_) != names.end();
  }

  void add(Comparison comparison, const Pairs& pairs) {
    if (pairs.ones.empty() && (comparison.measure == Measure::accuracy || pairs.unmatched == 0)) return;
    measure(comparison, pairs);
    comparisons_.push_back(std::move(comparison));
  }

  std::string against_;
  std::vector<Comparison> comparisons_;
};

/// Throws where neither a criterion nor a baseline goes by the name, here or as the net of trials.
void require_name(const std::vector<ComparisonGroup>& groups, const std::string& name) {
  std::set<std::string> all;
  for (const ComparisonGroup& group : groups) {
    for (const Series& line : group.searched) all.insert(line.criterion);
    for (const Series& line : group.baselines) all.insert({line.name, line.control});
  }
  if (!all.contains(name))
    throw storage::Error(storage::ErrorKind::usage, fmt::format("no criterion or baseline '{}' was measured{}", name,
                                                                storage::suggestion(name, {all.begin(), all.end()})));
}

const char* name_of(Family family) {
  return family == Family::criteria ? "criteria" : "baselines";
}

std::string winner(const Comparison& comparison) {
  switch (comparison.verdict) {
    case Verdict::one:
      return comparison.one;
    case Verdict::other:
      return comparison.other;
    case Verdict::undecided:
      return seeds_of(comparison) < 2 ? "one seed" : "undecided";
    case Verdict::unequal:
      return "unequal sizes";
  }
  return "";
}

}  // namespace

std::vector<Comparison> compare(const std::vector<ComparisonGroup>& groups, const std::string& against) {
  if (!against.empty()) require_name(groups, against);
  Comparing comparing(against);
  for (const ComparisonGroup& group : groups) comparing.add(group);
  return std::move(comparing).corrected();
}

storage::Json to_json(const std::vector<Comparison>& comparisons) {
  storage::Json rows = storage::Json::array();
  for (const Comparison& each : comparisons) {
    const bool accuracy = each.measure == Measure::accuracy;
    const auto shown = [&](double value) { return accuracy ? 100 * value : std::exp(value); };
    const auto& interval = each.difference.interval;
    const auto of_pairs = [&](double value) { return each.difference.n > 0 ? storage::Json(value) : storage::Json(); };
    rows.push_back({{"family", name_of(each.family)},
                    {"measure", accuracy ? "accuracy_test" : "macs"},
                    {"task", each.task},
                    {"net", each.net},
                    {"budget", each.budget},
                    {"one", each.one},
                    {"other", each.other},
                    {"n", each.difference.n},
                    {"unmatched", each.unmatched},
                    {"difference", of_pairs(shown(each.difference.mean))},
                    {"low", interval ? storage::Json(shown(interval->low)) : storage::Json()},
                    {"high", interval ? storage::Json(shown(interval->high)) : storage::Json()},
                    {"p", each.difference.p},
                    {"p_corrected", each.p},
                    {"params_ratio", of_pairs(each.params_ratio)},
                    {"macs_ratio", of_pairs(each.macs_ratio)},
                    {"verdict", winner(each)}});
  }
  return rows;
}

}  // namespace search
