#include "prune/own_net.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "eval/nets/layer_shape.h"
#include "prune/keep_mask.h"
#include "storage/base/error.h"

namespace prune {

using storage::Error;
using storage::ErrorKind;

eval::NetSpec fitted(const eval::NetSpec& spec, double width, const eval::Shape& images, int classes) {
  if (!(width > 0 && width <= 1))
    throw Error(ErrorKind::invalid, fmt::format("{}: width {}: valid: above 0 and at most 1", spec.name, width));
  const eval::Shape takes = eval::output_shapes(spec).front();
  if (takes != images)
    throw Error(ErrorKind::invalid,
                fmt::format("{}: the net takes images of {}, the data's are {}; valid: data of the net's size and colours", spec.name,
                            to_string(takes), to_string(images)));
  eval::NetSpec fit = spec;
  fit.layers[static_cast<std::size_t>(eval::decision_layer(fit))].channels = classes;
  const eval::Shape scores = eval::output_shapes(fit).back();
  if (scores != eval::Shape{classes, 1, 1})
    throw Error(ErrorKind::invalid,
                fmt::format("{}: the net gives {} at its end, not a score for each of {} classes", spec.name, to_string(scores), classes));
  if (width == 1) return fit;
  const ChannelGroups groups = channel_groups(fit);
  KeepMask mask = keep_all(groups);
  for (std::size_t g = 0; g < mask.size(); ++g) {
    const int kept = std::max(1, static_cast<int>(std::lround(width * groups.groups[g].size)));
    if (groups.groups[g].fixed.empty()) std::fill(mask[g].begin() + kept, mask[g].end(), false);
  }
  return cut_spec(fit, groups, mask);
}

namespace {

/// The convolutions behind which `spec` has no batch norm, but for the layer that makes the class scores.
std::vector<bool> without_batch_norm(const eval::NetSpec& spec) {
  const std::vector<std::vector<int>> readers = eval::consumers(spec);
  const int head = eval::decision_layer(spec);
  std::vector<bool> without;
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    const int layer = static_cast<int>(i);
    const bool has = eval::own_batch_norm(spec, readers, layer) >= 0;
    without.push_back(spec.layers[i].kind == eval::LayerKind::convolution && !has && layer != head);
  }
  return without;
}

std::string unused_name(const eval::NetSpec& spec, std::string name) {
  while (eval::find_layer(spec, name) >= 0) name += "_";
  return name;
}

}  // namespace

eval::NetSpec with_batch_norm(const eval::NetSpec& spec) {
  const std::vector<bool> without = without_batch_norm(spec);
  eval::NetSpec result{spec.name, {}};
  std::vector<int> place;  // by layer of `spec`: what is read in its stead
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    result.layers.push_back(spec.layers[i]);
    for (int& from : result.layers.back().inputs) from = place[static_cast<std::size_t>(from)];
    place.push_back(static_cast<int>(result.layers.size()) - 1);
    if (!without[i]) continue;
    result.layers.push_back(
        {.name = unused_name(spec, spec.layers[i].name + "_bn"), .kind = eval::LayerKind::batch_norm, .inputs = {place.back()}});
    ++place.back();
  }
  eval::output_shapes(result);
  return result;
}

}  // namespace prune
