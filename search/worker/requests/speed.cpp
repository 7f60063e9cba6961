#include "eval/nets/layer_shape.h"
#include "search/worker/requests/requests.h"
#include "search/worker/training_rate.h"

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

}  // namespace search
