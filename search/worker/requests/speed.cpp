#include <algorithm>
#include <chrono>

#include "eval/nets/layer_shape.h"
#include "search/worker/requests/requests.h"
#include "search/worker/training_rate.h"
#include "storage/base/time.h"

namespace search {

Json measure_speed(const Json& request) {
  const eval::NetSpec spec = eval::net_spec_from_json(request.at("spec"));
  const eval::Shape shape = eval::output_shapes(spec).front();
  const int batch = request.at("batch").get<int>();
  eval::Net net(spec, eval::initial_weights(spec, 1));
  net.require_gradients(true);
  torch::manual_seed(1);
  const torch::Tensor images = torch::randn({batch, shape.channels, shape.height, shape.width}).contiguous(at::MemoryFormat::ChannelsLast);
  const torch::Tensor labels = torch::zeros({batch}, torch::kInt64);
  training_rate(net, images, labels, eval::Precision::fp32, 0);  // warms up
  return {{"images_per_s", training_rate(net, images, labels, eval::Precision::fp32, request.at("seconds").get<double>())}};
}

Json measure_matrices(const Json&) {
  constexpr std::int64_t size = 512;
  constexpr double operations = 2.0 * size * size * size;
  const torch::Tensor matrix = torch::ones({size, size}, torch::kCPU);
  double best = 0;
  for (int i = 0; i < 3; ++i) {  // the first one warms up
    const auto start = std::chrono::steady_clock::now();
    at::linear(matrix, matrix);
    best = std::max(best, operations / storage::seconds_since(start));
  }
  return {{"gflops", best / 1e9}};
}

}  // namespace search
