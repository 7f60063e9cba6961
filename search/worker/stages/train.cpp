#include <fmt/format.h>

#include "eval/cost.h"
#include "prune/channel_graph.h"
#include "search/worker/requests/requests.h"
#include "search/worker/stages/training.h"
#include "storage/base/error.h"
#include "storage/base/fingerprint.h"

namespace search {

namespace {

/// What later cuts refer to: the cost of the net that was first trained and the channels of its layers.
Json base_of(const eval::NetSpec& spec) {
  const eval::Cost cost = eval::cost(spec);
  Json channels = Json::object();
  for (const eval::Layer& layer : spec.layers)
    if (eval::has_filters(layer.kind)) channels[layer.name] = layer.channels;
  return {{"params", cost.params}, {"macs", cost.macs}, {"channels", channels}};
}

/// Fresh weights, or those of the file that the net starts from; notes a head that had to be made anew.
eval::Weights first_weights(const StageContext& context, const eval::NetSpec& spec, storage::StageOutcome& outcome) {
  eval::Weights fresh = eval::initial_weights(spec, context.parameters.at("seed").get<std::uint64_t>());
  const Json& net = context.parameters.at("net");
  if (!net.contains("weights")) return fresh;
  const std::string path = net["weights"].at("path");
  check_unchanged("weights " + path, storage::file_identity(path), net["weights"].at("identity"));
  eval::StartingWeights start = starting_weights_of(path, spec, fresh);
  if (!start.fresh_layer.empty()) {
    fmt::print(stderr, "{}: layer {} tells other classes apart and starts anew\n", path, start.fresh_layer);
    outcome.values["fresh_layer"] = start.fresh_layer;
  }
  return std::move(start.weights);
}

}  // namespace

storage::StageOutcome run_train(const StageContext& context) {
  const TaskData& data = context.cache.data(context.parameters.at("data"));
  const eval::NetSpec spec = requested_net(context.parameters.at("net"), *data.dataset);
  const prune::TrainOptions options = prune::train_options_from_json(context.parameters.at("train"));
  const eval::Precision precision = eval::precision_from_string(
      context.inputs.contains("precision") ? context.inputs["precision"].at("values").at("precision").get<std::string>()
                                           : options.precision);
  storage::StageOutcome outcome;
  eval::Net net(spec, first_weights(context, spec, outcome), context.device);
  outcome.values["base"] = base_of(spec);
  train_and_record(context, data, net, options, precision, 0, outcome);
  if (outcome.state == storage::StageState::done) outcome.architecture = architecture_of(spec, "", Json());
  return outcome;
}

}  // namespace search
