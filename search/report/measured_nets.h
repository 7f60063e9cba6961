// The nets that were measured, put together for comparing: by task and base net, of each its bases, its cut nets and its baselines, seed by
// seed. Used by the summary and the comparison.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "search/report/groups.h"

namespace search {

constexpr double kSameSize = 1.05;  ///< sizes of a ratio below this count as equal: channels are whole

/// One trained net of one seed, measured.
struct MeasuredNet {
  int step = 0;  ///< 0: a base or a baseline
  double accuracy_val = 0, accuracy_test = 0, params = 0, macs = 0;

  /// `of`: "params" or "macs".
  double size(const std::string& of) const { return of == "params" ? params : macs; }
};

using NetOfReplicate = std::map<Replicate, MeasuredNet>;

/// The cuts of a criterion by a schedule, or the one net of a baseline.
struct Series {
  std::string name;                 ///< "gradual / lda-wilks", "squeezenet1_1", "narrow (width 0.31)"
  std::string criterion, schedule;  ///< empty of a baseline
  std::string control;              ///< a baseline's net as trials have it: "squeezenet1_1", "narrow-vgg16_bn"; empty of cut nets
  std::map<Replicate, std::vector<MeasuredNet>> nets;
  std::set<Replicate> unfinished;  ///< whose last cut is not measured: what they have is of a larger budget
};

/// A task and a base net, with all that is compared to it.
struct ComparisonGroup {
  std::string task, net;
  NetOfReplicate bases;
  std::vector<Series> searched, baselines;  ///< in the order of the trials
};

/// "squeezenet1_1", "narrow, pretrained (width 0.31)", "scratch (gradual 2 / lda-wilks)": a baseline's line.
std::string baseline_line(const Group& baseline);

/// Nets that lack an accuracy are left out. Baselines that belong to no base net stand under each of their task.
std::vector<ComparisonGroup> measured_nets(const Snapshot& run);

}  // namespace search
