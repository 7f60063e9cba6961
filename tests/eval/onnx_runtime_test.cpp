// By themselves, as the test `onnxruntime`: they are skipped where the library is not found.
#include "eval/onnx_runtime.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "eval/formats/onnx.h"
#include "eval/latency.h"
#include "tests/support/difference.h"
#include "tests/support/throws.h"
#include "tests/support/tiny_nets.h"

namespace {

constexpr int skipped = 77;  // to CTest

void need_library() {
  if (!eval::onnx_runtime_version().empty()) return;
  fmt::print("skipped: no ONNX Runtime is found\n");
  std::exit(skipped);
}

}  // namespace

TEST_CASE("ONNX Runtime gives the net's scores, whatever the batch", "[onnxruntime]") {
  need_library();
  for (const eval::NetSpec& spec :
       {support::plain_net(), support::small_instance("mobilenet_v2"), support::small_instance("squeezenet1_1")}) {
    INFO(spec.name);
    const eval::Net net(spec, eval::initial_weights(spec, 1));
    const eval::Shape input = eval::output_shapes(spec).front();
    eval::OnnxSession session(eval::onnx_file(spec, net.weights()), eval::output_shapes(spec).back().channels, 1);
    for (const int batch : {3, 1}) {
      const torch::Tensor images = torch::rand({batch, input.channels, input.height, input.width});
      const torch::Tensor expected = net.forward(images, /*training=*/false), found = session.run(images);
      CHECK(support::relative_difference(found, expected) < 1e-4);
    }
  }
}

TEST_CASE("what ONNX Runtime refuses is told in its words", "[onnxruntime]") {
  need_library();
  CHECK_THAT(support::error_of([] { eval::OnnxSession("no model", 2, 1); }).what(), Catch::StartsWith("ONNX Runtime: "));
  const eval::NetSpec spec = support::plain_net();
  eval::OnnxSession session(eval::onnx_file(spec, eval::initial_weights(spec, 1)), 10, 1);
  CHECK_THAT(support::error_of([&] { session.run(torch::rand({1, 1, 3, 3})); }).what(), Catch::Contains("images"));
}

TEST_CASE("a report by ONNX Runtime says by which, and how large the file is", "[onnxruntime]") {
  need_library();
  const eval::NetSpec spec = support::plain_net();
  const eval::Net net(spec, eval::initial_weights(spec, 1));
  const eval::LatencyReport report = eval::measure_onnx_latency(net, {1, 2}, 0.1);
  CHECK(report.format == fmt::format("ONNX Runtime {}, fp32, CPU", eval::onnx_runtime_version()));
  CHECK(report.file_bytes == static_cast<std::int64_t>(eval::onnx_file(spec, net.weights()).size()));
  REQUIRE(report.latencies.size() == 2);
  CHECK(report.latencies[1].batch == 2);
  CHECK(report.latencies[0].p50_ms > 0);
}
