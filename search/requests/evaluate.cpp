#include "eval/accuracy.h"
#include "search/requests/requests.h"

namespace search {

Json evaluate_net(const Json& request) {
  GivenNet given = load_net(request);
  const std::optional<TaskData> data = load_data(request, given.spec);
  const eval::Net net(std::move(given.spec), std::move(given.weights));
  const auto images = data->dataset->split(eval::split_from_string(request.at("split").get<std::string>()));
  const eval::Evaluation result = eval::evaluate(net, *data->dataset, data->normalisation, images);
  return {{"images", result.images}, {"accuracy", result.accuracy}, {"loss", storage::number_to_json(result.loss)}};
}

}  // namespace search
