#include "eval/batches.h"
#include "eval/cost.h"
#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"

namespace prune {

using torch::Tensor;

namespace {

/// Most images of a minibatch. It is part of what the score means: each minibatch's gradient is squared, so of larger ones less noise
/// counts.
constexpr int minibatch = 32;

/// The sum over a filter's weights of (gradient * weight)^2, averaged over minibatches (Molchanov et al. 2019, "Importance estimation
/// for neural network pruning", equation 8), ranked over all layers.
class TaylorWeight : public Criterion {
 public:
  explicit TaylorWeight(const storage::Json& options) : images_(options.at("images").get<std::int64_t>()) {}

  Scoring score(const ScoringTask& task) const override {
    const std::vector<eval::Layer>& layers = task.net.spec().layers;
    const std::vector<int> producers = cut_producers(task.groups);
    if (producers.empty()) return {combine(task, {})};
    eval::Net net(task.net.spec(), task.net.weights(), task.net.device());  // the same weights, with gradients
    net.require_gradients(true);
    std::vector<Tensor> weights;
    for (int producer : producers) weights.push_back(net.weights().at(layers[producer].name + ".weight"));

    const std::vector<std::int64_t> images = eval::sample_images(*task.data, images_, task.seed);
    std::vector<Tensor> sums(producers.size());
    double batches = 0;
    eval::for_each_batch(
        net, *task.data, task.normalisation, images, eval::images_that_fit(2 * eval::all_activations(net.spec()), minibatch),
        [&](const Tensor& pixels, const Tensor& labels) {
          return torch::autograd::grad({at::cross_entropy_loss(net.forward(pixels, /*training=*/false), labels)}, weights);
        },
        [&](std::vector<Tensor> gradients) {
          torch::NoGradGuard no_grad;
          ++batches;
          for (std::size_t i = 0; i < weights.size(); ++i) {  // in place: of VGG16 one layer's product has 411 MB
            const Tensor squares = gradients[i].mul_(weights[i]).square_().flatten(1).sum(1).to(torch::kCPU, torch::kFloat64);
            gradients[i] = Tensor();
            sums[i] = sums[i].defined() ? sums[i] + squares : squares;
          }
        });
    std::vector<LayerScores> scores;
    for (std::size_t i = 0; i < producers.size(); ++i) scores.push_back({producers[i], sums[i] / batches});
    return {.scores = combine(task, scores), .images = std::ssize(images)};
  }

 private:
  std::int64_t images_;
};

}  // namespace

std::unique_ptr<Criterion> make_taylor_weight(const storage::Json& options) {
  return std::make_unique<TaylorWeight>(options);
}

}  // namespace prune
