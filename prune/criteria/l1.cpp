#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"

namespace prune {

namespace {

class L1 : public Criterion {
 public:
  Scoring score(const ScoringTask& task) const override {
    std::map<int, torch::Tensor> by_layer;
    for (const ChannelGroup& group : task.groups.groups) {
      if (!group.fixed.empty()) continue;
      for (int producer : group.producers) {
        const torch::Tensor& filters = task.net.weights().at(task.net.spec().layers[producer].name + ".weight");
        by_layer[producer] = filters.flatten(1).to(torch::kFloat64).abs().sum(1);
      }
    }
    return {combine(task, by_layer), {}};
  }
};

}  // namespace

std::unique_ptr<Criterion> make_l1(const storage::Json&) { return std::make_unique<L1>(); }

}  // namespace prune
