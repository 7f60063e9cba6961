#include "prune/width_cost.h"

#include <map>

#include "storage/base/error.h"

namespace prune {

using eval::Layer;
using eval::LayerKind;

namespace {

std::vector<std::pair<int, double>> width_of(const std::vector<Unit>& channels, const ChannelGroups& groups) {
  std::map<int, double> count;
  for (const Unit& unit : channels) count[unit.group] += 1;
  std::vector<std::pair<int, double>> width;
  for (const auto& [group, channels_of_group] : count) width.emplace_back(group, channels_of_group / groups.groups[group].size);
  return width;
}

}  // namespace

WidthCost::WidthCost(const eval::NetSpec& spec, const ChannelGroups& groups, Budget budget, const eval::LatencyTable* table)
    : terms_of_group_(groups.groups.size()) {
  switch (budget) {
    case Budget::channels:
      for (int g = 0; g < static_cast<int>(groups.groups.size()); ++g)
        if (groups.groups[g].fixed.empty()) terms_.push_back({1, {}, {{g, 1}}});
      break;
    case Budget::params:
    case Budget::macs:
      add_products(spec, groups, budget);
      break;
    case Budget::latency:
      if (table == nullptr) throw storage::Error(storage::ErrorKind::internal, "a budget of latency without a latency table");
      add_latencies(spec, groups, *table);
      break;
  }
  for (int t = 0; t < static_cast<int>(terms_.size()); ++t) {
    std::map<int, bool> touched;
    for (const auto& [group, times] : terms_[t].inputs) touched[group] = true;
    for (const auto& [group, times] : terms_[t].outputs) touched[group] = true;
    for (const auto& [group, unused] : touched) terms_of_group_[group].push_back(t);
  }
}

void WidthCost::add_products(const eval::NetSpec& spec, const ChannelGroups& groups, Budget budget) {
  const std::vector<eval::Shape> shapes = eval::output_shapes(spec);
  for (int i = 0; i < static_cast<int>(spec.layers.size()); ++i) {
    const Layer& layer = spec.layers[i];
    const Width outputs = width_of(groups.outputs[i], groups);
    if (budget == Budget::params && layer.kind == LayerKind::batch_norm) terms_.push_back({2, {}, outputs});
    if (budget == Budget::params && layer.kind == LayerKind::prelu) terms_.push_back({1, {}, outputs});
    if (!eval::has_filters(layer.kind)) continue;
    const std::vector<Unit>& from = groups.outputs[layer.inputs[0]];
    double coefficient = static_cast<double>(layer.kernel[0]) * layer.kernel[1];
    if (budget == Budget::macs) coefficient *= static_cast<double>(shapes[i].height) * shapes[i].width;
    if (is_depthwise(layer, static_cast<int>(from.size())))
      terms_.push_back({coefficient, {}, outputs});
    else
      terms_.push_back({coefficient / layer.groups, width_of(from, groups), outputs});
    if (budget == Budget::params && layer.bias) terms_.push_back({1, {}, outputs});
  }
}

void WidthCost::add_latencies(const eval::NetSpec& spec, const ChannelGroups& groups, const eval::LatencyTable& table) {
  constant_ = table.call_ms;
  for (int i = 0; i < static_cast<int>(spec.layers.size()); ++i) {
    const auto layer = table.layers.find(spec.layers[i].name);
    if (layer == table.layers.end()) continue;
    const Width inputs = width_of(groups.outputs[spec.layers[i].inputs[0]], groups);
    terms_.push_back({1, inputs, width_of(groups.outputs[i], groups), &layer->second});
  }
}

double WidthCost::value(const Width& width, const std::vector<int>& widths, int less_group, int less) {
  double sum = 0;
  for (const auto& [group, times] : width) sum += times * (widths[group] - (group == less_group ? less : 0));
  return sum;
}

double WidthCost::term_cost(const Term& term, const std::vector<int>& widths, int less_group, int less) const {
  const double inputs = term.inputs.empty() ? 1 : value(term.inputs, widths, less_group, less);
  const double outputs = value(term.outputs, widths, less_group, less);
  return term.latency != nullptr ? term.latency->at(inputs, outputs) : term.coefficient * inputs * outputs;
}

double WidthCost::cost(const std::vector<int>& widths) const {
  double sum = constant_;
  for (const Term& term : terms_) sum += term_cost(term, widths, -1, 0);
  return sum;
}

double WidthCost::saving(const std::vector<int>& widths, int group, int units) const {
  double saved = 0;
  for (int t : terms_of_group_[group]) saved += term_cost(terms_[t], widths, -1, 0) - term_cost(terms_[t], widths, group, units);
  return saved;
}

}  // namespace prune
