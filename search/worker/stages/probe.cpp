#include "eval/gradient_check.h"
#include "eval/precision.h"
#include "search/worker/stages/stages.h"
#include "search/worker/training_rate.h"

namespace search {

namespace {

/// A gain below this is not worth the coarser arithmetic.
constexpr double kGain = 1.2;

}  // namespace

storage::StageOutcome run_probe(const StageContext& context) {
  const TaskData& data = context.cache.data(context.parameters.at("data"));
  storage::StageOutcome outcome;
  outcome.state = storage::StageState::done;
  outcome.values["precision"] = "fp32";
  if (!eval::has_bf16(context.device)) return outcome;

  const eval::NetSpec spec = requested_net(context.parameters.at("net"), *data.dataset);
  eval::Net net(spec, eval::initial_weights(spec, 1), context.device);
  net.require_gradients(true);
  eval::BatchLoader loader(*data.dataset, data.normalisation, eval::shuffled(data.dataset->split(eval::Split::train), 1),
                           {.batch = context.parameters.at("batch").get<int>(), .device = context.device});
  const eval::Batch batch = loader.next().value();
  if (const std::string fault = eval::gradient_fault(net, batch.images, batch.labels, eval::Precision::bf16); !fault.empty()) {
    outcome.values["fp32_since"] = fault;
    return outcome;
  }
  // In turns, so that whatever else the machine does meets both alike; the first turn warms up and does not count.
  double best[2] = {0, 0};
  for (int turn = 0; turn < 4; ++turn) {
    for (const eval::Precision precision : {eval::Precision::fp32, eval::Precision::bf16}) {
      const double rate = training_rate(net, batch.images, batch.labels, precision, turn == 0 ? 0.2 : 0.4);
      double& kept = best[precision == eval::Precision::bf16];
      if (turn > 0) kept = std::max(kept, rate);
    }
    context.progress((turn + 1) / 4.0, "measuring precisions");
  }
  outcome.metrics = {{"train", "images_per_s_fp32", best[0], {}}, {"train", "images_per_s_bf16", best[1], {}}};
  if (best[1] >= kGain * best[0]) outcome.values["precision"] = "bf16";
  return outcome;
}

}  // namespace search
