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

/// The least widths that floors and the cap allow, by group, and the steps between widths; in units.
struct Bounds {
  std::vector<int> floor, cap, size;
  std::vector<int> step;  ///< of a group that is cut what is left is a multiple of this
  bool rounds = false;    ///< some step is above 1

  /// The least multiple of the step within the bounds, or the whole group.
  int least(std::size_t group) const {
    const int bound = std::max(floor[group], cap[group]);
    return std::min(size[group], (bound + step[group] - 1) / step[group] * step[group]);
  }
  /// The next lower and the next higher width that may be left of a group.
  int below(std::size_t group, int width) const { return (width - 1) / step[group] * step[group]; }
  int above(std::size_t group, int width) const { return std::min(size[group], (width / step[group] + 1) * step[group]); }
};

/// Channels of a layer that one unit of its group stands for: several where a grouped convolution ties them.
int channels_of_unit(const ChannelGroups& groups, std::size_t group, int producer) {
  const std::vector<Unit>& channels = groups.outputs[static_cast<std::size_t>(producer)];
  const auto own = std::count_if(channels.begin(), channels.end(), [&](const Unit& unit) { return unit.group == static_cast<int>(group); });
  return std::max(1, static_cast<int>(own) / groups.groups[group].size);
}

/// A convolution with one channel a group would be a depthwise one, whose channels are not tied as those of the whole net.
int least_units(const ChannelGroups& groups, std::size_t group) {
  const std::vector<int>& producers = groups.groups[group].producers;
  const bool tied =
      std::any_of(producers.begin(), producers.end(), [&](int producer) { return channels_of_unit(groups, group, producer) > 1; });
  return tied ? 2 : 1;
}

Bounds bounds_of(const ChannelGroups& groups, const AllocationLimits& limits, const AllocationBase& base) {
  Bounds bounds;
  bounds.step = width_steps(groups, limits.round_to);
  for (std::size_t g = 0; g < groups.groups.size(); ++g) {
    const int size = groups.groups[g].size;
    const int share = static_cast<int>(std::ceil(limits.floor * base.channels[g] - 1e-9));
    const int uncapped = static_cast<int>(std::ceil((1 - limits.cap) * size - 1e-9));
    const bool fixed = !groups.groups[g].fixed.empty();
    bounds.size.push_back(size);
    bounds.rounds = bounds.rounds || bounds.step[g] > 1;
    bounds.floor.push_back(fixed ? size : std::min(size, std::max({limits.floor_channels, share, least_units(groups, g)})));
    bounds.cap.push_back(fixed ? size : std::min(size, std::max(uncapped, 1)));
  }
  return bounds;
}

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
void apply_bounds(std::vector<int>& widths, const Bounds& bounds, std::vector<GroupReport>& reports) {
  for (std::size_t g = 0; g < widths.size(); ++g) {
    reports[g].floor_applied = widths[g] < bounds.floor[g];
    reports[g].cap_applied = widths[g] < bounds.cap[g];
    if (widths[g] < bounds.size[g]) widths[g] = widths[g] / bounds.step[g] * bounds.step[g];
    widths[g] = std::max(widths[g], bounds.least(g));
  }
}

/// Gives units that rounding took back, a step at a time, as long as the cost fits the target: first to the group that has lost the largest
/// share of itself of what it was to have (`wanted`).
void give_back(std::vector<int>& widths, const std::vector<int>& wanted, const WidthCost& model, double target, const Bounds& bounds) {
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
                  const WidthCost& model, double target, const Bounds& bounds) {
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

Allocation by_uniform_rate(const ChannelGroups& groups, const Scores& scores, const WidthCost& model, double target, const Bounds& bounds) {
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
                             const Bounds& bounds) {
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
    result.reports[g].floor_applied = at_bound && bounds.floor[g] >= bounds.cap[g];
    result.reports[g].cap_applied = at_bound && bounds.cap[g] >= bounds.floor[g];
  }
  result.mask = mask_of_widths(groups, scores, widths);
  return result;
}

}  // namespace

