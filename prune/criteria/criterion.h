// A criterion scores channels: the higher, the more the task needs them. One file a criterion in this folder; registry.cpp lists them.
#pragma once

#include <memory>
#include <string>

#include "eval/data/loader.h"
#include "eval/nets/net.h"
#include "prune/allocation.h"

namespace prune {

/// What a criterion may look at. It must not look at test data.
struct ScoringTask {
  const eval::Net& net;
  const ChannelGroups& groups;
  const eval::Dataset* data = nullptr;  ///< may be null where the catalog says that the criterion needs none
  eval::Normalisation normalisation = {};
  std::uint64_t seed = 1;
  Combination combination = Combination::mean;
  std::int64_t lost = 0;  ///< units that cuts before took, so that what is drawn for a net is not drawn again for what is left of it
};

struct Scoring {
  Scores scores;
  std::vector<Spread> spreads = {};  ///< by group, where the criterion has utility maps (allocation.h); else empty
  storage::Json details = {};        ///< what the criterion found on the way, for `show` and `score`; null where nothing
  std::int64_t images = 0;           ///< training images whose scatter or gradients were taken; 0 where the weights alone say it
};

class Criterion {
 public:
  virtual ~Criterion() = default;
  virtual Scoring score(const ScoringTask& task) const = 0;
};

/// `options` as checked against the catalog. Throws storage::Error(invalid) for an unknown name.
std::unique_ptr<Criterion> make_criterion(const std::string& name, const storage::Json& options);

}  // namespace prune
