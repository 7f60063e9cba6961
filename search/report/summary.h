// The summary of a run: per task a table of the base, every schedule x criterion, the baselines and the narrow control.
// Printed by `nas-run run` at its end and by the commands that compare.
#pragma once

#include <string>
#include <vector>

#include "eval/statistics.h"
#include "search/report/snapshot.h"

namespace search {

/// Means over seeds of one line of the table.
struct SummaryRow {
  std::string task, net;        ///< the base net that the line belongs to
  std::string what;             ///< "base", "gradual / lda-wilks, last" (or best, smallest), "squeezenet1_1", "narrow (width 0.31)"
  int seeds = 0;                ///< seeds, or folds of seeds, that the means are taken over; 0: no net of any seed is good enough
  int of_seeds = 0;             ///< seeds, or folds of seeds, whose base is measured
  double accuracy_val = 0;      ///< share of 1
  eval::Summary accuracy_test;  ///< of shares of 1
  double params = 0, macs = 0, params_ratio = 1, macs_ratio = 1;  ///< means; ratios to the base of the same seed
};

/// Of each schedule x criterion, seed by seed: the net after the last cut, where there are several (criteria at equal budget); the cut net
/// with the best validation accuracy (of equal ones the smaller); and the smallest (in `size`: "params" or "macs") whose validation
/// accuracy is at most `tolerance` below its base's, over the seeds that have one. Baselines that belong to no base net stand under each of
/// their task. Nets without a test accuracy yet are left out.
std::vector<SummaryRow> summary_rows(const Snapshot& run, double tolerance, const std::string& size);

/// The rows as aligned text, a table for each task and base net.
std::string to_table(const std::vector<SummaryRow>& rows);

}  // namespace search
