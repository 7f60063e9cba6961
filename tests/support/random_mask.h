// Keep masks drawn by chance, for what must hold of every mask.
#pragma once

#include <random>

#include "prune/keep_mask.h"

namespace support {

/// Each unit that may be cut is kept with probability 1/2, and at least one of its group.
inline prune::KeepMask random_mask(const prune::ChannelGroups& groups, std::mt19937_64& random) {
  prune::KeepMask mask = prune::keep_all(groups);
  for (std::size_t g = 0; g < mask.size(); ++g) {
    if (!groups.groups[g].fixed.empty()) continue;
    for (std::size_t i = 0; i < mask[g].size(); ++i) mask[g][i] = random() % 2 != 0;
    mask[g][random() % mask[g].size()] = true;
  }
  return mask;
}

}  // namespace support
