#include <fmt/format.h>

#include <cmath>

#include "eval/cost.h"
#include "eval/formats/weights_identity.h"
#include "prune/batch_norm.h"
#include "prune/magnitude.h"
#include "search/worker/requests/requests.h"
#include "search/worker/stages/base_net.h"
#include "search/worker/stages/training.h"
#include "storage/base/error.h"
#include "storage/base/fingerprint.h"

namespace search {

namespace {

eval::Weights fresh_weights(const StageContext& context, const eval::NetSpec& spec) {
  return eval::initial_weights(spec, context.seed());
}

/// Those of the input "start", but for the layer that makes the class scores.
eval::Weights weights_with_new_head(const StageContext& context, const eval::NetSpec& spec) {
  const std::string weights = context.inputs.at("start").at("artifacts").at("weights");
  return eval::starting_weights(spec, context.cache.weights(context.artifacts(), weights), fresh_weights(context, spec), /*new_head=*/true)
      .weights;
}

/// Batches whose statistics a batch norm gets that is put into a net.
constexpr std::int64_t kStatisticsBatches = 100;

/// Fresh weights, those of the pretraining with a new head, or those of the file that the net starts from; notes a head that had to be made
/// anew.
eval::Weights first_weights(const StageContext& context, const TaskData& data, const eval::NetSpec& spec, storage::StageOutcome& outcome) {
  if (context.inputs.contains("start")) return weights_with_new_head(context, spec);
  eval::Weights fresh = fresh_weights(context, spec);
  const Json& net = context.parameters.at("net");
  if (!net.contains("weights")) return fresh;
  const std::string path = net["weights"].at("path");
  check_unchanged("weights " + path, eval::weights_identity(path), net["weights"].at("identity"));
  if (net["weights"].contains("content")) check_unchanged("weights " + path, eval::weights_content(path), net["weights"]["content"]);
  const bool inserts_norms = net["weights"].value("insert_batch_norm", false);
  eval::StartingWeights start = starting_weights_of(path, spec, fresh, inserts_norms);
  if (!start.fresh_layer.empty()) {
    fmt::print(stderr, "{}: layer {} tells other classes apart and starts anew\n", path, start.fresh_layer);
    outcome.values["fresh_layer"] = start.fresh_layer;
  }
  if (!inserts_norms) return std::move(start.weights);
  const auto images = kStatisticsBatches * context.parameters.at("train").at("batch").get<std::int64_t>();
  return prune::fill_batch_norm(spec, std::move(start.weights), *data.dataset, data.normalisation,
                                eval::sample_images(*data.dataset, images, context.seed()), context.device);
}

/// The epochs in which a net takes as many multiply-accumulates as those trainings took that led to the net whose shape it has (Liu et al.
/// 2019, arXiv 1810.05270: Scratch-B).
int epochs_for_spent(const StageContext& context, const Json& spent, const eval::NetSpec& spec) {
  double macs = 0;
  for (const auto& [role, epochs] : spent.items())
    macs += epochs.get<double>() *
            static_cast<double>(eval::cost(eval::net_spec_from_json(context.inputs.at(role).at("architecture").at("spec"))).macs);
  return std::max(1, static_cast<int>(std::lround(macs / static_cast<double>(eval::cost(spec).macs))));
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
  eval::Net net(spec, first_weights(context, data, spec, outcome), context.device);
  outcome.values["base"] = base_of(spec);
  outcome.values["base"]["epochs"] = options.epochs;
  train_and_record(context, data, net, options, precision, 0, outcome);
  if (outcome.state == storage::StageState::done) outcome.architecture = architecture_of(spec, "", Json());
  return outcome;
}

storage::StageOutcome run_transfer(const StageContext& context) {
  const TaskData& data = context.cache.data(context.parameters.at("data"));
  const Json &start = context.inputs.at("start"), &cut = start.at("architecture");
  const eval::NetSpec spec = requested_net({{"spec", cut.at("spec")}, {"width", 1}}, *data.dataset);
  const prune::TrainOptions options = prune::train_options_from_json(context.parameters.at("train"));
  storage::StageOutcome outcome;
  eval::Net net(spec, weights_with_new_head(context, spec), context.device);
  outcome.values["base"] = start.at("values").at("base");
  const bool is_sparse = start.at("values").value("sparse", false);
  train_and_record(context, data, net, options, precision_after(start, options), 0, outcome, {.keep_zeros = is_sparse});
  if (outcome.state != storage::StageState::done) return outcome;
  if (is_sparse) outcome.metrics.push_back({"net", "sparsity", prune::count_zeros(spec, net.weights()).sparsity(), {}});
  Json kept = cut.at("kept"), &classes = kept[spec.layers[eval::decision_layer(spec)].name] =
                                  Json::array();  // all of the task's, where the pretraining had its own
  for (std::size_t each = 0; each < data.dataset->class_names().size(); ++each) classes.push_back(each);
  outcome.architecture = architecture_of(spec, cut.at("hash"), std::move(kept));
  return outcome;
}

storage::StageOutcome run_scratch(const StageContext& context) {
  const TaskData& data = context.cache.data(context.parameters.at("data"));
  const Json& shape = context.inputs.at("shape");
  const eval::NetSpec spec = eval::net_spec_from_json(shape.at("architecture").at("spec"));
  prune::TrainOptions options = prune::train_options_from_json(context.parameters.at("train"));
  if (context.parameters.contains("spent")) options.epochs = epochs_for_spent(context, context.parameters["spent"], spec);
  storage::StageOutcome outcome;
  eval::Net net(spec, fresh_weights(context, spec), context.device);
  outcome.values["base"] = base_of(spec);
  outcome.values["base"]["epochs"] = options.epochs;
  train_and_record(context, data, net, options, precision_after(shape, options), 0, outcome);
  if (outcome.state == storage::StageState::done) outcome.architecture = architecture_from_json(shape.at("architecture"));
  return outcome;
}

}  // namespace search
