#include "prune/allocation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "prune/width_cost.h"
#include "storage/base/named.h"

namespace prune {

using storage::Error;
using storage::ErrorKind;

namespace {

/// Units of a group from the least useful to the most; ties in their own order.
std::vector<int> ascending(const std::vector<double>& scores) {
  std::vector<int> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return scores[a] < scores[b]; });
  return order;
}

/// Drops units of every group, least scores first, down to `widths`.
KeepMask mask_of_widths(const ChannelGroups& groups, const Scores& scores, const std::vector<int>& widths) {
  KeepMask mask = keep_all(groups);
  for (std::size_t g = 0; g < mask.size(); ++g) {
    if (!groups.groups[g].fixed.empty()) continue;
    const std::vector<int> order = ascending(scores[g]);
    for (int i = 0; i < groups.groups[g].size - widths[g]; ++i) mask[g][order[i]] = false;
  }
  return mask;
}

std::vector<GroupReport> reports_of(const ChannelGroups& groups, const Scores& scores) {
  std::vector<GroupReport> reports(groups.groups.size());
  for (std::size_t g = 0; g < reports.size(); ++g) {
    if (!groups.groups[g].fixed.empty()) continue;
    const auto [least, most] = std::minmax_element(scores[g].begin(), scores[g].end());
    reports[g].score_min = *least;
    reports[g].score_max = *most;
    reports[g].score_mean = std::accumulate(scores[g].begin(), scores[g].end(), 0.0) / static_cast<double>(scores[g].size());
  }
  return reports;
}

/// Rounds the widths of groups that are cut, clips them to the bounds and notes where a bound kept units.
void apply_bounds(std::vector<int>& widths, const WidthBounds& bounds, std::vector<GroupReport>& reports) {
  for (std::size_t g = 0; g < widths.size(); ++g) {
    reports[g].floor_applied = widths[g] < bounds.floor[g];
    reports[g].cap_applied = widths[g] < bounds.after_cap[g];
    if (widths[g] < bounds.size[g]) widths[g] = widths[g] / bounds.step[g] * bounds.step[g];
    widths[g] = std::max(widths[g], bounds.least(g));
  }
}

/// Gives units that rounding took back, a step at a time, as long as the cost fits the target: first to the group that has lost the largest
/// share of itself of what it was to have (`wanted`).
void give_back(std::vector<int>& widths, const std::vector<int>& wanted, const WidthCost& model, double target, const WidthBounds& bounds) {
  for (int best = 0; best >= 0;) {
    best = -1;
    double most = 0;
    for (std::size_t g = 0; g < widths.size(); ++g) {
      const double loss = static_cast<double>(wanted[g] - widths[g]) / bounds.size[g];
      if (loss <= most) continue;
      std::vector<int> tried = widths;
      tried[g] = bounds.above(g, widths[g]);
      if (model.cost(tried) > target) continue;
      most = loss;
      best = static_cast<int>(g);
    }
    if (best >= 0) widths[best] = bounds.above(static_cast<std::size_t>(best), widths[best]);
  }
}

/// Whether the paper's rule keeps a unit: eta 0 keeps all.
bool is_kept(double utility, double eta, double deviation) {
  return eta == 0 || (utility > 0 && utility >= eta * deviation);
}

std::vector<int> widths_at_eta(const ChannelGroups& groups, const Scores& scores, const std::vector<Spread>& spreads, double eta) {
  std::vector<int> widths;
  for (std::size_t g = 0; g < groups.groups.size(); ++g) {
    const auto kept = std::count_if(scores[g].begin(), scores[g].end(), [&](double u) { return is_kept(u, eta, spreads[g].deviation); });
    widths.push_back(groups.groups[g].fixed.empty() ? static_cast<int>(kept) : groups.groups[g].size);
  }
  return widths;
}

/// Every eta at which some unit falls below its threshold, ascending, each a little past the unit's own ratio; 0 first.
std::vector<double> eta_steps(const ChannelGroups& groups, const Scores& scores, const std::vector<Spread>& spreads) {
  std::vector<double> steps{0};
  for (std::size_t g = 0; g < groups.groups.size(); ++g) {
    if (!groups.groups[g].fixed.empty()) continue;
    for (double u : scores[g])
      if (u <= 0 || spreads[g].deviation > 0)
        steps.push_back(u <= 0 ? std::numeric_limits<double>::min() : u / spreads[g].deviation * (1 + 1e-9) + 1e-12);
  }
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  return steps;
}

