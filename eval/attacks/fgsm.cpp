#include "eval/attacks/members.h"

namespace eval {

namespace {

/// x' = clip(x + eps sign(grad_x J(x, y))), J the cross entropy of the true class (Goodfellow, Shlens, Szegedy 2015, section 4).
class Fgsm : public Attack {
 public:
  explicit Fgsm(const storage::Json& options) : eps_(options.at("eps")) {}

  torch::Tensor perturb(const PixelScores& scores, const AttackBatch& batch) const override {
    return (batch.images + eps_ * loss_gradient(scores, batch.images, batch.labels).sign()).clamp(0, 1);
  }

 private:
  double eps_;
};

}  // namespace

std::unique_ptr<Attack> make_fgsm(const storage::Json& options) {
  return std::make_unique<Fgsm>(options);
}

}  // namespace eval
