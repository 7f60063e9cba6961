#include <ATen/CPUGeneratorImpl.h>

#include "eval/attacks/members.h"

namespace eval {

namespace {

/// x_0 = x, or uniform in the box |x_0 - x| <= eps; x_{t+1} = P(x_t + step sign(grad_x J(x_t, y))), where P goes back into the box and
/// into [0, 1] (Madry et al. 2018, section 2.1, with the l_infinity ball).
class Pgd : public Attack {
 public:
  explicit Pgd(const storage::Json& options)
      : eps_(options.at("eps")),
        steps_(options.at("steps")),
        step_(options.value("step", 2.5 * eps_ / steps_)),
        random_start_(options.at("random_start")) {}

  torch::Tensor perturb(const PixelScores& scores, const AttackBatch& batch) const override {
    const torch::Tensor low = (batch.images - eps_).clamp(0, 1), high = (batch.images + eps_).clamp(0, 1);
    torch::Tensor images = random_start_ ? start(batch).clamp(low, high) : batch.images;
    for (int step = 0; step < steps_; ++step)
      images = (images + step_ * loss_gradient(scores, images, batch.labels).sign()).clamp(low, high);
    return images;
  }

 private:
  torch::Tensor start(const AttackBatch& batch) const {
    std::vector<torch::Tensor> moves;
    for (const std::uint64_t seed : batch.seeds)
      moves.push_back(torch::empty(batch.images[0].sizes()).uniform_(-eps_, eps_, at::make_generator<at::CPUGeneratorImpl>(seed)));
    return batch.images + at::stack(moves).to(batch.images.device());
  }

  double eps_;
  int steps_;
  double step_;
  bool random_start_;
};

}  // namespace

std::unique_ptr<Attack> make_pgd(const storage::Json& options) {
  return std::make_unique<Pgd>(options);
}

}  // namespace eval
