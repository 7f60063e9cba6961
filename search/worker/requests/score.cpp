#include "search/worker/requests/requests.h"

namespace search {

namespace {

/// A score for each channel of every layer with filters, and what the paper's threshold is made of; of a layer that cannot be cut the
/// reason.
Json scores_of_layers(const eval::NetSpec& spec, const prune::ChannelGroups& groups, const prune::Scoring& scoring) {
  Json layers = Json::array();
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    if (!eval::has_filters(spec.layers[i].kind)) continue;
    Json layer{{"layer", spec.layers[i].name}, {"scores", Json::array()}};
    for (const prune::Unit& unit : groups.outputs[i]) {
      const std::string& fixed = groups.groups[unit.group].fixed;
      if (fixed.empty())
        layer["scores"].push_back(scoring.scores[unit.group][unit.index]);
      else
        layer["fixed"] = fixed;
    }
    const int group = groups.outputs[i].front().group;
    if (!scoring.spreads.empty() && groups.groups[group].fixed.empty())
      layer.update({{"deviation", scoring.spreads[group].deviation}, {"nonzero", scoring.spreads[group].nonzero}});
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace

Json score_net(const Json& request) {
  GivenNet given = load_net(request);
  const std::optional<TaskData> data = load_data(request, given);
  const eval::Net net(std::move(given.spec), std::move(given.weights), device_of(request));
  const prune::ChannelGroups groups = prune::channel_groups(net.spec());
  const std::string name = request.at("criterion").get<std::string>();
  const Json& options = request.at("options");
  prune::ScoringTask task{net, groups};
  task.seed = request.at("seed").get<std::uint64_t>();
  if (data) {
    task.data = data->dataset.get();
    task.normalisation = data->normalisation;
  }
  const prune::Scoring scoring = prune::make_criterion(name, options)->score(task);
  Json answer{{"criterion", name}, {"images", scoring.images}, {"layers", scores_of_layers(net.spec(), groups, scoring)}};
  if (!scoring.details.is_null()) answer["pre_decision"] = scoring.details;
  return answer;
}

}  // namespace search
