// A finished run in a database, made without running anything: what the report's tests and its benchmark show. Sizes and accuracies follow
// from a net's step, criterion and seed, so that each can be worked out by hand.
#pragma once

#include <string>
#include <vector>

#include "storage/repository.h"

namespace support {

/// For each task, criterion and seed: a base, the schedules gradual (to 0.5 and 0.25 of the channels) and one-shot (to 0.25), and a narrow
/// baseline; each net is trained for `epochs` epochs and tested. Robustness is measured of the base and of the last cut of gradual, latency
/// for seed 1 of them, and there are three hypervolumes and two decisions. One more trial, `random` of the first task, runs out of memory.
struct ReportRun {
  std::vector<std::string> tasks{"clothes", "</script><img src=x onerror=alert(1)>"};
  std::vector<std::string> criteria{"l1", "lda-wilks"};
  int seeds = 2, epochs = 2, layers = 3, classes = 3;
  bool measurements = true;

  void record(storage::Repository& repository) const;
};

/// A net of the run, and what follows from it.
struct ReportNet {
  std::string stage, label;
  int task = 0, seed = 1, step = 0;
  int criterion = -1;  ///< -1: not cut
  double keep = 1;     ///< share of the channels

  /// 0.9 for the base of seed 1 on validation data; each halving of the channels costs 0.02 (the first criterion, the baseline) or 0.01; a
  /// seed more gives 0.002, the second task 0.1 less; test data 0.01 less.
  double accuracy() const;

  /// 1,000 for a base and falling with the square of the channels; a hundred times as many multiply-accumulates.
  std::int64_t params() const;
};

}  // namespace support
