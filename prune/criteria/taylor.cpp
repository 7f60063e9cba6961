#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"

namespace prune {

namespace {

/// |sum over locations of activation * gradient of the loss|, averaged over images, normalised by layer (Molchanov et al. 2017, equations 8
/// and 9).
class Taylor : public Criterion {
 public:
  explicit Taylor(const storage::Json& options) : images_(options.at("images").get<std::int64_t>()) {}

  Scoring score(const ScoringTask& task) const override {
    std::map<int, torch::Tensor> sums;
    const auto loss = [](const torch::Tensor& output, const torch::Tensor& labels) {
      return at::cross_entropy_loss(output, labels, {}, at::Reduction::Sum);
    };
    const auto add = [&](int site, const torch::Tensor& activation, const torch::Tensor& gradient) {
      const torch::Tensor effect = sum_over_locations(activation * gradient).abs().sum(0).to(torch::kFloat64);
      torch::Tensor& sum = sums[site];
      sum = sum.defined() ? sum + effect : effect;
    };
    const eval::NetSpec& spec = task.net.spec();
    visit_gradients(task, eval::sample_images(*task.data, images_, task.seed), scored_sites(spec, task.groups),
                    static_cast<int>(spec.layers.size()) - 1, loss, add);
    for (auto& [site, sum] : sums) sum = normalised_by_layer(sum);
    return {combine(task, sums)};
  }

 private:
  std::int64_t images_;
};

}  // namespace

std::unique_ptr<Criterion> make_taylor(const storage::Json& options) {
  return std::make_unique<Taylor>(options);
}

}  // namespace prune
