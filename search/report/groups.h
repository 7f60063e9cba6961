// What is compared over seeds: the nets of one task, base net, criterion and schedule, step by step.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "eval/statistics.h"
#include "search/report/snapshot.h"

namespace search {

/// Seed, and fold or -1. Two nets are compared replicate by replicate: that of seed 1 with the other's of seed 1.
using Replicate = std::pair<int, int>;

struct Group {
  std::string task, net, role, criterion;
  std::string schedule;  ///< where a search of its own for each seed came to the nets, with the seed: "pareto-7 of seed 2"
  double width = 1;
  std::vector<std::map<Replicate, int>> steps;   ///< the nets of each step, by replicate
  std::vector<std::map<Replicate, int>> tested;  ///< of these, the ones that the trial tests, and whose test accuracy is there
  std::set<Replicate> unfinished;                ///< whose trials' last step is not tested yet
  std::vector<std::size_t> trials;               ///< indices into those of the run
};

/// In the order of the trials, without those of settings that were changed since. A base stands as step 0 in each group that was cut from
/// it.
std::vector<Group> groups_of(const Snapshot& run);

/// Tested nets of a group that are one answer over the seeds: those of a step, or of a search that ends after as many cuts as each seed
/// takes, what it ended with.
struct Way {
  const Group* group;
  std::optional<std::size_t> step;  ///< none: each net's own
  std::map<Replicate, int> nets;

  bool is_base() const { return group->role == "pruned" && step == 0; }
  bool is_cut() const { return group->role == "pruned" && step != 0; }
};

/// In the order of the groups, which are borrowed; each base once.
std::vector<Way> ways_of(const std::vector<Group>& groups);

/// The base net that a group was cut from or that a control is made narrow from; of any other baseline "".
std::string base_net(const Group& group);

/// In the order of the trials, each once.
std::vector<std::string> tasks_of(const Snapshot& run);

/// How much more of the test images one way's nets get right than another's, in the replicates that both have.
struct Lead {
  eval::PairedDifference difference;
  double other = 0;  ///< the mean of the other's accuracies there
};

/// Nets that were tested, by replicate. None where the two share no replicate.
std::optional<Lead> lead_of(const std::map<Replicate, const StoredNet*>& one, const std::map<Replicate, const StoredNet*>& other);

}  // namespace search
