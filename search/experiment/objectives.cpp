#include "search/experiment/objectives.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "storage/base/error.h"
#include "storage/base/option.h"

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;

const std::vector<std::string>& plain_metrics() {
  static const std::vector<std::string> names{
      "accuracy_val", "loss_val", "params", "macs", "size", "latency_ms", "latency_estimate_ms", "latency_onnxruntime_ms"};
  return names;
}

/// What the stages that make a net store of it once (stages/training.cpp, prune.cpp, extend.cpp), test data left out.
const std::vector<std::string>& storable_metrics() {
  static const std::vector<std::string> names{"val/accuracy",
                                              "val/loss",
                                              "val/accuracy_before_retraining",
                                              "val/accuracy_as_cut",
                                              "val/accuracy_batch_norm",
                                              "train/images_per_s",
                                              "train/data_wait_share",
                                              "train/batch_parts",
                                              "data/images_left_out"};
  return names;
}

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(' '), end = text.find_last_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

/// The name under which the metric is stored, where it has no column of its own.
std::string stored_name(const std::string& metric) {
  return metric == "loss_val" ? "val/loss" : metric;
}

}  // namespace

void check_metric(const std::string& metric) {
  const auto& plain = plain_metrics();
  const auto& storable = storable_metrics();
  const bool has_slash = metric.find('/') != std::string::npos;
  const auto is_among = [&](const auto& names) { return std::find(names.begin(), names.end(), metric) != names.end(); };
  if (metric.starts_with("test/") || metric == "accuracy_test")
    throw Error(ErrorKind::invalid,
                fmt::format("'{}' would choose by test data; valid: metrics of the training or validation split, or sizes", metric));
  if (is_among(plain) || is_among(storable)) return;
  if (has_slash)
    throw Error(ErrorKind::invalid, fmt::format("'{}' is not a metric that a net has{}", metric, storage::suggestion(metric, storable)));
  throw Error(ErrorKind::invalid,
              fmt::format("'{}' is not a metric{}; a stored one is named as in 'val/loss'", metric, storage::suggestion(metric, plain)));
}

Constraint parse_constraint(const std::string& text) {
  Constraint constraint = constraint_from_string(text);
  check_metric(constraint.metric);
  return constraint;
}

Constraint constraint_from_string(const std::string& text) {
  const std::size_t at = text.find_first_of("<>");
  const bool has_relation = at != std::string::npos && at + 1 < text.size() && text[at + 1] == '=';
  Constraint constraint;
  const std::string number = has_relation ? trimmed(text.substr(at + 2)) : "";
  const auto [rest, error] = std::from_chars(number.data(), number.data() + number.size(), constraint.bound);
  if (!has_relation || number.empty() || error != std::errc() || rest != number.data() + number.size() || !std::isfinite(constraint.bound))
    throw Error(ErrorKind::invalid, fmt::format("'{}' is not a constraint; valid: as in 'macs <= 2.0e8' or 'accuracy_val >= 0.9'", text));
  constraint.metric = trimmed(text.substr(0, at));
  constraint.at_most = text[at] == '<';
  return constraint;
}

std::string to_string(const Constraint& constraint) {
  return fmt::format("{} {} {}", constraint.metric, constraint.at_most ? "<=" : ">=", constraint.bound);
}

Objective default_objective(const std::string& metric) {
  return {metric, metric.find("accuracy") != std::string::npos};
}

std::vector<std::string> stored_metrics(const std::vector<Objective>& objectives, const std::vector<Constraint>& constraints) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& metric) {
    if (metric != "accuracy_val" && metric != "params" && metric != "macs") names.push_back(stored_name(metric));
  };
  for (const Objective& objective : objectives) add(objective.metric);
  for (const Constraint& constraint : constraints) add(constraint.metric);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool is_latency(const std::string& metric) {
  return metric.starts_with("latency_");
}

bool names_latency(const std::vector<Objective>& objectives, const std::vector<Constraint>& constraints) {
  const auto is_named = [](const auto& each) { return is_latency(each.metric); };
  return std::any_of(objectives.begin(), objectives.end(), is_named) || std::any_of(constraints.begin(), constraints.end(), is_named);
}

bool is_within(double accuracy, double base, double tolerance) {
  constexpr double rounding = 1e-9;
  return accuracy >= base - tolerance - rounding;
}

std::optional<double> metric_of(const storage::StageStatus& net, const std::string& metric) {
  if (metric == "accuracy_val") return net.accuracy_val;
  if (metric == "params") return net.params;
  if (metric == "macs") return net.macs;
  const auto found = net.metrics.find(stored_name(metric));
  return found == net.metrics.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace search
