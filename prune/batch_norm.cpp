#include "prune/batch_norm.h"

namespace prune {

using torch::Tensor;

void recalibrate_batch_norm(eval::Net& net, const eval::Dataset& data, const eval::Normalisation& normalisation,
                            const std::vector<std::int64_t>& images) {
  torch::NoGradGuard no_grad;
  std::vector<Tensor> statistics, sums;
  for (const auto& [name, tensor] : net.weights()) {
    if (name.find(".running_") == std::string::npos) continue;
    statistics.push_back(tensor);
    sums.push_back(torch::zeros_like(tensor));
  }
  if (statistics.empty()) return;
  // A training pass moves a running statistic a tenth of the way to the batch's own. From 0, ten times the result is the batch's own.
  eval::BatchLoader loader(data, normalisation, images, {.batch = 125, .drop_last = true});
  const auto batches = static_cast<double>(loader.batches());
  while (const std::optional<eval::Batch> batch = loader.next()) {
    for (Tensor& statistic : statistics) statistic.zero_();
    net.forward(batch->images.to(net.device()), /*training=*/true);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i].add_(statistics[i], 10 / batches);
  }
  for (std::size_t i = 0; i < sums.size(); ++i) statistics[i].copy_(sums[i]);
}

}  // namespace prune
