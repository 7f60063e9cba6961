#include "eval/latency.h"

#include <fmt/format.h>

#include "search/worker/stages/stages.h"

namespace search {
namespace {

/// Adds the latencies, and as metrics NAME_ms/batch64, NAME_p95_ms/batch64 and NAME_ms, which is what objectives and constraints mean.
void add_latencies(const eval::LatencyReport& report, const std::string& name, storage::StageOutcome& outcome) {
  for (const eval::Latency& each : report.latencies) {
    outcome.values["latencies"].push_back({{"batch", each.batch},
                                           {"format", report.format},
                                           {"p50_ms", each.p50_ms},
                                           {"p95_ms", each.p95_ms},
                                           {"least_ms", each.least_ms},
                                           {"runs", each.runs},
                                           {"peak_activation_bytes", each.peak_activation_bytes}});
    outcome.metrics.push_back({"", fmt::format("{}_ms/batch{}", name, each.batch), each.p50_ms, {}});
    outcome.metrics.push_back({"", fmt::format("{}_p95_ms/batch{}", name, each.batch), each.p95_ms, {}});
  }
  outcome.metrics.push_back({"", name + "_ms", report.latencies.front().p50_ms, {}});
}

}  // namespace

storage::StageOutcome run_latency(const StageContext& context) {
  const eval::Net net = context.input_net("net");
  const auto batches = context.parameters.at("batch").get<std::vector<int>>();
  const auto seconds = context.parameters.at("seconds").get<double>();
  const eval::LatencyReport report = eval::measure_latency(net, batches, seconds);
  storage::StageOutcome outcome;
  outcome.state = storage::StageState::done;
  outcome.values["file_bytes"] = report.file_bytes;
  add_latencies(report, "latency", outcome);
  if (const std::optional<eval::LatencyTable> table = context.latency_table()) {
    const double estimate = table->estimate(net.spec());
    outcome.metrics.push_back({"", "latency_estimate_ms", estimate, {}});
    for (Json& each : outcome.values["latencies"])
      if (each.at("batch") == table->batch) each["estimate_ms"] = estimate;
  }
  if (context.parameters.contains("runtime"))
    add_latencies(eval::measure_onnx_latency(net, batches, seconds), "latency_onnxruntime", outcome);
  return outcome;
}

}  // namespace search
