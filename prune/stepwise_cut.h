// A net cut by one or more steps, each scored anew: its channels ranked, the cut spread over the layers and made, and the weights that are
// left made to fit. Used by the stages of a search and by `nas-run prune`.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "prune/criteria/criterion.h"
#include "prune/refit.h"
#include "prune/surgery.h"

namespace prune {

/// What all steps of a cut have in common.
struct StepwiseCut {
  const eval::Net& whole;               ///< the net before the first of them, towards which weights are refitted
  const eval::Dataset* data = nullptr;  ///< may be null where the criterion needs none and nothing is refitted
  eval::Normalisation normalisation = {};
  std::string criterion;
  storage::Json options = {};  ///< of the criterion, as checked against the catalog
  AllocationMethod allocation = AllocationMethod::greedy;
  AllocationLimits limits = {};
  Combination combination = Combination::mean;
  std::vector<std::string> protect = {};
  /// What shares and floors refer to, of a net that the steps have come to.
  std::function<AllocationBase(const eval::NetSpec&, const ChannelGroups&)> base;
  std::optional<RefitOptions> refit = {};
  std::int64_t recalibrate = 0;   ///< images that batch norm is estimated anew by where nothing is refitted; 0: it stays
  std::uint64_t seed = 1;         ///< of the scoring
  std::uint64_t images_seed = 1;  ///< of the images for the refit and for batch norm
};

/// A net on its way through the steps.
struct StepwiseNet {
  Cut cut;
  storage::Json kept = {};                ///< its channels, in terms of the whole net; null: all
  ChannelGroups groups = {};              ///< of the net before the last step
  Allocation allocation = {};             ///< of the last step
  storage::Json details = {};             ///< what the criterion found in the last step
  std::vector<LayerRefit> refitted = {};  ///< by the last step, without weights; empty: nothing was
  std::int64_t refit_images = 0;          ///< that those were refitted on
};

/// Takes the net one step further, to `request`, or to the `widths` by group that are found for the groups of the net as it is now.
void cut_further(const StepwiseCut& all, const PruneRequest& request, StepwiseNet& net,
                 const std::function<std::vector<int>(const ChannelGroups&)>& widths = {});

/// Refits a net's weights, or estimates its batch norm anew, as all steps do in the end.
void fit_weights(const StepwiseCut& all, StepwiseNet& net);

}  // namespace prune
