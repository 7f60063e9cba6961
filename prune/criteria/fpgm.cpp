#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"

namespace prune {

namespace {

/// The sum of the distances of a filter to the others of its layer: one near their geometric median can be replaced by them (He et al.
/// 2019, "Filter pruning via geometric median").
class GeometricMedian : public Criterion {
 public:
  Scoring score(const ScoringTask& task) const override {
    std::vector<LayerScores> scores;
    for (int producer : cut_producers(task.groups)) {
      const torch::Tensor filters = task.net.weights().at(task.net.spec().layers[producer].name + ".weight").flatten(1).contiguous();
      scores.push_back({producer, normalised_by_layer(at::cdist(filters, filters).to(torch::kFloat64).sum(1))});
    }
    return {combine(task, scores)};
  }
};

}  // namespace

std::unique_ptr<Criterion> make_fpgm(const storage::Json&) {
  return std::make_unique<GeometricMedian>();
}

}  // namespace prune
