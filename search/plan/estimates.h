// What the stages of a task are taken to cost, in multiply-accumulates, and what cuts are taken to leave: for the order of stages and the
// time that is left, nothing else. Used by StageFactory and the strategies.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "eval/data/dataset.h"
#include "search/experiment/experiment.h"

namespace search {

/// Of one task's data. `macs`: of the net for one image.
class Estimates {
 public:
  explicit Estimates(const eval::DatasetInfo& info) : info_(info) {}

  /// Multiply-accumulates of a net that was not cut, for one image; computed once for each name and width.
  double macs(const NetRequest& net) const;

  double training(double epochs, double macs) const;
  double teaching(double epochs, double macs) const;  ///< by a net that only runs forward
  double scoring(double macs) const;
  double test(double macs) const;
  static double probe(int batch, double macs);
  static double latency_table(int batch, double macs);
  static double latency(const LatencyOptions& options, double macs);

  /// Images that are changed and passed.
  double robustness_images(const RobustnessOptions& options) const;

 private:
  const eval::DatasetInfo& info_;
  mutable std::map<std::pair<std::string, double>, double> macs_;  ///< by the net's name and width
};

/// The share of the base that a request is taken to leave of a net with the share `before`.
double kept_ratio(const prune::PruneRequest& request, double before);

}  // namespace search
