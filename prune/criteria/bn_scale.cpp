#include <fmt/format.h>

#include <algorithm>

#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"
#include "storage/base/error.h"

namespace prune {

namespace {

/// |gamma| of the batch norm behind a filter (Liu et al. 2017, "Network slimming"), ranked over all layers. Best where the base was trained
/// with `bn_l1`, which pushes the scales of what is not needed towards 0. Of tied layers (a gate and its map) one with batch norm is
/// enough.
class BatchNormScale : public Criterion {
 public:
  Scoring score(const ScoringTask& task) const override {
    const eval::NetSpec& spec = task.net.spec();
    const std::vector<std::vector<int>> readers = eval::consumers(spec);
    const auto norm_of = [&](int producer) { return eval::own_batch_norm(spec, readers, producer); };
    for (const ChannelGroup& group : task.groups.groups) {
      const bool has_norm =
          std::any_of(group.producers.begin(), group.producers.end(), [&](int producer) { return norm_of(producer) >= 0; });
      const std::string& name = spec.layers[group.producers.front()].name;
      if (group.fixed.empty() && !has_norm)
        throw storage::Error(storage::ErrorKind::invalid,
                             fmt::format("criterion bn_scale reads the batch norm behind a layer, and {} of {} has none; valid: to protect "
                                         "such layers (protect: [{}]), or another criterion",
                                         name, spec.name, name));
    }
    std::vector<LayerScores> scores;
    for (int producer : cut_producers(task.groups))
      if (const int norm = norm_of(producer); norm >= 0)
        scores.push_back({producer, task.net.weights().at(spec.layers[norm].name + ".weight").abs()});
    return {combine(task, scores)};
  }
};

}  // namespace

std::unique_ptr<Criterion> make_bn_scale(const storage::Json&) {
  return std::make_unique<BatchNormScale>();
}

}  // namespace prune
