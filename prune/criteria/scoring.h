// What the criteria share: where channels are read, how scores of layers become scores of groups, and activations with their gradients.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "prune/criteria/criterion.h"
#include "prune/fisher.h"

namespace prune {

/// The activation sites of all layers with filters in groups that can be cut, ascending.
std::vector<int> scored_sites(const eval::NetSpec& spec, const ChannelGroups& groups);

/// Where the channels of a site enter the layers that read them: what stands between without filters of its own (pooling, normalisation,
/// an add, a concatenation) is passed as far as it is the only reader.
struct Entrance {
  int layer = 0;                   ///< the one whose output is read
  std::int64_t first_channel = 0;  ///< of the site's channels in that output
};
Entrance entrance_of(const eval::NetSpec& spec, int site);

/// The layers with filters whose channels can be cut, ascending.
std::vector<int> cut_producers(const ChannelGroups& groups);

/// A score for each output channel of a layer.
struct LayerScores {
  int layer = 0;
  torch::Tensor scores;  ///< [C]
};

/// Group scores from those of layers, by the task's rule where a unit is seen several times. Channels that cannot be cut are passed over; a
/// score that is not finite is an Error(internal).
Scores combine(const ScoringTask& task, const std::vector<LayerScores>& layers);

/// The scores divided by their L2 norm (Molchanov et al. 2017, section 2.2); unchanged where that is 0.
torch::Tensor normalised_by_layer(const torch::Tensor& scores);

/// For every batch: runs the net in evaluation mode, takes the gradient of `objective(output, labels)` by the activations at `sites`, and
/// calls `visit` with each site's activation and gradient. `objective` sees the output of layer `top`. The weights take no gradients.
void visit_gradients(const ScoringTask& task, const std::vector<std::int64_t>& images, const std::vector<int>& sites, int top,
                     const std::function<torch::Tensor(const torch::Tensor& output, const torch::Tensor& labels)>& objective,
                     const std::function<void(int site, const torch::Tensor& activation, const torch::Tensor& gradient)>& visit);

/// [N, C, H, W] -> [N, C]; a flat activation as it is.
torch::Tensor sum_over_locations(const torch::Tensor& activation);

/// How a map of the pre-decision layer becomes one firing.
enum class Firing { mean, max };

/// The firings that decide: the input of the decision layer, one value a neuron. [N, d]
torch::Tensor pre_decision_firings(const torch::Tensor& output, Firing firing = Firing::mean);

/// The layer whose output is the decision layer's input.
int pre_decision_layer(const eval::NetSpec& spec);

/// Scatter of the pre-decision firings over `images`, in one pass. Throws storage::Error(invalid) where channels that can be cut lead to
/// the class scores by another way: of their utility the firings know nothing.
Scatter measure_scatter(const ScoringTask& task, const std::vector<std::int64_t>& images, Firing firing = Firing::mean);

/// What both variants of lda tell of the pre-decision layer: {"layer", "within", "between": diagonals, "v", "selected"}.
storage::Json pre_decision_details(const ScoringTask& task, const Scatter& scatter, const torch::Tensor& utility,
                                   const std::vector<std::int64_t>& selected);

}  // namespace prune
