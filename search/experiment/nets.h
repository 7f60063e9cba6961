// The nets of an experiment, and the controls beside them: a base net made narrow from the start, to the size that a cut would leave. Used
// by the strategies.
#pragma once

#include "eval/cost.h"
#include "eval/data/dataset.h"
#include "search/experiment/experiment.h"

namespace search {

/// The net that a request stands for on this data.
eval::NetSpec make_net(const NetRequest& request, const eval::DatasetInfo& data);

/// The largest width, in thousandths and at most the base's own, at which the net costs at most `request.value` of the base in
/// `request.of`. Throws storage::Error(invalid) where no width is small enough.
double narrow_width(const NetRequest& base, const eval::DatasetInfo& data, const prune::PruneRequest& request);

/// The base at that width, from scratch: weights of the whole net would not fit. What it is pretrained on, if at all, is left out too.
NetRequest narrowed(NetRequest base, const eval::DatasetInfo& data, const prune::PruneRequest& request);

/// What a control learns first that is pretrained as the n-th of the experiment's nets. Where schedules cut that one at its pretraining:
/// for as many epochs as it and the longest such schedule take there, taught by it where they are.
Pretraining control_pretraining(const Experiment& experiment, int net);

}  // namespace search
