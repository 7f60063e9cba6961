#include "prune/mixing.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "eval/data/loader.h"

namespace prune {

using torch::Tensor;

namespace {

double draw_share(double alpha, std::mt19937_64& random) {
  std::gamma_distribution<double> gamma(alpha);
  const double a = gamma(random), b = gamma(random);
  return a + b > 0 ? a / (a + b) : 1;
}

Tensor draw_partners(const Tensor& labels, std::mt19937_64& random) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(labels.size(0)));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int64_t>(i);
  const Tensor partners = torch::tensor(eval::shuffled(numbers, random()), torch::TensorOptions(torch::kInt64).device(torch::kCPU));
  return labels.is_cuda() ? partners.pin_memory().to(labels.device(), /*non_blocking=*/true) : partners;
}

/// First and last place of a span of about `length` around a centre that is drawn, as far as it lies within [0, size).
std::pair<std::int64_t, std::int64_t> draw_span(std::int64_t size, double length, std::mt19937_64& random) {
  const std::int64_t centre = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(size));
  const auto half = static_cast<std::int64_t>(length / 2);
  return {std::max<std::int64_t>(centre - half, 0), std::min(centre + half, size)};
}

}  // namespace

MixedBatch mix(const Tensor& images, const Tensor& labels, const TrainOptions& options, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const bool cuts = options.cutmix > 0 && (options.mixup == 0 || random() % 2 == 0);
  const double alpha = cuts ? options.cutmix : options.mixup;
  if (alpha == 0) return {images, labels, labels, 1};
  const double share = draw_share(alpha, random);
  const Tensor partners = draw_partners(labels, random), other = images.index_select(0, partners);
  const Tensor other_labels = labels.index_select(0, partners);
  if (!cuts) return {images * share + other * (1 - share), labels, other_labels, share};
  const std::int64_t height = images.size(2), width = images.size(3);
  const double side = std::sqrt(1 - share);
  const auto [top, bottom] = draw_span(height, side * static_cast<double>(height), random);
  const auto [left, right] = draw_span(width, side * static_cast<double>(width), random);
  Tensor cut = images.clone();
  cut.slice(2, top, bottom).slice(3, left, right).copy_(other.slice(2, top, bottom).slice(3, left, right));
  return {cut, labels, other_labels, 1 - static_cast<double>((bottom - top) * (right - left)) / static_cast<double>(height * width)};
}

}  // namespace prune
