#include "eval/batches.h"
#include "eval/cost.h"
#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"

namespace prune {

using torch::Tensor;

namespace {

/// The share of places and images at which a channel is not 0: 1 less the average percentage of zeros (Hu et al. 2016, "Network trimming").
class ActiveShare : public Criterion {
 public:
  explicit ActiveShare(const storage::Json& options) : images_(options.at("images").get<std::int64_t>()) {}

  Scoring score(const ScoringTask& task) const override {
    torch::NoGradGuard no_grad;
    const std::vector<int> sites = scored_sites(task.net.spec(), task.groups);
    const std::vector<std::int64_t> images = eval::sample_images(*task.data, images_, task.seed);
    std::map<int, Tensor> sums;  // by site: over the images, of the share of places
    eval::for_each_batch(
        task.net, *task.data, task.normalisation, images,
        eval::images_that_fit(2 * eval::peak_activations(task.net.spec()), eval::statistics_batch),
        [&](const Tensor& pixels, const Tensor&) {
          std::map<int, Tensor> active;
          task.net.forward(pixels, /*training=*/false, [&](int layer, const Tensor& output) {
            if (std::binary_search(sites.begin(), sites.end(), layer))
              active[layer] = sum_over_locations(output.ne(0).to(torch::kFloat32)).sum(0).to(torch::kCPU, torch::kFloat64) /
                              static_cast<double>(output.numel() / output.size(0) / output.size(1));
            return output;
          });
          return active;
        },
        [&](const std::map<int, Tensor>& active) {
          for (const auto& [site, share] : active) sums[site] = sums.contains(site) ? sums[site] + share : share;
        });
    std::vector<LayerScores> scores;
    for (const auto& [site, sum] : sums) scores.push_back({site, sum / static_cast<double>(images.size())});
    return {.scores = combine(task, scores), .images = std::ssize(images)};
  }

 private:
  std::int64_t images_;
};

}  // namespace

std::unique_ptr<Criterion> make_apoz(const storage::Json& options) {
  return std::make_unique<ActiveShare>(options);
}

}  // namespace prune