std::vector<int> width_steps(const ChannelGroups& groups, int round_to) {
  std::vector<int> steps(groups.groups.size(), 1);
  for (std::size_t g = 0; g < steps.size(); ++g)
    for (const int producer : groups.groups[g].producers)
      steps[g] = std::lcm(steps[g], round_to / std::gcd(round_to, channels_of_unit(groups, g, producer)));
  return steps;
}

std::vector<int> least_widths(const ChannelGroups& groups, const AllocationLimits& limits, const AllocationBase& base) {
  const Bounds bounds = bounds_of(groups, limits, base);
  std::vector<int> widths;
  for (std::size_t g = 0; g < groups.groups.size(); ++g) widths.push_back(bounds.least(g));
  return widths;
}

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

AllocationLimits allocation_limits_from_json(const storage::Json& json) {
  return {json.at("floor").get<double>(), json.at("floor_channels").get<int>(), json.at("cap").get<double>(),
          json.at("alpha").get<double>(), json.at("round_to").get<int>()};
}

AllocationMethod allocation_method_from_string(const std::string& text) {
  static const std::vector<std::pair<std::string, AllocationMethod>> methods{
      {"eta", AllocationMethod::eta}, {"uniform", AllocationMethod::uniform}, {"greedy", AllocationMethod::greedy}};
  return storage::find_named(methods, text, "allocation", [](const auto& method) { return method.first; }).second;
}

std::map<std::string, std::vector<int>> units_of_shared_layers(const ChannelGroups& groups) {
  std::map<std::string, std::vector<int>> units;
  for (const ChannelGroup& group : groups.groups) units[group.name].push_back(group.size);
  std::erase_if(units, [](const auto& each) { return each.second.size() == 1; });
  return units;
}

AllocationBase allocation_base(const eval::NetSpec& spec, const ChannelGroups& groups, eval::Cost cost,
                               const std::map<std::string, int>& channels, const std::map<std::string, std::vector<int>>& units) {
  AllocationBase base{cost, {}};
  const std::map<std::string, std::vector<int>> shared = units_of_shared_layers(groups);
  std::map<std::string, std::size_t> passed;
  for (const ChannelGroup& group : groups.groups) {
    const std::size_t place = passed[group.name]++;
    const auto now = shared.find(group.name), then = units.find(group.name);
    if (now != shared.end() && then != units.end() && now->second.size() == then->second.size()) {
      base.channels.push_back(then->second[place]);
      continue;
    }
    // A unit has as many channels of each of its producers in the base as now, so any producer tells.
    const eval::Layer& producer = spec.layers[group.producers.front()];
    const auto had = channels.find(producer.name);
    base.channels.push_back(had == channels.end() ? group.size : had->second * group.size / producer.channels);
  }
  return base;
}

double base_size(const ChannelGroups& groups, Budget of, const AllocationBase& base) {
  switch (of) {
    case Budget::params:
      return static_cast<double>(base.cost.params);
    case Budget::macs:
      return static_cast<double>(base.cost.macs);
    case Budget::channels: {
      double channels = 0;
      for (std::size_t g = 0; g < groups.groups.size(); ++g)
        if (groups.groups[g].fixed.empty()) channels += base.channels[g];
      return channels;
    }
    case Budget::latency:
      if (base.latency == nullptr) throw Error(ErrorKind::internal, "a budget of latency without a latency table");
      return base.latency->whole_ms;
  }
  throw Error(ErrorKind::internal, "unknown budget");
}

double share_left(const eval::NetSpec& spec, const ChannelGroups& groups, Budget of, const AllocationBase& base) {
  return WidthCost(spec, groups, of, base.latency).cost(kept_counts(keep_all(groups))) / base_size(groups, of, base);
}

Allocation allocate(const eval::NetSpec& spec, const ChannelGroups& groups, const Scores& scores, const PruneRequest& request,
                    AllocationMethod method, const AllocationLimits& limits, const AllocationBase& base,
                    const std::vector<Spread>& spreads) {
  const Bounds bounds = bounds_of(groups, limits, base);
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