/// `low` with as large a share of what `high` has more as costs no more than `target`.
std::vector<int> between(const std::vector<int>& low, const std::vector<int>& high, const WidthCost& model, double target) {
  const auto at = [&](double share) {
    std::vector<int> widths = low;
    for (std::size_t g = 0; g < widths.size(); ++g) widths[g] += static_cast<int>(share * (high[g] - low[g]));
    return widths;
  };
  double fits = 0, exceeds = 1;
  for (int i = 0; i < 30; ++i) {
    const double middle = (fits + exceeds) / 2;
    (model.cost(at(middle)) <= target ? fits : exceeds) = middle;
  }
  return at(fits);
}

Allocation by_eta(const ChannelGroups& groups, const Scores& scores, std::vector<Spread> spreads, const PruneRequest& request,
                  const WidthCost& model, double target, const WidthBounds& bounds) {
  if (spreads.empty())
    for (const std::vector<double>& group_scores : scores) spreads.push_back(spread_of(group_scores));
  Allocation result;
  const auto bounded_widths = [&](double eta) {
    std::vector<int> widths = widths_at_eta(groups, scores, spreads, eta);
    result.reports = reports_of(groups, scores);
    apply_bounds(widths, bounds, result.reports);
    return widths;
  };
  double eta = request.value;
  std::vector<int> above, wanted;  // widths at the step before the one that reaches the target; and before they were rounded
  if (request.kind == PruneRequest::Kind::keep) {
    // Larger etas never keep more, so the least step that reaches the target is found by bisection.
    const std::vector<double> steps = eta_steps(groups, scores, spreads);
    const auto reached = std::partition_point(steps.begin(), steps.end(), [&](double e) { return model.cost(bounded_widths(e)) > target; });
    result.target_reached = reached != steps.end();
    eta = result.target_reached ? *reached : steps.back();
    if (result.target_reached && reached != steps.begin()) {
      above = bounded_widths(*std::prev(reached));
      wanted = widths_at_eta(groups, scores, spreads, *std::prev(reached));
    }
  }
  std::vector<int> widths = bounded_widths(eta);
  if (!above.empty() && !bounds.rounds) widths = between(widths, above, model, target);
  if (!above.empty() && bounds.rounds) give_back(widths, wanted, model, target, bounds);
  for (std::size_t g = 0; g < groups.groups.size(); ++g)
    if (groups.groups[g].fixed.empty()) result.reports[g].threshold = eta * spreads[g].deviation;
  result.mask = mask_of_widths(groups, scores, widths);
  result.eta = eta;
  return result;
}

Allocation by_uniform_rate(const ChannelGroups& groups, const Scores& scores, const WidthCost& model, double target,
                           const WidthBounds& bounds) {
  Allocation result;
  const auto wanted_widths = [&](double rate) {
    std::vector<int> widths;
    for (const ChannelGroup& group : groups.groups)
      widths.push_back(group.fixed.empty() ? std::max(1, static_cast<int>(std::lround(rate * group.size))) : group.size);
    return widths;
  };
  const auto bounded_widths = [&](double rate) {
    std::vector<int> widths = wanted_widths(rate);
    result.reports = reports_of(groups, scores);
    apply_bounds(widths, bounds, result.reports);
    return widths;
  };
  double low = 0, high = 1;  // the largest rate whose cost fits lies in [low, high)
  if (model.cost(bounded_widths(1)) <= target) low = 1;
  for (int i = 0; i < 50 && low < 1; ++i) {
    const double middle = (low + high) / 2;
    (model.cost(bounded_widths(middle)) <= target ? low : high) = middle;
  }
  std::vector<int> widths = bounded_widths(low);
  result.target_reached = model.cost(widths) <= target;
  if (bounds.rounds) give_back(widths, wanted_widths(low), model, target, bounds);
  result.mask = mask_of_widths(groups, scores, widths);
  return result;
}

