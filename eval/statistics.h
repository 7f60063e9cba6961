// What a handful of numbers says: means with intervals, paired differences, and p values corrected for how many were looked at. Used by
// the answers, the comparison and the report.
#pragma once

#include <optional>
#include <vector>

namespace eval {

struct Interval {
  double low = 0, high = 0;

  bool excludes_zero() const { return low > 0 || high < 0; }
};

struct Summary {
  int n = 0;
  double mean = 0;
  double deviation = 0;              ///< sample standard deviation (n - 1); 0 with one value
  std::optional<Interval> interval;  ///< 95 % of the mean, by Student's t with n - 1 degrees of freedom; none with fewer than two values
};

/// Of independent values, as of several seeds. All zero of none.
Summary summarise(const std::vector<double>& values);

/// The differences of pairs (one.value - other.value), as of two methods over the same seeds.
struct PairedDifference : Summary {
  double p =
      1;  ///< two-sided, of Student's t test that the mean difference is 0, of the sign test without a spread; 1 with fewer than two pairs
};

/// Of two vectors whose elements pair up. Throws storage::Error(internal) where their sizes differ. Differences that are all equal, as
/// those of shares of a few images can be, tell of no spread: they have no interval, and the p of sign_test.
PairedDifference paired_difference(const std::vector<double>& one, const std::vector<double>& other);

/// The pairs whose 95 % interval would exclude 0 for a mean difference and a spread as these; none where more than a thousand would be
/// needed, or nothing is known of the spread.
std::optional<int> pairs_to_decide(const PairedDifference& difference);

/// p of the two-sided sign test that either of a pair is as often the larger; equal ones do not count. For values whose spread says
/// nothing. Throws storage::Error(internal) where the sizes differ.
double sign_test(const std::vector<double>& one, const std::vector<double>& other);

/// Kendall's rank correlation (tau-b, so that ties count for neither side), from -1 to 1; none with fewer than two pairs or where one side
/// is all ties. Throws storage::Error(internal) where the sizes differ.
std::optional<double> kendall_tau(const std::vector<double>& one, const std::vector<double>& other);

/// p values corrected for their number, in the order given: the chance of one false claim among all is at most the level they are read at
/// (Holm 1979, A simple sequentially rejective multiple test procedure).
std::vector<double> holm(const std::vector<double>& p);

}  // namespace eval
