// What is compared over seeds: the nets of one task, base net, criterion and schedule, step by step.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "search/report/snapshot.h"

namespace search {

/// Seed, and fold or -1. Two nets are compared replicate by replicate: that of seed 1 with the other's of seed 1.
using Replicate = std::pair<int, int>;

struct Group {
  std::string task, net, role, criterion, schedule;
  double width = 1;
  std::vector<std::map<Replicate, int>> steps;   ///< the nets of each step, by replicate
  std::vector<std::map<Replicate, int>> tested;  ///< of these, the ones that the trial tests, and whose test accuracy is there
  std::set<Replicate> unfinished;                ///< whose trials' last step is not tested yet
};

/// In the order of the trials. A base stands as step 0 in each group that was cut from it.
std::vector<Group> groups_of(const Snapshot& run);

}  // namespace search
