// The cost of a net as a function of its group widths, so that an allocation can try many widths without building specs.
#pragma once

#include <utility>
#include <vector>

#include "prune/channel_graph.h"
#include "prune/options.h"

namespace prune {

/// Sum of coefficient * inputs * outputs over layers, where inputs and outputs are weighted sums of group widths. Exact: it equals eval::cost of
/// the cut spec.
class WidthCost {
 public:
  WidthCost(const eval::NetSpec& spec, const ChannelGroups& groups, Budget budget);

  double cost(const std::vector<int>& widths) const;

  /// What the removal of one unit of `group` saves at these widths.
  double saving(const std::vector<int>& widths, int group) const;

 private:
  using Width = std::vector<std::pair<int, double>>;  // (group, times)
  struct Term {
    double coefficient;
    Width inputs;  // empty: 1
    Width outputs;
  };
  static double value(const Width& width, const std::vector<int>& widths, int less_one);
  double term_cost(const Term& term, const std::vector<int>& widths, int less_one) const;

  std::vector<Term> terms_;
  std::vector<std::vector<int>> terms_of_group_;
};

}  // namespace prune
