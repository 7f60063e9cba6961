#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"

namespace prune {

using torch::Tensor;

namespace {

/// Sums over images of one site: the effect A = sum over locations of g * a, the gradient G = sum over locations of g, and the activation
/// itself. With the channel's mean m known only at the end, sum (A - m G)^2 = sum A^2 - 2 m sum A G + m^2 sum G^2.
struct Moments {
  Tensor aa, ag, gg, activation;  ///< [C] each, fp64
  double values = 0;              ///< activations summed a channel
};

/// The effect of a channel on Wilks' lambda of the pre-decision layer: the covariances are kept and the trace is the true backward pass.
/// J = logdet(R + B) - logdet(R) falls by |A' dh|^2 when a firing moves by dh; A' h, times random signs, is backpropagated to every
/// activation.
class LdaWilks : public Criterion {
 public:
  explicit LdaWilks(const storage::Json& options)
      : images_(options.at("images") == 0 ? 2000 : options.at("images").get<std::int64_t>()),
        ridge_(options.at("ridge").get<double>()),
        traced_(options.at("traced").get<double>()) {}

  Scoring score(const ScoringTask& task) const override {
    std::vector<std::int64_t> images = eval::sample_images(*task.data, images_, task.seed);
    const int top = pre_decision_layer(task.net.spec());
    const Scatter scatter = measure_scatter(task, images);
    const Tensor projection = wilks_projection(scatter, ridge_).to(task.net.device(), torch::kFloat32);  // [d, r]

    const std::int64_t scored = std::ssize(images);
    images.resize(static_cast<std::size_t>(std::ceil(traced_ * static_cast<double>(scored))));
    at::Generator signs = at::make_generator<at::CPUGeneratorImpl>(eval::mix_seed(task.seed, 1));
    const auto objective = [&](const Tensor& output, const Tensor&) {
      const Tensor displaced = pre_decision_firings(output).matmul(projection);  // [N, r]
      const Tensor sign = torch::randint(0, 2, displaced.sizes(), signs, torch::kFloat32) * 2 - 1;
      return (displaced * sign.to(displaced.device())).sum();
    };
    std::map<int, Moments> moments;
    visit_gradients(task, images, scored_sites(task.net.spec(), task.groups), top, objective,
                    [&](int site, const Tensor& a, const Tensor& g) { add(moments[site], a, g); });
    std::vector<LayerScores> utilities;
    for (const auto& [site, m] : moments) {
      const Tensor mean = m.activation / m.values;
      const Tensor squares = (m.aa - 2 * mean * m.ag + mean.square() * m.gg).clamp_min(0);
      utilities.push_back({site, normalised_by_layer((squares / static_cast<double>(images.size())).sqrt())});
    }
    return {
        .scores = combine(task, utilities), .details = pre_decision_details(task, scatter, fisher_utility(scatter), {}), .images = scored};
  }

 private:
  static void add(Moments& m, const Tensor& a, const Tensor& g) {
    const auto sum = [](Tensor& total, const Tensor& more) { total = total.defined() ? total + more : more; };
    const Tensor effect = sum_over_locations(a * g).to(torch::kFloat64), gradient = sum_over_locations(g).to(torch::kFloat64);  // [N, C]
    sum(m.aa, effect.square().sum(0).cpu());
    sum(m.ag, (effect * gradient).sum(0).cpu());
    sum(m.gg, gradient.square().sum(0).cpu());
    sum(m.activation, sum_over_locations(a).to(torch::kFloat64).sum(0).cpu());
    m.values += static_cast<double>(a.numel() / a.size(1));
  }

  std::int64_t images_;
  double ridge_, traced_;
};

}  // namespace

std::unique_ptr<Criterion> make_lda_wilks(const storage::Json& options) {
  return std::make_unique<LdaWilks>(options);
}

}  // namespace prune
