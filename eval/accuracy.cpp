#include "eval/accuracy.h"

namespace eval {

Evaluation evaluate(const Net& net, const Dataset& data, const Normalisation& normalisation, std::span<const std::int64_t> images) {
  torch::NoGradGuard no_grad;
  BatchLoader loader(data, normalisation, {images.begin(), images.end()}, {.batch = 250});
  Evaluation result;
  while (const std::optional<Batch> batch = loader.next()) {
    const torch::Tensor labels = batch->labels.to(net.device());
    const torch::Tensor scores = net.forward(batch->images.to(net.device()), /*training=*/false);
    result.images += labels.size(0);
    result.accuracy += (scores.argmax(1) == labels).sum().item<double>();
    result.loss += at::cross_entropy_loss(scores, labels, {}, at::Reduction::Sum).item<double>();
  }
  if (result.images > 0) {
    result.accuracy /= static_cast<double>(result.images);
    result.loss /= static_cast<double>(result.images);
  }
  return result;
}

}  // namespace eval
