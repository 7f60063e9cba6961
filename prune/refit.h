// Refit: after a cut, each layer's kept weights are solved anew, so that it gives what the whole net's layer gave from what the cut net
// feeds it. No labels, no gradient, about two forward passes. Called between a cut and its retraining.
#pragma once

#include "eval/data/loader.h"
#include "prune/cut_options.h"
#include "prune/surgery.h"

namespace prune {

/// What became of one layer with filters.
struct LayerRefit {
  std::string layer;
  double before = 0, after = 0;  ///< squared error towards the whole net's outputs over their variance, at the sampled places
  double ridge = 0;              ///< the one taken
  std::int64_t samples = 0;      ///< places of all images; 0 of a layer that was not looked at
  std::string reason;            ///< why its weights stayed; empty: they changed
};

struct Refit {
  eval::Weights weights;           ///< of the cut net, on the whole net's device
  std::vector<LayerRefit> layers;  ///< in the order of the net
  std::int64_t images = 0;         ///< that the last layers saw; the first ones, whose maps are large, may have seen fewer
};

/// New weights for `cut`, which may be of a net that was refitted before, but whose mask is in terms of `whole`. In the order of the graph,
/// every convolution and linear layer gets W = argmin |X W - Y|^2 + r |W - W0|^2: X are its inputs in the cut and so far refitted net, Y
/// the outputs of the whole net's layer, kept filters only, W0 the weights in `cut` (channel pruning's reconstruction, He, Zhang, Sun 2017,
/// arXiv 1707.06168, eq. 1, about a prior as in Frantar, Alistarh 2022, arXiv 2208.11580). Layers fit their own outputs, so sums,
/// concatenations and several readers need nothing else. Batch norm keeps its weights; the mean and the variance of its input move by what
/// they differ from the whole net's on the same images. A net cut by nothing stays as it is. With `fisher`, places weigh by how much the
/// whole net's scores depend on what the layer gives there (fisher_weights.h), in the errors that are told too, but not in the variance
/// that these are divided by. Throws storage::Error(invalid) for a layer that gives or reads numbers that are not finite. batches: images
/// [N, C, H, W] as the net takes them. The same arguments give the same bits.
Refit refit(const eval::Net& whole, const ChannelGroups& groups, const KeepMask& mask, const Cut& cut, std::vector<torch::Tensor> batches,
            const RefitOptions& options);

/// The same on `images` of `data`, of which each layer sees as many of the first ones as have room in `options.memory` from there on.
Refit refit(const eval::Net& whole, const ChannelGroups& groups, const KeepMask& mask, const Cut& cut, const eval::Dataset& data,
            const eval::Normalisation& normalisation, const std::vector<std::int64_t>& images, const RefitOptions& options);

/// The same on images drawn from the training images of `data`. Throws storage::Error(invalid) where there are none.
Refit refit(const eval::Net& whole, const ChannelGroups& groups, const KeepMask& mask, const Cut& cut, const eval::Dataset& data,
            const eval::Normalisation& normalisation, const RefitOptions& options);

}  // namespace prune
