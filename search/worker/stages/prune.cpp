#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "eval/accuracy.h"
#include "prune/batch_norm.h"
#include "prune/criteria/catalog.h"
#include "prune/criteria/criterion.h"
#include "prune/magnitude.h"
#include "prune/starting_lr.h"
#include "prune/stepwise_cut.h"
#include "search/worker/stages/base_net.h"
#include "search/worker/stages/training.h"
#include "storage/base/error.h"
#include "storage/base/fingerprint.h"

namespace search {

using storage::Error;
using storage::ErrorKind;

namespace {

/// The widths of another net cut from the same base, or one of those that a stage `candidates` lists. Throws storage::Error(invalid) where
/// that lists fewer.
std::vector<int> widths_of(const prune::ChannelGroups& groups, const StageContext& context, const std::vector<std::string>& protect) {
  const Json& source = context.inputs.at("widths");
  if (context.parameters.contains("candidate")) {
    const auto place = context.parameters["candidate"].get<std::size_t>();
    const Json& best = source.at("values").at("best");
    if (place >= best.size())
      throw Error(ErrorKind::invalid,
                  fmt::format("this is finalist {} of a search that found only {} different width vectors of the size asked for; valid: "
                              "'finalists: {}', or a larger 'keep'",
                              place + 1, best.size(), best.size()));
    return best[place].at("widths");
  }
  const prune::ChannelGroups others = prune::channel_groups(eval::net_spec_from_json(source.at("architecture").at("spec")), protect);
  if (others.groups.size() != groups.groups.size()) throw Error(ErrorKind::internal, "the net that gives the widths has other layers");
  std::vector<int> widths;
  for (const prune::ChannelGroup& group : others.groups) widths.push_back(group.size);
  return widths;
}

std::vector<storage::LayerRecord> layer_records(const eval::NetSpec& cut, const prune::ChannelGroups& groups,
                                                const prune::Allocation& allocation, const Json& base) {
  std::vector<storage::LayerRecord> records;
  std::set<int> recorded;  // a layer may be in two groups: the first speaks for it
  for (std::size_t g = 0; g < groups.groups.size(); ++g) {
    const prune::GroupReport& report = allocation.reports[g];
    for (int producer : groups.groups[g].producers) {
      const eval::Layer& layer = cut.layers[producer];
      if (!eval::has_filters(layer.kind) || !recorded.insert(producer).second) continue;
      storage::LayerRecord record{
          .layer = layer.name, .channels = layer.channels, .base_channels = base.at("channels").at(layer.name).get<int>()};
      record.fixed = groups.groups[g].fixed;
      if (record.fixed.empty()) {
        record.score_min = report.score_min;
        record.score_mean = report.score_mean;
        record.score_max = report.score_max;
        record.threshold = report.threshold;
        record.floor_applied = report.floor_applied;
        record.cap_applied = report.cap_applied;
      }
      records.push_back(record);
    }
  }
  return records;
}

/// Widths on the way from those now to the target, of which `left` steps are left.
std::vector<int> widths_towards(const prune::ChannelGroups& groups, std::vector<int> target, int left) {
  for (std::size_t g = 0; g < target.size(); ++g) {
    const double now = groups.groups[g].size;
    target[g] = static_cast<int>(std::lround(now * std::pow(target[g] / now, 1.0 / left)));
  }
  return target;
}

void recalibrate(const StageContext& context, eval::Net& net) {
  const TaskData& data = context.cache.data(context.parameters.at("data"));
  const auto images = context.parameters.at("limits").at("recalibrate").get<std::int64_t>();
  prune::recalibrate_batch_norm(net, *data.dataset, data.normalisation,
                                eval::sample_images(*data.dataset, images, context.seed(Draws::settling)));
}

/// Cuts as the stage asks, in its substeps. Where the net is then to take longer than it may, one more cut, scored anew, brings it there.
prune::StepwiseNet cut_net(const StageContext& context, const eval::Net& net, const prune::ChannelGroups& groups,
                           const std::vector<std::string>& protect, const std::optional<eval::LatencyTable>& table) {
  const Json& parameters = context.parameters;
  const TaskData& data = context.cache.data(parameters.at("data"));
  const Json &base = context.inputs.at("net").at("values").at("base"), &limits = parameters.at("limits"),
             &criterion = parameters.at("criterion");
  prune::StepwiseCut all{
      .whole = net,
      .data = data.dataset.get(),
      .normalisation = data.normalisation,
      .criterion = criterion.at("name"),
      .options = criterion.at("options"),
      .allocation = prune::allocation_method_from_string(parameters.at("allocation")),
      .limits = prune::allocation_limits_from_json(limits),
      .combination = prune::combination_from_string(limits.at("combine")),
      .protect = protect,
      .base = [&](const eval::NetSpec& spec, const prune::ChannelGroups& now) { return allocation_base(spec, now, base, table); },
      .recalibrate = limits.at("recalibrate"),
      .seed = context.seed(Draws::scoring),
      .images_seed = context.seed(Draws::settling)};
  if (parameters.contains("refit")) all.refit = prune::refit_options_from_json(parameters["refit"]);

  const prune::PruneRequest whole_way = prune::prune_request_from_json(parameters.at("request"));
  const auto share_left = [&](const eval::NetSpec& spec, const prune::ChannelGroups& now) {
    return prune::share_left(spec, now, whole_way.of, allocation_base(spec, now, base, table));
  };
  const std::vector<prune::PruneRequest> requests =
      prune::substeps(whole_way, share_left(net.spec(), groups), parameters.value("substeps", 1));
  prune::StepwiseNet result{.cut = {net.spec(), net.weights()}};
  for (std::size_t i = 0; i < requests.size(); ++i) {
    context.progress(0.1 * static_cast<double>(i) / static_cast<double>(requests.size()), "scoring");
    const auto widths = [&](const prune::ChannelGroups& now) {
      return widths_towards(now, widths_of(now, context, protect), static_cast<int>(requests.size() - i));
    };
    if (context.inputs.contains("widths"))
      prune::cut_further(all, requests[i], result, widths);
    else
      prune::cut_further(all, requests[i], result);
  }
  if (context.inputs.contains("widths") && whole_way.kind == prune::PruneRequest::Kind::keep) {  // of which the widths know nothing
    const double left = share_left(result.cut.spec, prune::channel_groups(result.cut.spec, protect));
    result.allocation.target_reached = left <= whole_way.value * (1 + 1e-9);
  }
  if (!table || !parameters.contains("at_most_ms")) return result;
  if (const double bound = parameters["at_most_ms"]; table->estimate(result.cut.spec) > bound)
    prune::cut_further(all, {.value = bound / table->whole_ms, .of = prune::Budget::latency}, result);
  return result;
}

/// The same net, in which single weights are 0, and batch norm estimated anew.
prune::StepwiseNet thin_net(const StageContext& context, const eval::Net& net, const prune::ChannelGroups& groups,
                            const std::vector<std::string>& protect, storage::StageOutcome& outcome) {
  const Json& parameters = context.parameters;
  const prune::PruneRequest request = prune::prune_request_from_json(parameters.at("request"));
  if (request.kind != prune::PruneRequest::Kind::keep)
    throw Error(ErrorKind::invalid, "a criterion of single weights takes no threshold; valid: a request 'keep'");
  prune::Sparse sparse = prune::zero_least(net.spec(), net.weights(), request.value, parameters.at("criterion").at("options"), protect);
  outcome.metrics.push_back({"net", "sparsity", sparse.sparsity(), {}});
  outcome.values["sparse"] = true;  // trainings that follow keep its zeros
  eval::Net thinned(net.spec(), std::move(sparse.weights), context.device);
  recalibrate(context, thinned);
  const prune::KeepMask mask = prune::keep_all(groups);
  return {.cut = {net.spec(), thinned.weights()},
          .kept = prune::kept_to_json(net.spec(), groups, mask),
          .groups = groups,
          .allocation = {.mask = mask, .reports = std::vector<prune::GroupReport>(groups.groups.size())}};
}

/// What the channels that were kept give on validation data without a refit: as they were cut, and with batch norm estimated anew.
void record_unrefitted(const StageContext& context, prune::Cut cut, storage::StageOutcome& outcome) {
  const TaskData& data = context.cache.data(context.parameters.at("data"));
  eval::Net smaller(cut.spec, std::move(cut.weights), context.device);
  const auto record = [&](const char* name) {
    const double accuracy =
        eval::evaluate(smaller, *data.dataset, data.normalisation, data.dataset->split(eval::Split::validation)).accuracy;
    outcome.metrics.push_back({"val", name, accuracy, {}});
  };
  record("accuracy_as_cut");
  recalibrate(context, smaller);
  record("accuracy_batch_norm");
}

}  // namespace

storage::StageOutcome run_prune(const StageContext& context) {
  const Json& parameters = context.parameters;
  const TaskData& data = context.cache.data(parameters.at("data"));
  const Json& parent = context.inputs.at("net");
  const Json& base = parent.at("values").at("base");
  storage::check_options(prune::allocation_options(), parameters.at("limits"), "limits");
  const eval::Net net = context.input_net("net");
  const auto protect = parameters.at("limits").at("protect").get<std::vector<std::string>>();
  const prune::ChannelGroups groups = prune::channel_groups(net.spec(), protect);
  const bool is_sparse = prune::criterion_entry(parameters.at("criterion").at("name")).unstructured;
  const bool is_refitted = parameters.contains("refit") && !is_sparse;
  const std::optional<eval::LatencyTable> table = context.latency_table();
  storage::StageOutcome outcome;
  const prune::StepwiseNet result =
      is_sparse ? thin_net(context, net, groups, protect, outcome) : cut_net(context, net, groups, protect, table);

  outcome.values["base"] = base;
  outcome.values["target_reached"] = result.allocation.target_reached;
  if (result.allocation.eta) outcome.values["eta"] = *result.allocation.eta;
  if (!result.details.is_null()) outcome.values["scoring"] = result.details;
  if (table) outcome.metrics.push_back({"", "latency_estimate_ms", table->estimate(result.cut.spec), {}});
  outcome.layers = layer_records(result.cut.spec, result.groups, result.allocation, base);
  const storage::ArchitectureRecord architecture = architecture_of(result.cut.spec, parent.at("architecture").at("hash"),
                                                                   prune::compose_kept(parent.at("architecture").at("kept"), result.kept));

  context.progress(0.1, "validating the cut");
  prune::TrainOptions retrain = prune::train_options_from_json(parameters.at("retrain"));
  if (is_refitted || parameters.contains("lr_start")) {
    // The channels that were kept, with the weights that they had.
    prune::Cut as_cut =
        is_sparse ? result.cut : prune::cut(net.spec(), groups, net.weights(), prune::kept_from_json(net.spec(), groups, result.kept));
    if (parameters.contains("lr_start")) {
      retrain.optimizer.lr *= prune::starting_share(net, as_cut, is_sparse, retrain.epochs, base.value("epochs", retrain.epochs));
      outcome.values["lr_start"] = retrain.optimizer.lr;
    }
    if (is_refitted) {
      outcome.metrics.push_back({"refit", "images", static_cast<double>(result.refit_images), {}});
      record_unrefitted(context, std::move(as_cut), outcome);
    }
  }
  eval::Net smaller(result.cut.spec, result.cut.weights, context.device);
  const eval::Evaluation before = eval::evaluate(smaller, *data.dataset, data.normalisation, data.dataset->split(eval::Split::validation));
  outcome.metrics.push_back({"val", "accuracy_before_retraining", before.accuracy, {}});

  TrainingStart start{.from = storage::fingerprint(result.kept), .keep_zeros = is_sparse};
  if (is_refitted) start.validated = {.val_accuracy = before.accuracy, .val_loss = before.loss};  // it may be the best there is
  train_and_record(context, data, smaller, retrain, precision_after(parent, retrain), 0.15, outcome, start);
  if (outcome.state == storage::StageState::done) outcome.architecture = architecture;
  return outcome;
}

}  // namespace search
