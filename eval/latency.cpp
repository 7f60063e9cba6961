#include "eval/latency.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/cuda.h>
#include <torch/script.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ostream>
#include <streambuf>

#include "eval/cost.h"
#include "eval/formats/torchscript.h"
#include "storage/base/time.h"

namespace eval {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kWarmUpRuns = 5, kRuns = 30, kRunsOfSlow = 5;
constexpr double kWarmUpShare = 0.2, kPatience = 10;  // of the seconds that a batch is to take

/// Counts what is written to it.
class CountingBuffer : public std::streambuf {
 public:
  std::int64_t bytes() const { return bytes_; }

 private:
  std::streamsize xsputn(const char*, std::streamsize count) override {
    bytes_ += count;
    return count;
  }
  int_type overflow(int_type byte) override {
    ++bytes_;
    return traits_type::not_eof(byte);
  }

  std::int64_t bytes_ = 0;
};

std::int64_t file_bytes(const torch::jit::Module& module) {
  CountingBuffer buffer;
  std::ostream stream(&buffer);
  module.save(stream);
  return buffer.bytes();
}

/// Milliseconds of one run.
double run_once(torch::jit::Module& module, const std::vector<torch::jit::IValue>& inputs, torch::Device device) {
  const auto start = Clock::now();
  module.forward(inputs);
  if (device.is_cuda()) torch::cuda::synchronize();
  return storage::seconds_since(start) * 1000;
}

Latency measure(torch::jit::Module& module, const torch::Tensor& images, double seconds) {
  const std::vector<torch::jit::IValue> inputs{images};
  auto start = Clock::now();
  for (int run = 0; run < kWarmUpRuns || storage::seconds_since(start) < seconds * kWarmUpShare; ++run) {
    run_once(module, inputs, images.device());
    if (run + 1 >= 2 && storage::seconds_since(start) > seconds) break;  // the first two compile
  }
  std::vector<double> times;
  const auto enough = [&] {
    const double elapsed = storage::seconds_since(start);
    const int runs = static_cast<int>(times.size());
    return (runs >= kRuns && elapsed >= seconds) || (runs >= kRunsOfSlow && elapsed >= seconds * kPatience);
  };
  for (start = Clock::now(); !enough();) times.push_back(run_once(module, inputs, images.device()));
  Latency latency;
  latency.batch = static_cast<int>(images.size(0));
  latency.runs = static_cast<int>(times.size());
  latency.p50_ms = percentile(times, 0.5);
  latency.p95_ms = percentile(std::move(times), 0.95);
  return latency;
}

}  // namespace

torch::jit::Module frozen_module(const Net& net) {
  torch::jit::Module module = torchscript_module(net.spec(), net.weights());
  module.to(net.device());
  return torch::jit::freeze(module);
}

LatencyReport measure_latency(const Net& net, const std::vector<int>& batches, double seconds) {
  const c10::InferenceMode inference;
  LatencyReport report{"TorchScript, frozen, fp32", file_bytes(torchscript_module(net.spec(), net.weights())), {}};
  torch::jit::Module module = frozen_module(net);
  const Shape shape = output_shapes(net.spec()).front();
  for (const int batch : batches) {
    const torch::Tensor images = torch::empty({batch, shape.channels, shape.height, shape.width})
                                     .uniform_(-1, 1, at::make_generator<at::CPUGeneratorImpl>(1))
                                     .to(net.device());
    report.latencies.push_back(measure(module, images, seconds));
    report.latencies.back().peak_activation_bytes = peak_activations(net.spec()) * batch * static_cast<std::int64_t>(sizeof(float));
  }
  return report;
}

double percentile(std::vector<double> values, double share) {
  const auto rank = static_cast<std::ptrdiff_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto at = values.begin() + std::clamp<std::ptrdiff_t>(rank - 1, 0, std::ssize(values) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace eval