Allocation by_greedy_utility(const ChannelGroups& groups, const Scores& scores, const WidthCost& model, double target, double alpha,
                             const WidthBounds& bounds) {
  Allocation result;
  result.reports = reports_of(groups, scores);
  std::vector<std::vector<int>> order;
  std::vector<int> widths;
  for (std::size_t g = 0; g < groups.groups.size(); ++g) {
    order.push_back(ascending(scores[g]));
    widths.push_back(groups.groups[g].size);
  }
  /// What the units of a group between two widths are worth: the utility for the cost that they save, and that cost.
  const auto worth = [&](std::size_t g, int high, int low) {
    const int removed = high - low;
    const auto next = order[g].begin() + (groups.groups[g].size - high);
    const double utility =
        std::accumulate(next, next + removed, 0.0, [&](double sum, int unit) { return sum + std::max(scores[g][unit], 0.0); }) / removed;
    std::vector<int> from = widths;
    from[g] = high;
    const double saving = model.saving(from, static_cast<int>(g), removed);
    if (!(saving > 0)) throw Error(ErrorKind::internal, "a channel of " + groups.groups[g].name + " costs nothing");
    return std::pair(utility / std::pow(saving / removed, alpha), saving);
  };
  double cost = model.cost(widths);
  while (cost > target) {
    int best = -1;
    double best_rank = 0, best_saving = 0;
    for (std::size_t g = 0; g < widths.size(); ++g) {
      const int left = bounds.below(g, widths[g]);
      if (!groups.groups[g].fixed.empty() || left < bounds.least(g)) continue;
      const auto [rank, saving] = worth(g, widths[g], left);
      if (best < 0 || rank < best_rank || (rank == best_rank && saving > best_saving))
        best = static_cast<int>(g), best_rank = rank, best_saving = saving;
    }
    if (best < 0) break;
    widths[best] = bounds.below(static_cast<std::size_t>(best), widths[best]);
    cost -= best_saving;
  }
  while (bounds.rounds) {  // steps of several units may have taken more than was asked: the most useful that still fit come back
    int best = -1;
    double best_rank = 0, best_cost = 0;
    for (std::size_t g = 0; g < widths.size(); ++g) {
      const int more = bounds.above(g, widths[g]);
      if (widths[g] == bounds.size[g]) continue;
      const auto [rank, added] = worth(g, more, widths[g]);
      if (cost + added <= target && (best < 0 || rank > best_rank)) best = static_cast<int>(g), best_rank = rank, best_cost = added;
    }
    if (best < 0) break;
    widths[best] = bounds.above(static_cast<std::size_t>(best), widths[best]);
    cost += best_cost;
  }
  result.target_reached = cost <= target;
  for (std::size_t g = 0; g < widths.size(); ++g) {
    // What is whole tells of its bound only where the cut ended for want of groups.
    if (!groups.groups[g].fixed.empty() || (widths[g] == groups.groups[g].size && result.target_reached)) continue;
    // Below the last step of several units there is nothing: no bound is needed to keep it.
    const int next = bounds.below(g, widths[g]);
    const bool at_bound = next < bounds.least(g) && (next > 0 || widths[g] == 1);
    result.reports[g].floor_applied = at_bound && bounds.floor[g] >= bounds.after_cap[g];
    result.reports[g].cap_applied = at_bound && bounds.after_cap[g] >= bounds.floor[g];
  }
  result.mask = mask_of_widths(groups, scores, widths);
  return result;
}

}  // namespace

Spread spread_of(std::span<const double> values) {
  double sum = 0;
  Spread spread;
  for (double v : values)
    if (v != 0) sum += v, ++spread.nonzero;
  if (spread.nonzero < 2) return spread;
  const auto count = static_cast<double>(spread.nonzero);
  double squares = 0;
  for (double v : values)
    if (v != 0) squares += (v - sum / count) * (v - sum / count);
  spread.deviation = std::sqrt(squares / (count - 1));
  return spread;
}

AllocationMethod allocation_method_from_string(const std::string& text) {
  static const std::vector<std::pair<std::string, AllocationMethod>> methods{
      {"eta", AllocationMethod::eta}, {"uniform", AllocationMethod::uniform}, {"greedy", AllocationMethod::greedy}};
  return storage::find_named(methods, text, "allocation", [](const auto& method) { return method.first; }).second;
}

Allocation allocate(const eval::NetSpec& spec, const ChannelGroups& groups, const Scores& scores, const PruneRequest& request,
                    AllocationMethod method, const AllocationLimits& limits, const AllocationBase& base,
                    const std::vector<Spread>& spreads) {
  const WidthBounds bounds = width_bounds(groups, limits, base);
  const WidthCost model(spec, groups, request.of, base.latency);
  const double target = request.value * base_size(groups, request.of, base);
  if (request.kind == PruneRequest::Kind::eta) method = AllocationMethod::eta;
  switch (method) {
    case AllocationMethod::eta:
      return by_eta(groups, scores, spreads, request, model, target, bounds);
    case AllocationMethod::uniform:
      return by_uniform_rate(groups, scores, model, target, bounds);
    case AllocationMethod::greedy:
      return by_greedy_utility(groups, scores, model, target, limits.alpha, bounds);
  }
  throw Error(ErrorKind::internal, "unknown allocation method");
}

Allocation allocate_widths(const ChannelGroups& groups, const Scores& scores, const std::vector<int>& widths) {
  for (std::size_t g = 0; g < groups.groups.size(); ++g) {
    const ChannelGroup& group = groups.groups[g];
    if (widths[g] < 1 || widths[g] > group.size || (!group.fixed.empty() && widths[g] != group.size))
      throw Error(ErrorKind::invalid, fmt::format("{}: {} channels cannot be kept of {}", group.name, widths[g], group.size));
  }
  Allocation result;
  result.reports = reports_of(groups, scores);
  result.mask = mask_of_widths(groups, scores, widths);
  return result;
}

}  // namespace prune
