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

}  // namespace prune
