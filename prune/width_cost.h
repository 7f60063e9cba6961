// The cost of a net as a function of its group widths, so that an allocation can try many widths without building specs.
#pragma once

#include <utility>
#include <vector>

#include "prune/channel_graph.h"
#include "prune/options.h"

namespace prune {

/// Sum of coefficient * inputs * outputs over layers, where inputs and outputs are weighted sums of group widths. Exact: it equals
/// eval::cost of the cut spec, or, for channels, the widths of the groups that can be cut.
class WidthCost {
 public:
  WidthCost(const eval::NetSpec& spec, const ChannelGroups& groups, Budget budget);

  double cost(const std::vector<int>& widths) const;

  /// What the removal of `units` of `group` saves at these widths.
  double saving(const std::vector<int>& widths, int group, int units = 1) const;

 private:
  using Width = std::vector<std::pair<int, double>>;  // (group, times)
  struct Term {
    double coefficient;
    Width inputs;  // empty: 1
    Width outputs;
  };
  static double value(const Width& width, const std::vector<int>& widths, int less_group, int less);
  double term_cost(const Term& term, const std::vector<int>& widths, int less_group, int less) const;

  std::vector<Term> terms_;
  std::vector<std::vector<int>> terms_of_group_;
};

}  // namespace prune
