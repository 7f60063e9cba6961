// Measures a net's latency table: each layer by itself, at a few numbers of channels, in the form in which nets are deployed. Asked for by
// the stage `latency_table` and by `nas-run prune --of latency`.
#pragma once

#include <functional>
#include <optional>

#include "eval/latency_table.h"
#include "eval/torch.h"

namespace eval {

/// A layer as a net of its own, and what of that net is not the layer's: `with` less `without` is the layer.
struct LayerProbe {
  NetSpec with, without;
};

/// The layer at other numbers of channels, on the maps that it reads in the net. A convolution that a batch norm is folded into has a bias.
/// For layers that latency_axes has.
LayerProbe layer_probe(const NetSpec& spec, int layer, int input_channels, int output_channels);

/// The numbers of channels at which a layer is measured: 1, an eighth, a quarter, a half, three quarters and all of its own, or what is
/// nearest to them that it can have; what never changes (the image, the classes, inputs that come and go with the outputs) has one entry.
/// Without times. None for a layer that takes none: the input, dropout, and a batch norm that is folded into the convolution before it.
std::optional<LayerLatency> latency_axes(const NetSpec& spec, int layer);

/// As measure_latency runs a net: frozen TorchScript, fp32, with the threads that LibTorch has, on `device`; the fastest run of two rounds,
/// which what else runs on a machine disturbs least, less the fastest of what is not the layer's. Layers alike are measured once.
/// `progress` gets the share that is done and says whether to go on; nothing comes back where not.
std::optional<LatencyTable> measure_latency_table(const NetSpec& spec, int batch, torch::Device device,
                                                  const std::function<bool(double)>& progress);

/// The same by another clock: `time_of` a net, its fastest run of some at that batch, in milliseconds.
std::optional<LatencyTable> measure_latency_table(const NetSpec& spec, int batch, const std::function<double(const NetSpec&)>& time_of,
                                                  const std::function<bool(double)>& progress);

}  // namespace eval
