// What a search optimises: objectives and constraints, by the names of metrics.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/repository.h"

namespace search {

/// A metric of a net: accuracy_val, loss_val, params, macs, size (bytes of its weights), latency_ms (the median at the first batch of
/// `evaluate: latency`), latency_estimate_ms (what the times of its layers add up to), latency_onnxruntime_ms, or one that the stage that
/// made the net stores outside the test split, as "val/loss". Selection never sees test data.
struct Objective {
  std::string metric;
  bool maximize = false;
};

/// "macs <= 2.0e8"
struct Constraint {
  std::string metric;
  bool at_most = true;  ///< else at least
  double bound = 0;
};

/// Throws storage::Error(invalid) for a metric that no net can have, with the nearest that one can.
void check_metric(const std::string& metric);

/// "METRIC <= NUMBER" or "METRIC >= NUMBER". Throws storage::Error(invalid).
Constraint parse_constraint(const std::string& text);

/// The same of a stored constraint: its metric is not checked.
Constraint constraint_from_string(const std::string& text);
std::string to_string(const Constraint& constraint);

/// Higher is better for accuracies, lower for everything else.
Objective default_objective(const std::string& metric);

/// The metrics that Repository::stage_statuses has to be asked for.
std::vector<std::string> stored_metrics(const std::vector<Objective>& objectives, const std::vector<Constraint>& constraints);

/// Whether the metric comes of a stage that times the net.
bool is_latency(const std::string& metric);

/// Whether an objective or a constraint is about a latency.
bool names_latency(const std::vector<Objective>& objectives, const std::vector<Constraint>& constraints);

/// Whether an accuracy is at most `tolerance` below the base's, but for rounding.
bool is_within(double accuracy, double base, double tolerance);

/// Nothing where the net has no such value.
std::optional<double> metric_of(const storage::StageStatus& net, const std::string& metric);

}  // namespace search
