#include "eval/accuracy.h"

#include <cmath>
#include <functional>
#include <limits>

#include "eval/batches.h"
#include "eval/cost.h"

namespace eval {
namespace {

constexpr int bins = 15;

struct Scored {
  torch::Tensor scores, labels;
};

void for_each_scored(const Net& net, const Dataset& data, const Normalisation& normalisation, std::span<const std::int64_t> images,
                     const std::function<void(const torch::Tensor& scores, const torch::Tensor& labels)>& take) {
  torch::NoGradGuard no_grad;
  for_each_batch(
      net, data, normalisation, images, images_that_fit(2 * peak_activations(net.spec()), evaluation_batch),
      [&](const torch::Tensor& pixels, const torch::Tensor& labels) {
        return Scored{net.forward(pixels, /*training=*/false), labels};
      },
      [&](const Scored& scored) { take(scored.scores, scored.labels); });
}

double count(const torch::Tensor& condition) {
  return condition.sum().item<double>();
}

/// Sums of Evaluation.
void add(Evaluation& sums, const torch::Tensor& scores, const torch::Tensor& labels) {
  sums.images += labels.size(0);
  sums.accuracy += count(scores.argmax(1) == labels);
  sums.loss += at::cross_entropy_loss(scores, labels, {}, at::Reduction::Sum).item<double>();
}

void divide(Evaluation& sums) {
  if (sums.images == 0) return;
  sums.accuracy /= static_cast<double>(sums.images);
  sums.loss /= static_cast<double>(sums.images);
}

/// Sums of Quality, batch by batch: memory does not grow with the images.
class QualitySums {
 public:
  explicit QualitySums(std::int64_t classes) : classes_(classes), pairs_(torch::zeros({classes * classes}, torch::kInt64)) {}

  void add(const torch::Tensor& scores, const torch::Tensor& labels) {
    eval::add(quality_, scores, labels);
    const auto [highest, predicted] = scores.softmax(1).max(1);
    const torch::Tensor confidence = highest.nan_to_num(0);
    const torch::Tensor best = std::get<1>(scores.topk(std::min<std::int64_t>(5, classes_), 1));
    quality_.top5 += count((best == labels.unsqueeze(1)).any(1));
    quality_.one_off += count((predicted - labels).abs() <= 1);
    pairs_ += torch::bincount((labels * classes_ + predicted).cpu(), {}, classes_ * classes_);
    const torch::Tensor bin = (confidence * bins).ceil().sub(1).clamp(0, bins - 1).to(torch::kInt64).cpu();
    confidence_in_bin_ += torch::bincount(bin, confidence.to(torch::kFloat64).cpu(), bins);
    correct_in_bin_ += torch::bincount(bin, (predicted == labels).to(torch::kFloat64).cpu(), bins);
  }

  Quality result() && {
    divide(quality_);
    const double images = static_cast<double>(std::max<std::int64_t>(quality_.images, 1));
    quality_.top5 /= images;
    quality_.one_off /= images;
    quality_.calibration_error = count((confidence_in_bin_ - correct_in_bin_).abs()) / images;
    take_confusion();
    return std::move(quality_);
  }

 private:
  void take_confusion() {
    const std::int64_t* pair = pairs_.data_ptr<std::int64_t>();
    double recalls = 0, with_images = 0;
    for (std::int64_t truth = 0; truth < classes_; ++truth) {
      std::int64_t total = 0;
      for (std::int64_t predicted = 0; predicted < classes_; ++predicted) {
        const std::int64_t images = pair[truth * classes_ + predicted];
        total += images;
        if (images > 0) quality_.confusion.push_back({static_cast<int>(truth), static_cast<int>(predicted), images});
      }
      const double recall = total == 0 ? std::numeric_limits<double>::quiet_NaN()
                                       : static_cast<double>(pair[truth * classes_ + truth]) / static_cast<double>(total);
      quality_.recall.push_back(recall);
      if (total > 0) {
        recalls += recall;
        ++with_images;
      }
    }
    quality_.balanced_accuracy = with_images > 0 ? recalls / with_images : 0;
  }

  std::int64_t classes_;
  Quality quality_;
  torch::Tensor pairs_;
  torch::Tensor confidence_in_bin_ = torch::zeros({bins}, torch::kFloat64), correct_in_bin_ = torch::zeros({bins}, torch::kFloat64);
};

}  // namespace

Evaluation evaluate(const Net& net, const Dataset& data, const Normalisation& normalisation, std::span<const std::int64_t> images) {
  Evaluation result;
  for_each_scored(net, data, normalisation, images,
                  [&](const torch::Tensor& scores, const torch::Tensor& labels) { add(result, scores, labels); });
  divide(result);
  return result;
}

Quality measure_quality(const Net& net, const Dataset& data, const Normalisation& normalisation, std::span<const std::int64_t> images) {
  QualitySums sums(std::ssize(data.class_names()));
  for_each_scored(net, data, normalisation, images,
                  [&](const torch::Tensor& scores, const torch::Tensor& labels) { sums.add(scores, labels); });
  return std::move(sums).result();
}

Quality quality_of(const torch::Tensor& scores, const torch::Tensor& labels) {
  QualitySums sums(scores.size(1));
  sums.add(scores, labels);
  return std::move(sums).result();
}

}  // namespace eval
