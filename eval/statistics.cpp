#include "eval/statistics.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>

#include "storage/base/error.h"

namespace eval {

namespace {

constexpr double kOutside = 0.05;    ///< of the distribution, at both ends together
constexpr double kRounding = 1e-12;  ///< a spread as small as this is none

double standard_error(const Summary& summary) {
  return summary.deviation / std::sqrt(static_cast<double>(summary.n));
}

/// Within this many standard errors of the mean lie 95 %.
double critical_t(int n) {
  return boost::math::quantile(boost::math::complement(boost::math::students_t(n - 1), kOutside / 2));
}

void require_pairs(const std::vector<double>& one, const std::vector<double>& other) {
  if (one.size() != other.size()) throw storage::Error(storage::ErrorKind::internal, "paired values do not pair up");
}

}  // namespace

Summary summarise(const std::vector<double>& values) {
  Summary summary;
  summary.n = static_cast<int>(values.size());
  if (values.empty()) return summary;
  summary.mean = std::accumulate(values.begin(), values.end(), 0.0) / summary.n;
  if (summary.n == 1) return summary;
  double squares = 0;
  for (const double value : values) squares += (value - summary.mean) * (value - summary.mean);
  summary.deviation = std::sqrt(squares / (summary.n - 1));
  const double reach = critical_t(summary.n) * standard_error(summary);
  summary.interval = Interval{summary.mean - reach, summary.mean + reach};
  return summary;
}

PairedDifference paired_difference(const std::vector<double>& one, const std::vector<double>& other) {
  require_pairs(one, other);
  std::vector<double> differences(one.size());
  std::transform(one.begin(), one.end(), other.begin(), differences.begin(), std::minus<>());
  PairedDifference difference{summarise(differences)};
  if (difference.n < 2) return difference;
  const double error = standard_error(difference);
  if (error <= kRounding) {
    difference.deviation = 0;
    difference.interval.reset();
    difference.p = sign_test(one, other);
    return difference;
  }
  const boost::math::students_t distribution(difference.n - 1);
  difference.p = 2 * boost::math::cdf(boost::math::complement(distribution, std::abs(difference.mean) / error));
  return difference;
}

std::optional<int> pairs_to_decide(const PairedDifference& difference) {
  if (difference.deviation == 0 || difference.mean == 0) return std::nullopt;
  for (int n = 2; n <= 1000; ++n)
    if (critical_t(n) * difference.deviation / std::sqrt(static_cast<double>(n)) < std::abs(difference.mean)) return n;
  return std::nullopt;
}

double sign_test(const std::vector<double>& one, const std::vector<double>& other) {
  require_pairs(one, other);
  int larger = 0, smaller = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    if (one[i] > other[i]) ++larger;
    if (one[i] < other[i]) ++smaller;
  }
  const boost::math::binomial distribution(larger + smaller, 0.5);
  return std::min(1.0, 2 * boost::math::cdf(distribution, std::min(larger, smaller)));
}

std::optional<double> kendall_tau(const std::vector<double>& one, const std::vector<double>& other) {
  require_pairs(one, other);
  const auto sign = [](double difference) { return (difference > 0) - (difference < 0); };
  double agreeing = 0, of_one = 0, of_other = 0;  // pairs of elements: in the same order less in the opposite one; without a tie
  for (std::size_t i = 0; i < one.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const int first = sign(one[i] - one[j]), second = sign(other[i] - other[j]);
      agreeing += first * second;
      of_one += first != 0;
      of_other += second != 0;
    }
  }
  if (of_one == 0 || of_other == 0) return std::nullopt;
  return agreeing / std::sqrt(of_one * of_other);
}

std::vector<double> holm(const std::vector<double>& p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> corrected(p.size());
  double highest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    highest = std::max(highest, static_cast<double>(p.size() - rank) * p[order[rank]]);
    corrected[order[rank]] = std::min(1.0, highest);
  }
  return corrected;
}

}  // namespace eval
