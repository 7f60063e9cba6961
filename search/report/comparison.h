// Who beats whom: differences over the seeds that two methods share, with intervals, corrected for their number. Printed by `nas-run
// compare` and shown by the report.
#pragma once

#include <string>
#include <vector>

#include "eval/statistics.h"
#include "search/report/measured_nets.h"

namespace search {

/// Two methods over the seeds (and folds) that both have. The accuracy is of test data; what is compared was chosen on validation data.
struct Comparison {
  enum class Family {
    criteria,  ///< two criteria after the last cut of one schedule
    baselines  ///< a criterion's cut nets, of all schedules, against a net that was trained from scratch
  };
  enum class Measure {
    accuracy,  ///< difference of the test accuracies, shares of 1
    macs       ///< logarithm of the ratio of the multiply-accumulates; without an interval, p by the sign test
  };
  enum class Verdict {
    one,        ///< better, at no larger size (or accuracy)
    other,      ///< likewise
    undecided,  ///< the data do not say
    unequal     ///< of two criteria the more accurate one's net is larger
  };

  Family family = Family::criteria;
  Measure measure = Measure::accuracy;
  std::string task, net;
  std::string budget;  ///< "gradual", "MACs of squeezenet1_1", "accuracy of ...": what the two have in common
  std::string one, other;
  eval::PairedDifference difference;        ///< one - other, with its own p
  int unmatched = 0;                        ///< seeds in which all of `one` is measured, and no cut fits the budget
  int smaller = 0;                          ///< of measure macs: seeds in which `one` is smaller, less those in which it is not
  double p = 1;                             ///< corrected for the comparisons of the family (Holm)
  double params_ratio = 1, macs_ratio = 1;  ///< one / other, geometric means
  Verdict verdict = Verdict::undecided;     ///< at p <= kSignificance
};

constexpr double kSignificance = 0.05;

/// All pairs of criteria, and of every criterion with every baseline the most accurate cut net (on validation data) of at most its
/// multiply-accumulates, of at most its parameters, and the smallest of at least its validation accuracy. `against`: only pairs with this
/// criterion or baseline (also by its net as trials have it), "" for all. Pairs that share no seed are left out, but where a criterion was
/// cut and none of its nets is as accurate as the baseline. Throws storage::Error(usage) where nothing is called `against`.
std::vector<Comparison> compare(const std::vector<ComparisonGroup>& groups, const std::string& against);

/// An array: {"family", "measure", "task", "net", "budget", "one", "other", "n", "unmatched", "difference" (points of accuracy, or the
/// ratio one / other), "low", "high" (null with one seed, without a spread, and of ratios), "p", "p_corrected", "params_ratio",
/// "macs_ratio", "verdict"}. Differences and ratios are null where n is 0.
storage::Json to_json(const std::vector<Comparison>& comparisons);

}  // namespace search
