#include "eval/accuracy.h"
#include "search/stages/stages.h"

namespace search {

storage::StageOutcome run_evaluate(const StageContext& context) {
  const TaskData& data = context.cache.data(context.parameters.at("data"));
  const eval::Net net = context.input_net("net");
  const eval::Evaluation test = eval::evaluate(net, *data.dataset, data.normalisation, data.dataset->split(eval::Split::test));
  storage::StageOutcome outcome;
  outcome.state = storage::StageState::done;
  outcome.metrics = {
      {"test", "accuracy", test.accuracy, {}}, {"test", "loss", test.loss, {}}, {"test", "images", static_cast<double>(test.images), {}}};
  return outcome;
}

}  // namespace search
