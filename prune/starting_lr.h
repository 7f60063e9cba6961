// The learning rate that a retraining begins with, going by how much of the net the cut took. Called by the stage `prune` of a search.
#pragma once

#include "prune/surgery.h"

namespace prune {

/// The share of the highest learning rate, in (0, 1], that a retraining of `epochs` begins with: |W - W'| / |W|, which the cut took of the
/// length of the filters' weights W, biases and norms not counted, over the square root of the share of parameters that it took; but not
/// less than epochs / base_epochs, and 1 at most (Zimmer, Spiegel, Pokutta 2023, arXiv 2111.00843, section 3). 1 of a cut that took
/// nothing. cut: of `net`, with the weights as they were. is_sparse: single weights are 0 in it, and the share is of the weights of filters
/// that are not 0.
double starting_share(const eval::Net& net, const Cut& cut, bool is_sparse, double epochs, double base_epochs);

}  // namespace prune
