#include "eval/latency.h"

#include <torch/script.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "eval/formats/torchscript.h"
#include "tests/support/difference.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_nets.h"

namespace {

/// A net whose batch norm does something.
eval::Net lively_net(const eval::NetSpec& spec) {
  eval::Weights weights = eval::initial_weights(spec, 1);
  torch::manual_seed(2);
  for (auto& [name, tensor] : weights)
    if (tensor.dim() == 1) tensor.uniform_(0.5, 1.5);
  return {spec, std::move(weights)};
}

}  // namespace

TEST_CASE("percentiles are of the nearest rank") {
  CHECK(eval::percentile({3}, 0.95) == 3);
  CHECK(eval::percentile({5, 1, 4, 2, 3}, 0.5) == 3);  // the 3rd of 5: 2.5 rounded up
  CHECK(eval::percentile({4, 1, 3, 2}, 0.5) == 2);
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  CHECK(eval::percentile(values, 0.95) == 95);
  CHECK(eval::percentile(values, 0.5) == 50);
}

TEST_CASE("the module that is timed has no batch norm after its convolutions, and gives the net's scores") {
  for (const eval::NetSpec& spec : {support::plain_net(), support::small_instance("mobilenet_v2"), support::small_instance("resnet18")}) {
    INFO(spec.name);
    const eval::Net net = lively_net(spec);
    torch::jit::Module module = eval::frozen_module(net);
    const std::string graph = module.get_method("forward").graph()->toString();
    CHECK(graph.find("conv2d") != std::string::npos);
    CHECK(graph.find("batch_norm") == std::string::npos);
    const eval::Shape input = eval::output_shapes(spec).front();
    const torch::Tensor images = torch::rand({3, input.channels, input.height, input.width});
    const torch::Tensor expected = net.forward(images, /*training=*/false), found = module.forward({images}).toTensor();
    CHECK(support::relative_difference(found, expected) < 1e-4);
  }
}

TEST_CASE("a report has what was asked for") {
  const eval::NetSpec spec = support::plain_net();
  const eval::Net net = lively_net(spec);
  const eval::LatencyReport report = eval::measure_latency(net, {1, 3}, 0.3);  // thirty runs of microseconds, however busy the machine is
  REQUIRE(report.latencies.size() == 2);
  for (const eval::Latency& each : report.latencies) {
    CHECK(each.runs >= 30);
    CHECK(each.p50_ms > 0);
    CHECK(each.p95_ms >= each.p50_ms);
  }
  CHECK(report.latencies[0].batch == 1);
  CHECK(report.latencies[1].batch == 3);
  CHECK(report.latencies[0].peak_activation_bytes == 640 * 4);  // cost_test.cpp counts the 640
  CHECK(report.latencies[1].peak_activation_bytes == 640 * 4 * 3);

  const support::TemporaryDirectory directory;
  eval::write_torchscript(directory.path() / "archive.pt", spec, net.weights());
  CHECK(report.file_bytes == static_cast<std::int64_t>(std::filesystem::file_size(directory.path() / "archive.pt")));
}
