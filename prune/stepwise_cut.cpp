#include "prune/stepwise_cut.h"

#include <numeric>
#include <utility>

#include "prune/batch_norm.h"

namespace prune {

void fit_weights(const StepwiseCut& all, StepwiseNet& net) {
  const eval::NetSpec& spec = all.whole.spec();
  if (all.refit) {
    RefitOptions options = *all.refit;
    options.seed = all.images_seed;
    const ChannelGroups groups = channel_groups(spec, all.protect);
    Refit refitted = refit(all.whole, groups, kept_from_json(spec, groups, net.kept), net.cut, *all.data, all.normalisation, options);
    net.cut.weights = std::move(refitted.weights);
    net.refitted = std::move(refitted.layers);
    net.refit_images = refitted.images;
  } else if (all.recalibrate > 0) {
    eval::Net smaller(net.cut.spec, net.cut.weights, all.whole.device());
    recalibrate_batch_norm(smaller, *all.data, all.normalisation, eval::sample_images(*all.data, all.recalibrate, all.images_seed));
    net.cut.weights = smaller.weights();
  }
}

namespace {

/// Units that cuts before took of the base net.
std::int64_t lost_units(const AllocationBase& base, const ChannelGroups& groups) {
  std::int64_t lost = std::accumulate(base.channels.begin(), base.channels.end(), std::int64_t{0});
  for (const ChannelGroup& group : groups.groups) lost -= group.size;
  return lost;
}

/// A bound that acted in a step before acted in the cut.
void keep_bounds(const std::vector<GroupReport>& before, std::vector<GroupReport>& now) {
  if (before.size() != now.size()) return;
  for (std::size_t g = 0; g < now.size(); ++g) {
    now[g].floor_applied = now[g].floor_applied || before[g].floor_applied;
    now[g].cap_applied = now[g].cap_applied || before[g].cap_applied;
  }
}

}  // namespace

void cut_further(const StepwiseCut& all, const PruneRequest& request, StepwiseNet& net,
                 const std::function<std::vector<int>(const ChannelGroups&)>& widths) {
  const eval::Net now(net.cut.spec, net.cut.weights, all.whole.device());
  const eval::NetSpec& spec = now.spec();
  net.groups = channel_groups(spec, all.protect);
  const AllocationBase base = all.base(spec, net.groups);
  Scoring scoring = make_criterion(all.criterion, all.options)
                        ->score({now, net.groups, all.data, all.normalisation, all.seed, all.combination, lost_units(base, net.groups)});
  net.details = std::move(scoring.details);
  const std::vector<GroupReport> before = std::move(net.allocation.reports);
  net.allocation = widths ? allocate_widths(net.groups, scoring.scores, widths(net.groups))
                          : allocate(spec, net.groups, scoring.scores, request, all.allocation, all.limits, base, scoring.spreads);
  keep_bounds(before, net.allocation.reports);
  net.kept = compose_kept(net.kept, kept_to_json(spec, net.groups, net.allocation.mask));
  net.cut = cut(spec, net.groups, now.weights(), net.allocation.mask);
  fit_weights(all, net);
}

}  // namespace prune
