#include <limits>

#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"

namespace prune {

using torch::Tensor;

namespace {

/// The squared norm of a filter over the sum of those of its layer that are no smaller (Lee et al. 2021, "Layer-adaptive sparsity for the
/// magnitude-based pruning", of single weights; here of filters): the largest of every layer has 1, so layers can be ranked together.
class Lamp : public Criterion {
 public:
  Scoring score(const ScoringTask& task) const override {
    std::vector<LayerScores> scores;
    for (int producer : cut_producers(task.groups)) {
      const Tensor filters = task.net.weights().at(task.net.spec().layers[producer].name + ".weight").flatten(1);
      const Tensor squares = filters.norm(2, 1).to(torch::kFloat64).square();
      const auto [descending, order] = squares.sort(/*stable=*/true, /*dim=*/0, /*descending=*/true);
      const Tensor shares = descending / descending.cumsum(0).clamp_min(std::numeric_limits<double>::min());
      scores.push_back({producer, torch::zeros_like(shares).scatter(0, order, shares)});
    }
    return {combine(task, scores)};
  }
};

}  // namespace

std::unique_ptr<Criterion> make_lamp(const storage::Json&) {
  return std::make_unique<Lamp>();
}

}  // namespace prune
