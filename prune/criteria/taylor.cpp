#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"

namespace prune {

using torch::Tensor;

namespace {

/// Sums over the images of what `effect` makes of (sum over locations of activation * gradient of the loss), [N, C] -> [N, C]; [C] by site.
std::map<int, Tensor> summed_effects(const ScoringTask& task, const std::vector<std::int64_t>& images, Tensor (*effect)(const Tensor&)) {
  std::map<int, Tensor> sums;
  const auto loss = [](const Tensor& output, const Tensor& labels) {
    return at::cross_entropy_loss(output, labels, {}, at::Reduction::Sum);
  };
  const auto add = [&](int site, const Tensor& activation, const Tensor& gradient) {
    const Tensor more = effect(sum_over_locations(activation * gradient)).sum(0).to(torch::kFloat64);
    Tensor& sum = sums[site];
    sum = sum.defined() ? sum + more : more;
  };
  const eval::NetSpec& spec = task.net.spec();
  visit_gradients(task, images, scored_sites(spec, task.groups), static_cast<int>(spec.layers.size()) - 1, loss, add);
  return sums;
}

/// |effect|, averaged over images, normalised by layer (Molchanov et al. 2017, equations 8 and 9).
class Taylor : public Criterion {
 public:
  explicit Taylor(const storage::Json& options) : images_(options.at("images").get<std::int64_t>()) {}

  Scoring score(const ScoringTask& task) const override {
    const std::vector<std::int64_t> images = eval::sample_images(*task.data, images_, task.seed);
    std::vector<LayerScores> scores;
    for (const auto& [site, sum] : summed_effects(task, images, [](const Tensor& effect) { return effect.abs(); }))
      scores.push_back({site, normalised_by_layer(sum)});
    return {.scores = combine(task, scores), .images = std::ssize(images)};
  }

 private:
  std::int64_t images_;
};

/// Half of the mean square of the effect: the rise of the loss by the diagonal of the Fisher information (Theis et al. 2018, "Faster gaze
/// prediction with dense networks and Fisher pruning"; Liu et al. 2021), ranked over all layers. Tied channels: their effects are taken for
/// independent, so that `combine: sum` is the rise when all go; the default, the mean, divides that by their number.
class Fisher : public Criterion {
 public:
  explicit Fisher(const storage::Json& options) : images_(options.at("images").get<std::int64_t>()) {}

  Scoring score(const ScoringTask& task) const override {
    const std::vector<std::int64_t> images = eval::sample_images(*task.data, images_, task.seed);
    const auto count = static_cast<double>(images.size());
    std::vector<LayerScores> scores;
    for (const auto& [site, sum] : summed_effects(task, images, [](const Tensor& effect) { return effect.square(); }))
      scores.push_back({site, sum / (2 * count)});
    return {.scores = combine(task, scores), .images = std::ssize(images)};
  }

 private:
  std::int64_t images_;
};

}  // namespace

std::unique_ptr<Criterion> make_taylor(const storage::Json& options) {
  return std::make_unique<Taylor>(options);
}

std::unique_ptr<Criterion> make_fisher(const storage::Json& options) {
  return std::make_unique<Fisher>(options);
}

}  // namespace prune
