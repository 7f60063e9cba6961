// The answer of a run: per task a table of the base, every schedule x criterion, the baselines and the narrow control.
// Printed by `nas-run run` at its end and by the commands that compare.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "storage/repository.h"

namespace search {

/// Mean and standard deviation over seeds of one line of the table.
struct AnswerRow {
  std::string task, net;  ///< the base net that the line belongs to
  std::string what;       ///< "base", "gradual / lda-wilks, last" (or best, smallest), "squeezenet1_1", "narrow (width 0.31)"
  int seeds = 0;          ///< seeds, or folds of seeds, that the means are taken over; 0: no net of any seed is good enough
  int of_seeds = 0;       ///< seeds, or folds of seeds, that are complete
  double accuracy_val = 0, accuracy_test = 0, accuracy_test_std = 0;  ///< shares of 1; the deviation (n - 1) is 0 with one seed
  double params = 0, macs = 0, params_ratio = 1, macs_ratio = 1;      ///< means; ratios to the base of the same seed
};

/// Of each schedule x criterion, seed by seed: the net after the last cut, where there are several (criteria at equal budget); the cut net
/// with the best validation accuracy (of equal ones the smaller); and the smallest (in `size`: "params" or "macs") whose validation
/// accuracy is at most `tolerance` below its base's, over the seeds that have one. Baselines that belong to no base net stand under each of
/// their task. `steps` and `baselines` are rows of those views; rows without a test accuracy yet are left out.
std::vector<AnswerRow> answers(const storage::Json& steps, const storage::Json& baselines, double tolerance, const std::string& size);
std::vector<AnswerRow> answers(const storage::Repository& repository, double tolerance, const std::string& size);

/// The rows as aligned text, a table for each task and base net.
std::string to_table(const std::vector<AnswerRow>& rows);

/// Steps that no other step of their task beats: none is at least as good in both accuracy_val (higher) and `x` (lower) and better in one.
/// Ordered by task and `x`; a stage that several trials share comes once. Throws storage::Error(usage) where no step has a number `x`.
storage::Json pareto_front(const storage::Json& steps, const std::string& x);

/// Stages whose nets break the constraints that the experiment was last run with, or lack what these bound.
std::set<std::string> stages_beyond_constraints(const storage::Repository& repository);

/// The rows of `steps` without those stages: what fronts are made of.
storage::Json feasible_steps(const storage::Repository& repository);

}  // namespace search
