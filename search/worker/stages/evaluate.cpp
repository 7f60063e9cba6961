#include "eval/accuracy.h"
#include "search/worker/stages/stages.h"

namespace search {

namespace {

/// The rows of a net's quality on test data.
std::vector<storage::Metric> metrics_of(const eval::Quality& quality, const eval::Dataset& data) {
  const auto row = [](const std::string& name, double value) { return storage::Metric{"test", name, value, {}}; };
  std::vector<storage::Metric> metrics{
      row("accuracy", quality.accuracy), row("loss", quality.loss), row("images", static_cast<double>(quality.images)),
      row("balanced_accuracy", quality.balanced_accuracy), row("calibration_error", quality.calibration_error)};
  if (data.class_names().size() > 5) metrics.push_back(row("top5_accuracy", quality.top5));
  if (data.ordered()) metrics.push_back(row("one_off_accuracy", quality.one_off));
  for (std::size_t c = 0; c < quality.recall.size(); ++c) metrics.push_back(row("recall/" + data.class_names()[c], quality.recall[c]));
  return metrics;
}

}  // namespace

storage::StageOutcome run_evaluate(const StageContext& context) {
  const TaskData& data = context.cache.data(context.parameters.at("data"));
  const eval::Net net = context.input_net("net");
  const eval::Quality quality = eval::measure_quality(net, *data.dataset, data.normalisation, data.dataset->split(eval::Split::test));
  storage::StageOutcome outcome;
  outcome.state = storage::StageState::done;
  outcome.metrics = metrics_of(quality, *data.dataset);
  outcome.values["class_names"] = data.dataset->class_names();
  Json& confusion = outcome.values["confusion"] = Json::array();  // [truth, predicted, images], pairs that occur
  for (const eval::Confusion& pair : quality.confusion) confusion.push_back({pair.truth, pair.predicted, pair.images});
  return outcome;
}

}  // namespace search
