#include "eval/accuracy.h"
#include "search/worker/requests/requests.h"

namespace search {

Json evaluate_net(const Json& request) {
  GivenNet given = load_net(request);
  const std::optional<TaskData> data = load_data(request, given);
  const eval::Net net(std::move(given.spec), std::move(given.weights), device_of(request));
  const auto images = data->dataset->split(eval::split_from_string(request.at("split").get<std::string>()));
  const eval::Quality result = eval::measure_quality(net, *data->dataset, data->normalisation, images);
  Json answer{{"images", result.images},
              {"accuracy", result.accuracy},
              {"loss", storage::number_to_json(result.loss)},
              {"balanced_accuracy", result.balanced_accuracy},
              {"calibration_error", result.calibration_error},
              {"top5_accuracy", result.top5}};
  if (data->dataset->ordered()) answer["one_off_accuracy"] = result.one_off;
  return answer;
}

}  // namespace search
