#include "eval/latency.h"

#include <fmt/format.h>

#include "search/worker/stages/stages.h"

namespace search {

storage::StageOutcome run_latency(const StageContext& context) {
  const eval::Net net = context.input_net("net");
  const eval::LatencyReport report =
      eval::measure_latency(net, context.parameters.at("batch").get<std::vector<int>>(), context.parameters.at("seconds").get<double>());
  storage::StageOutcome outcome;
  outcome.state = storage::StageState::done;
  outcome.values["file_bytes"] = report.file_bytes;
  Json& latencies = outcome.values["latencies"] = Json::array();
  for (const eval::Latency& each : report.latencies) {
    latencies.push_back({{"batch", each.batch},
                         {"format", report.format},
                         {"p50_ms", each.p50_ms},
                         {"p95_ms", each.p95_ms},
                         {"runs", each.runs},
                         {"peak_activation_bytes", each.peak_activation_bytes}});
    outcome.metrics.push_back({"", fmt::format("latency_ms/batch{}", each.batch), each.p50_ms, {}});
    outcome.metrics.push_back({"", fmt::format("latency_p95_ms/batch{}", each.batch), each.p95_ms, {}});
  }
  outcome.metrics.push_back({"", "latency_ms", report.latencies.front().p50_ms, {}});  // what objectives and constraints mean by it
  return outcome;
}

}  // namespace search
