// Exact surgery as a pure function: the spec, the weights and a keep mask give a smaller spec and its weights. No live module is edited.
#pragma once

#include "eval/nets/net.h"
#include "prune/keep_mask.h"

namespace prune {

struct Cut {
  eval::NetSpec spec;
  eval::Weights weights;
};

/// Removes the dropped channels with their biases and norm entries, and their depth from every consumer. The cut net computes what `spec`
/// computes with the dropped channels set to zero wherever they are read. But not where local response normalisation reads cut channels:
/// its window closes up over those that are gone, and reaches channels that lay outside it before.
Cut cut(const eval::NetSpec& spec, const ChannelGroups& groups, const eval::Weights& weights, const KeepMask& mask);

/// A tap that zeroes the dropped channels of every layer's output: the masked net, against which the cut net is checked.
eval::Tap masking_tap(const ChannelGroups& groups, const KeepMask& mask);

}  // namespace prune
