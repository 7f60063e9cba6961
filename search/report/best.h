// Which net of a run to take, and how sure that is: chosen by validation accuracy over all seeds, compared on test data with its base and
// with the nets that were trained from scratch. Shown by `nas-run best` and at the end of a run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "eval/statistics.h"
#include "search/report/groups.h"

namespace search {

/// What the net may cost, and what it must reach. Without any of these: the smallest net whose validation accuracy is at most `tolerance`
/// below its base's; where there is none, the best.
struct BestRequest {
  std::optional<double> max_macs, max_params, max_latency_ms;  ///< of one image; latency at the first batch that was measured
  std::optional<double> min_accuracy;                          ///< of validation, a share of 1: then the smallest is taken
  std::string task = {};                                       ///< "": all, one answer each
  std::optional<double> tolerance = {};                        ///< none: the experiment's
  std::string size = "macs";                                   ///< params or macs: what "smallest" means; within 5 % the accuracy decides
};

/// A net that the chosen one is compared with.
struct Control {
  std::string name;
  double macs = 0, accuracy_test = 0;  ///< means: over all its seeds, and over those that both have
  eval::PairedDifference difference;   ///< test accuracy of the chosen one less this one's
  std::string verdict;                 ///< better, worse (the chosen one is, by an interval that excludes 0) or undecided
  std::optional<int> seeds_to_decide;  ///< where it is undecided: so many would decide a difference as this, with the spread as seen
};

struct Best {
  std::string task;
  std::string net;          ///< "vgg16_bn, lda-wilks, gradual, step 3"; "narrow-vgg16_bn (width 0.31), from scratch"
  int trial = 0, step = 0;  ///< of the seed with the best validation accuracy: what to export
  int seeds = 0;
  double params = 0, macs = 0;                     ///< means over seeds
  std::optional<double> params_ratio, macs_ratio;  ///< shares of the base's; none where it was not measured
  std::optional<double> latency_ms;
  double accuracy_val = 0;
  eval::Summary accuracy_test;
  std::string why;  ///< by which rule it was chosen
  std::vector<Control> controls;
};

/// One a task, in the order of the trials; none where nothing was measured or nothing is within the limits. Throws storage::Error(usage)
/// for a task that the run does not have. `run`: the repository's snapshot.
std::vector<Best> best_nets(const storage::Repository& repository, const Snapshot& run, const BestRequest& request);

storage::Json to_json(const Best& best, const std::string& directory);

/// At most 15 lines.
std::string to_text(const Best& best, const std::string& directory);

/// Why there is no answer.
std::string why_none(const Snapshot& run, const BestRequest& request);

/// That stages are not done, so that answers may change; "" where all are.
std::string what_is_missing(const Snapshot& run);

}  // namespace search
