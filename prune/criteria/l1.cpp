#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"

namespace prune {

namespace {

/// Sums of absolute values in fp64, some filters at a time: in one piece the largest layers would need gigabytes.
torch::Tensor filter_norms(const torch::Tensor& filters) {
  const std::int64_t filters_at_once = std::max<std::int64_t>(1, (1 << 20) / std::max<std::int64_t>(1, filters[0].numel()));
  std::vector<torch::Tensor> norms;
  for (const torch::Tensor& some : filters.split(filters_at_once)) norms.push_back(some.flatten(1).to(torch::kFloat64).abs_().sum(1));
  return at::cat(norms);
}

class L1 : public Criterion {
 public:
  Scoring score(const ScoringTask& task) const override {
    std::map<int, torch::Tensor> by_layer;
    for (const ChannelGroup& group : task.groups.groups) {
      if (!group.fixed.empty()) continue;
      for (int producer : group.producers) {
        by_layer[producer] = filter_norms(task.net.weights().at(task.net.spec().layers[producer].name + ".weight"));
      }
    }
    return {combine(task, by_layer)};
  }
};

}  // namespace

std::unique_ptr<Criterion> make_l1(const storage::Json&) {
  return std::make_unique<L1>();
}

}  // namespace prune
