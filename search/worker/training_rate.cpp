#include "search/worker/training_rate.h"

#include <chrono>

#include "storage/base/time.h"

namespace search {

double training_rate(const eval::Net& net, const torch::Tensor& images, const torch::Tensor& labels, eval::Precision precision,
                     double seconds) {
  std::int64_t done = 0;
  const auto start = std::chrono::steady_clock::now();
  double elapsed = 0;
  while (elapsed < seconds) {
    for (torch::Tensor& parameter : net.parameters()) parameter.mutable_grad().reset();
    torch::Tensor scores;
    {
      const eval::PrecisionScope scope(precision, net.device());
      scores = net.forward(images, /*training=*/true);
    }
    const torch::Tensor loss = at::cross_entropy_loss(scores.to(torch::kFloat32), labels);
    loss.backward();
    loss.item<float>();  // waits for a GPU
    done += images.size(0);
    elapsed = storage::seconds_since(start);
  }
  return static_cast<double>(done) / elapsed;
}

}  // namespace search
