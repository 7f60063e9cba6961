// One pass over images in batches that fit the memory: what scoring, evaluation and re-estimation share.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "eval/data/loader.h"
#include "eval/nets/net.h"
#include "eval/precision.h"

namespace eval {

/// Bytes that the activations of a batch may take.
inline constexpr std::int64_t activation_memory = 500'000'000;

/// Most images of a batch by which channels are scored, batch norm is settled or a refit is weighted: it divides the 2,000 images that most
/// criteria take, so that no small batch is left over. Stored results depend on it: batch norm's statistics, the draws of fisher_weights
/// and the last digits of sums.
inline constexpr int statistics_batch = 125;
/// Most images of a batch that is evaluated, of which nothing but the class scores is kept. The last digits of stored losses depend on it.
inline constexpr int evaluation_batch = 250;

/// Images of which the activations fit, at `values` floats an image: at least 1 and at most `most`.
inline int images_that_fit(std::int64_t values, int most) {
  const std::int64_t fit = activation_memory / (std::max<std::int64_t>(values, 1) * std::int64_t{sizeof(float)});
  return static_cast<int>(std::clamp<std::int64_t>(fit, 1, most));
}

/// take(compute(images, labels)) for the images in their order, `batch` at a time, both on the net's device. Where the device has no memory
/// left for a batch, it and those after it are computed in halves; so `compute` must leave nothing behind when it throws.
template <typename Compute, typename Take>
void for_each_batch(const Net& net, const Dataset& data, const Normalisation& normalisation, std::span<const std::int64_t> images,
                    int batch, const Compute& compute, const Take& take) {
  BatchLoader loader(data, normalisation, {images.begin(), images.end()}, {.batch = batch, .device = net.device()});
  std::int64_t most = batch;
  while (const std::optional<Batch> next = loader.next()) {
    for (std::int64_t first = 0; first < next->images.size(0);) {
      const std::int64_t count = std::min(most, next->images.size(0) - first);
      using Result = std::invoke_result_t<Compute, const torch::Tensor&, const torch::Tensor&>;
      std::optional<Result> result;
      try {
        result.emplace(compute(next->images.narrow(0, first, count), next->labels.narrow(0, first, count)));
      } catch (const std::exception& error) {
        if (!is_out_of_memory(error) || count == 1) throw;
        most = (count + 1) / 2;
        continue;
      }
      take(*std::move(result));
      first += count;
    }
  }
}

}  // namespace eval
