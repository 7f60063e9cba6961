#include "prune/width_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "eval/data/seed.h"
#include "storage/base/error.h"

namespace prune {

namespace {

constexpr double kLeastShare = 1.0 / 16;  ///< of a group's channels, in a random draw
constexpr double kVariation = 1.5;        ///< largest factor of a width that is varied

double draw(std::mt19937_64& draws) {
  return eval::unit_number(draws());
}

double target_of(const PruneRequest& request, const ChannelGroups& groups, const AllocationBase& base) {
  if (request.kind != PruneRequest::Kind::keep || request.of == Budget::channels)
    throw storage::Error(storage::ErrorKind::invalid, "widths are searched for a share of params, macs or latency to keep");
  return request.value * base_size(groups, request.of, base);
}

}  // namespace

WidthSearch::WidthSearch(const eval::NetSpec& spec, const ChannelGroups& groups, const PruneRequest& request,
                         const AllocationLimits& limits, const AllocationBase& base)
    : groups_(groups),
      model_(spec, groups, request.of, base.latency),
      target_(target_of(request, groups, base)),
      least_(least_widths(groups, limits, base)),
      steps_(width_steps(groups, limits.round_to)) {}

std::vector<int> WidthSearch::fitted(const std::vector<double>& wanted) const {
  const std::size_t count = wanted.size();
  const auto at = [&](double scale) {
    std::vector<int> widths(count);
    for (std::size_t g = 0; g < count; ++g)
      widths[g] = std::clamp(static_cast<int>(scale * wanted[g] / steps_[g]) * steps_[g], least_[g], groups_.groups[g].size);
    return widths;
  };
  double fits = 0, exceeds = 1;
  for (std::size_t g = 0; g < count; ++g) exceeds = std::max(exceeds, groups_.groups[g].size / wanted[g] + 1);
  for (int i = 0; i < 50; ++i) {
    const double middle = (fits + exceeds) / 2;
    (model_.cost(at(middle)) <= target_ ? fits : exceeds) = middle;
  }
  // What whole channels left open: one more for those that were rounded down most, in turns, while there is room.
  std::vector<int> widths = at(fits), order(count);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return fits * wanted[a] - widths[a] > fits * wanted[b] - widths[b]; });
  for (bool grew = true; grew;) {
    grew = false;
    for (const int g : order) {
      const int before = widths[g], step = steps_[static_cast<std::size_t>(g)];
      widths[g] = std::min((before / step + 1) * step, groups_.groups[static_cast<std::size_t>(g)].size);
      if (widths[g] > before && model_.cost(widths) <= target_)
        grew = true;
      else
        widths[g] = before;
    }
  }
  return widths;
}

std::vector<int> WidthSearch::uniform() const {
  std::vector<double> wanted;
  for (const ChannelGroup& group : groups_.groups) wanted.push_back(group.size);
  return fitted(wanted);
}

std::vector<int> WidthSearch::random(std::mt19937_64& draws) const {
  std::vector<double> wanted;
  for (const ChannelGroup& group : groups_.groups) wanted.push_back(group.size * std::pow(kLeastShare, draw(draws)));
  return fitted(wanted);
}

std::vector<int> WidthSearch::varied(const std::vector<int>& widths, std::mt19937_64& draws) const {
  std::vector<double> wanted;
  for (const int width : widths) {
    const bool is_varied = draw(draws) < 0.5;
    wanted.push_back(width * (is_varied ? std::pow(kVariation, 2 * draw(draws) - 1) : 1));
  }
  return fitted(wanted);
}

std::vector<int> WidthSearch::mixed(const std::vector<int>& one, const std::vector<int>& other, std::mt19937_64& draws) const {
  std::vector<double> wanted;
  for (std::size_t g = 0; g < one.size(); ++g) wanted.push_back(draw(draws) < 0.5 ? one[g] : other[g]);
  return fitted(wanted);
}

}  // namespace prune
