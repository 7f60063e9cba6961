// What a layer with filters reads and gives at some places of some images, as rows of a least squares problem. Used by the refit and by the
// criterion `reconstruct`.
#pragma once

#include "eval/nets/net.h"
#include "prune/ridge.h"

namespace prune {

/// Places of each image at which a layer's outputs are compared, at most `area`: four samples for each input, and no fewer than 8,192
/// samples, as more did not make refitted nets better.
std::int64_t places_of(std::int64_t inputs, std::int64_t area, std::int64_t images);

/// One place in each of `count` equal stretches of a map of `area` places, for images first, first + 1, ...: [images, count].
torch::Tensor draw_places(std::int64_t first, std::int64_t images, std::int64_t area, std::int64_t count, std::uint64_t seed);

/// What a layer reads at some places of its output: [images * places, groups, inputs of a group], in the order of `rows_of`: place of the
/// window by place, each with the group's channels.
torch::Tensor windows(const eval::Layer& layer, const torch::Tensor& x, const torch::Tensor& places, std::int64_t output_width);

/// Some channels of a layer's outputs at some places: [images * places, channels].
torch::Tensor at_places(const torch::Tensor& output, const torch::Tensor& places, const torch::Tensor& channels);

/// The weights of a layer's filters as they meet `windows`: [groups, outputs of a group, inputs of a group].
torch::Tensor rows_of(const eval::Layer& layer, const torch::Tensor& weight);

/// Back again, in the sizes of `weight`.
torch::Tensor filters_of(const torch::Tensor& rows, const torch::Tensor& weight);

/// What can stand for a constant in a layer's outputs. readers: eval::consumers(spec).
Intercept intercept_of(const eval::NetSpec& spec, const std::vector<std::vector<int>>& readers, int layer);

}  // namespace prune
