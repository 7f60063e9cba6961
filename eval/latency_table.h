// How long each layer of a net takes, by its numbers of channels: the latency of a cut net before it is made. Measured by
// measure_latency_table, asked by allocation and by the stages that cut and time nets.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "eval/nets/net_spec.h"

namespace eval {

/// Milliseconds of one layer, measured at a few numbers of channels.
struct LayerLatency {
  std::vector<int> inputs, outputs;     ///< channels, ascending; one entry: that number decides nothing
  std::vector<std::vector<double>> ms;  ///< [inputs][outputs]

  /// Bilinear between the nearest four, at the edge beyond them.
  double at(double input_channels, double output_channels) const;
};

/// Makes what was measured rise with both numbers: no entry is above 0.99 of a larger neighbour's. Noise would else make a wider layer
/// faster, and give a cut nothing to gain.
void make_rising(LayerLatency& layer);

/// Of one net, on one device (a table of layers and channels, as Shen et al. 2022, HALP, arXiv 2210.06659).
struct LatencyTable {
  int batch = 1;
  double call_ms = 0;                          ///< of a net without layers
  double whole_ms = 0;                         ///< estimate() of the net itself, which was not cut
  std::map<std::string, LayerLatency> layers;  ///< by name; a layer that is folded into another, or does nothing, is not there

  /// Milliseconds of a batch, of the net or one that was cut from it: the sum over its layers.
  double estimate(const NetSpec& spec) const;
};

storage::Json to_json(const LatencyTable& table);
LatencyTable latency_table_from_json(const storage::Json& json);

}  // namespace eval
