#include "eval/latency.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/cuda.h>
#include <torch/script.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <ostream>
#include <streambuf>

#include "eval/cost.h"
#include "eval/formats/onnx.h"
#include "eval/formats/torchscript.h"
#include "eval/onnx_runtime.h"
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
double run_once(const std::function<void()>& run) {
  const auto start = Clock::now();
  run();
  return storage::seconds_since(start) * 1000;
}

Latency measure(const std::function<void()>& run, double seconds) {
  auto start = Clock::now();
  for (int runs = 0; runs < kWarmUpRuns || storage::seconds_since(start) < seconds * kWarmUpShare; ++runs) {
    run();
    if (runs + 1 >= 2 && storage::seconds_since(start) > seconds) break;  // the first two compile
  }
  std::vector<double> times;
  const auto enough = [&] {
    const double elapsed = storage::seconds_since(start);
    const int runs = static_cast<int>(times.size());
    return (runs >= kRuns && elapsed >= seconds) || (runs >= kRunsOfSlow && elapsed >= seconds * kPatience);
  };
  for (start = Clock::now(); !enough();) times.push_back(run_once(run));
  Latency latency;
  latency.runs = static_cast<int>(times.size());
  latency.p50_ms = percentile(times, 0.5);
  latency.least_ms = *std::min_element(times.begin(), times.end());
  latency.p95_ms = percentile(std::move(times), 0.95);
  return latency;
}

/// Of each batch: what `runner` makes of images on the CPU, run again and again.
std::vector<Latency> measure_all(const NetSpec& spec, const std::vector<int>& batches, double seconds,
                                 const std::function<std::function<void()>(const torch::Tensor&)>& runner) {
  const Shape shape = output_shapes(spec).front();
  std::vector<Latency> latencies;
  for (const int batch : batches) {
    const torch::Tensor images =
        torch::empty({batch, shape.channels, shape.height, shape.width}).uniform_(-1, 1, at::make_generator<at::CPUGeneratorImpl>(1));
    Latency latency = measure(runner(images), seconds);
    latency.batch = batch;
    latency.peak_activation_bytes = peak_activations(spec) * batch * static_cast<std::int64_t>(sizeof(float));
    latencies.push_back(latency);
  }
  return latencies;
}

std::vector<Latency> measure_frozen(const Net& net, const std::vector<int>& batches, double seconds) {
  const c10::InferenceMode inference;
  torch::jit::Module module = frozen_module(net);
  const auto runner = [&](const torch::Tensor& images) {
    return [&module, inputs = std::vector<torch::jit::IValue>{images.to(net.device())}, on_gpu = net.device().is_cuda()] {
      module.forward(inputs);
      if (on_gpu) torch::cuda::synchronize();
    };
  };
  return measure_all(net.spec(), batches, seconds, runner);
}

}  // namespace

torch::jit::Module frozen_module(const Net& net) {
  torch::jit::Module module = torchscript_module(net.spec(), net.weights());
  module.to(net.device());
  return torch::jit::freeze(module);
}

LatencyReport measure_latency(const Net& net, const std::vector<int>& batches, double seconds) {
  return {"TorchScript, frozen, fp32", file_bytes(torchscript_module(net.spec(), net.weights())), measure_frozen(net, batches, seconds)};
}

double least_latency(const Net& net, int batch, double seconds) {
  return measure_frozen(net, {batch}, seconds).front().least_ms;
}

LatencyReport measure_onnx_latency(const Net& net, const std::vector<int>& batches, double seconds) {
  const std::string model = onnx_file(net.spec(), net.weights());
  OnnxSession session(model, output_shapes(net.spec()).back().channels, at::get_num_threads());
  const auto runner = [&](const torch::Tensor& images) { return [&session, images] { session.run(images); }; };
  return {fmt::format("ONNX Runtime {}, fp32, CPU", onnx_runtime_version()), std::ssize(model),
          measure_all(net.spec(), batches, seconds, runner)};
}

double percentile(std::vector<double> values, double share) {
  const auto rank = static_cast<std::ptrdiff_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto at = values.begin() + std::clamp<std::ptrdiff_t>(rank - 1, 0, std::ssize(values) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace eval
