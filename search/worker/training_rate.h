// How fast a net trains here: what a probe chooses the precision by, and `nas-run init` a net.
#pragma once

#include "eval/nets/net.h"
#include "eval/precision.h"

namespace search {

/// Images a second of forward and backward passes over one batch, for about `seconds`; at least one. images: [N, C, H, W] on the net's
/// device, labels: [N].
double training_rate(const eval::Net& net, const torch::Tensor& images, const torch::Tensor& labels, eval::Precision precision,
                     double seconds);

}  // namespace search
