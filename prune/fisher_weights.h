// How much the class scores depend on what a layer gives at some places: what the refit weighs its least squares by.
#pragma once

#include <map>
#include <vector>

#include "eval/nets/net.h"

namespace prune {

/// Where a layer's outputs are looked at.
struct FisherSite {
  int layer = 0;
  torch::Tensor places;    ///< [images, count], of the layer's map
  torch::Tensor channels;  ///< those that count
};

/// The squared gradient of e' z by each site's outputs, summed over its channels: [images * count] by layer. z are the class scores less
/// their mean, which no decision sees, and e is -1 or 1 for each class, drawn by image; so its expectation is the trace of the Fisher
/// information of the outputs there where the scores are taken for Gaussian, which is the trace of their Gauss-Newton matrix (Martens 2020,
/// arXiv 1412.1193, section 9.2; its estimate by Hutchinson 1990). No labels. images: [N, C, H, W], as the net takes them.
std::map<int, torch::Tensor> fisher_weights(const eval::Net& net, const torch::Tensor& images, const std::vector<FisherSite>& sites,
                                            std::uint64_t seed);

}  // namespace prune
