// How long a net takes in the form in which it is deployed. Asked for by the stage `latency`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eval/nets/net.h"

namespace torch::jit {
struct Module;
}

namespace eval {

struct Latency {
  int batch = 1;
  double p50_ms = 0, p95_ms = 0;  ///< of a batch: the median and the 95th percentile
  double least_ms = 0;            ///< of the fastest run
  int runs = 0;                   ///< that were measured, after some that warm up
  std::int64_t peak_activation_bytes = 0;
};

struct LatencyReport {
  std::string format;           ///< of what is measured, and by what
  std::int64_t file_bytes = 0;  ///< of the file that `nas-run export` writes; of TorchScript as archive.pt: its name is in it
  std::vector<Latency> latencies;
};

/// Runs the net as an exported TorchScript module, frozen: weights are constants, and batch norm is folded into the convolution before it.
/// fp32, with the threads that LibTorch has, on the net's device. Each batch is run for about `seconds` and at least 30 times; a slow one
/// is left off after ten times as long with at least 5 runs.
LatencyReport measure_latency(const Net& net, const std::vector<int>& batches, double seconds);

/// The same of the ONNX file that `nas-run export` writes, by ONNX Runtime on the CPU, with as many threads. Error(environment) where that
/// is not found.
LatencyReport measure_onnx_latency(const Net& net, const std::vector<int>& batches, double seconds);

/// The fastest run of one batch size: what the net takes where nothing else is in the way.
double least_latency(const Net& net, int batch, double seconds);

/// What measure_latency runs.
torch::jit::Module frozen_module(const Net& net);

/// The smallest of the values that `share` (0, 1] of them do not exceed: the nearest-rank percentile. There must be some.
double percentile(std::vector<double> values, double share);

}  // namespace eval
