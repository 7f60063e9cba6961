#include "prune/criteria/catalog.h"
#include "prune/criteria/criterion.h"
#include "search/requests/requests.h"

namespace search {

namespace {

/// A score for each channel of every layer with filters; of a layer that cannot be cut the reason.
Json scores_of_layers(const eval::NetSpec& spec, const prune::ChannelGroups& groups, const prune::Scores& scores) {
  Json layers = Json::array();
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    if (!eval::has_filters(spec.layers[i].kind)) continue;
    Json layer{{"layer", spec.layers[i].name}, {"scores", Json::array()}};
    for (const prune::Unit& unit : groups.outputs[i]) {
      const std::string& fixed = groups.groups[unit.group].fixed;
      if (fixed.empty())
        layer["scores"].push_back(scores[unit.group][unit.index]);
      else
        layer["fixed"] = fixed;
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace

Json score_net(const Json& request) {
  GivenNet given = load_net(request);
  const std::optional<GivenData> data = load_data(request, given.spec);
  const eval::Net net(std::move(given.spec), std::move(given.weights));
  const prune::ChannelGroups groups = prune::channel_groups(net.spec());
  const std::string name = request.at("criterion").get<std::string>();
  const Json& options = request.at("options");
  prune::ScoringTask task{net, groups};
  task.seed = request.at("seed").get<std::uint64_t>();
  std::int64_t images = 0;
  if (data) {
    task.data = data->dataset.get();
    task.normalisation = data->normalisation;
    if (options.contains("images"))
      images = std::min(options.at("images").get<std::int64_t>(), std::ssize(data->dataset->split(eval::Split::train)));
  }
  const prune::Scoring scoring = prune::make_criterion(name, options)->score(task);
  Json answer{{"criterion", name}, {"images", images}, {"layers", scores_of_layers(net.spec(), groups, scoring.scores)}};
  if (!scoring.details.is_null()) answer["pre_decision"] = scoring.details;
  return answer;
}

}  // namespace search
