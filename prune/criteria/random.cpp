#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"

namespace prune {

namespace {

class Random : public Criterion {
 public:
  Scoring score(const ScoringTask& task) const override {
    Scores scores;
    const std::uint64_t seed = task.lost == 0 ? task.seed : eval::mix_seed(task.seed, static_cast<std::uint64_t>(task.lost) << 32);
    std::uint64_t drawn = 0;
    for (const ChannelGroup& group : task.groups.groups) {
      std::vector<double>& units = scores.emplace_back();
      for (int i = 0; group.fixed.empty() && i < group.size; ++i)
        units.push_back(static_cast<double>(eval::mix_seed(seed, drawn++) >> 11) * 0x1p-53);
    }
    return {scores};
  }
};

}  // namespace

std::unique_ptr<Criterion> make_random(const storage::Json&) {
  return std::make_unique<Random>();
}

}  // namespace prune
