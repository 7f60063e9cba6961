// The cost of a net as a function of its group widths, so that an allocation can try many widths without building specs.
#pragma once

#include <utility>
#include <vector>

#include "eval/latency_table.h"
#include "prune/channel_graph.h"
#include "prune/cut_options.h"

namespace prune {

/// A sum over layers, each a function of its inputs and outputs, which are weighted sums of group widths: coefficient * inputs * outputs,
/// or what a latency table says. It equals eval::cost of the cut spec or the table's estimate of it, or, for channels, the widths of the
/// groups that can be cut.
class WidthCost {
 public:
  /// Borrows the table, which a budget of latency needs: that of the net or of one that it was cut from. Throws storage::Error(internal)
  /// without.
  WidthCost(const eval::NetSpec& spec, const ChannelGroups& groups, Budget budget, const eval::LatencyTable* table = nullptr);

  double cost(const std::vector<int>& widths) const;

  /// What the removal of `units` of `group` saves at these widths.
  double saving(const std::vector<int>& widths, int group, int units = 1) const;

 private:
  using Width = std::vector<std::pair<int, double>>;  // (group, times)
  struct Term {
    double coefficient;
    Width inputs;  // empty: 1
    Width outputs;
    const eval::LayerLatency* latency = nullptr;  // of these inputs and outputs, in place of the product
  };
  void add_latencies(const eval::NetSpec& spec, const ChannelGroups& groups, const eval::LatencyTable& table);
  void add_products(const eval::NetSpec& spec, const ChannelGroups& groups, Budget budget);
  static double value(const Width& width, const std::vector<int>& widths, int less_group, int less);
  double term_cost(const Term& term, const std::vector<int>& widths, int less_group, int less) const;

  double constant_ = 0;
  std::vector<Term> terms_;
  std::vector<std::vector<int>> terms_of_group_;
};

}  // namespace prune
