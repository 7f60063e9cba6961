#include "eval/layer_latency.h"
#include "search/worker/stages/stages.h"

namespace search {

storage::StageOutcome run_latency_table(const StageContext& context) {
  const Json& parameters = context.parameters;
  const auto input = parameters.at("input").get<std::vector<int>>();
  const eval::NetSpec spec = requested_net(parameters.at("net"), {input.at(0), input.at(1), input.at(2)}, parameters.at("classes"));
  const std::optional<eval::LatencyTable> table =
      eval::measure_latency_table(spec, parameters.at("batch"), context.device, [&](double fraction) {
        context.progress(fraction, "timing layers");
        return !context.stop.load();
      });
  storage::StageOutcome outcome;
  outcome.state = table ? storage::StageState::done : storage::StageState::interrupted;
  if (table) outcome.values["table"] = eval::to_json(*table);
  return outcome;
}

}  // namespace search
