#include "eval/attacks/members.h"

namespace eval {

namespace {

/// Newton's method on the probability F of the class l that the net predicts for the image x_0 (Jang, Wu, Jha 2017, algorithm 1):
///   delta = min(eta ||x_0|| ||grad F(x)||, F(x) - 1 / K),  x <- x - delta grad F(x) / ||grad F(x)||^2,
/// so that a step is at most eta ||x_0|| long and aims no further than at the probability of chance. An image is left alone once another
/// class is predicted, or where the gradient is zero.
class NewtonFool : public Attack {
 public:
  explicit NewtonFool(const storage::Json& options) : eta_(options.at("eta")), steps_(options.at("steps")) {}

  torch::Tensor perturb(const PixelScores& scores, const AttackBatch& batch) const override {
    torch::Tensor result = batch.images.clone(), images = batch.images, lengths = images.flatten(1).norm(2, 1), classes;
    torch::Tensor open = torch::arange(images.size(0), batch.labels.options());  // images that still have their class
    for (int step = 0; step < steps_ && open.numel() > 0; ++step) {
      torch::Tensor probability, predicted, chance;
      const torch::Tensor gradient = image_gradient(images, [&](const torch::Tensor& leaf) {
        const torch::Tensor all = scores(leaf).softmax(1);
        predicted = all.argmax(1);
        if (!classes.defined()) classes = predicted;
        probability = all.gather(1, classes.unsqueeze(1)).squeeze(1);
        chance = torch::full_like(probability, 1.0 / static_cast<double>(all.size(1)));
        return probability;
      });
      const torch::Tensor slope = gradient.flatten(1).norm(2, 1);
      const torch::Tensor left = ((predicted == classes) & (slope > 0)).nonzero().squeeze(1);
      const torch::Tensor delta = at::minimum(eta_ * lengths * slope, probability.detach() - chance);
      const torch::Tensor moved = (images - gradient * (delta / slope.square()).view({-1, 1, 1, 1})).clamp(0, 1);
      for (torch::Tensor* each : {&open, &classes, &lengths}) *each = each->index_select(0, left);
      images = moved.index_select(0, left);
      result.index_copy_(0, open, images);
    }
    return result;
  }

 private:
  double eta_;
  int steps_;
};

}  // namespace

std::unique_ptr<Attack> make_newtonfool(const storage::Json& options) {
  return std::make_unique<NewtonFool>(options);
}

}  // namespace eval
