#include <fmt/format.h>

#include "eval/accuracy.h"
#include "prune/batch_norm.h"
#include "prune/criteria/criterion.h"
#include "prune/surgery.h"
#include "search/worker/stages/training.h"
#include "storage/base/error.h"

namespace search {

using storage::Error;
using storage::ErrorKind;

namespace {

/// The base's channels by group. Units of a group share their layers' fate, so any producer tells.
prune::AllocationBase allocation_base(const eval::NetSpec& spec, const prune::ChannelGroups& groups, const Json& base) {
  prune::AllocationBase result{{base.at("params").get<std::int64_t>(), base.at("macs").get<std::int64_t>()}, {}};
  for (const prune::ChannelGroup& group : groups.groups) {
    const eval::Layer& producer = spec.layers[group.producers.front()];
    const auto channels = base.at("channels").find(producer.name);
    result.channels.push_back(channels == base.at("channels").end() ? group.size : channels->get<int>());
  }
  return result;
}

/// The widths of another net cut from the same base.
std::vector<int> widths_of(const prune::ChannelGroups& groups, const eval::NetSpec& other, const std::vector<std::string>& protect) {
  const prune::ChannelGroups others = prune::channel_groups(other, protect);
  if (others.groups.size() != groups.groups.size()) throw Error(ErrorKind::internal, "the net that gives the widths has other layers");
  std::vector<int> widths;
  for (const prune::ChannelGroup& group : others.groups) widths.push_back(group.size);
  return widths;
}

std::vector<storage::LayerRecord> layer_records(const eval::NetSpec& cut, const prune::ChannelGroups& groups,
                                                const prune::Allocation& allocation, const Json& base) {
  std::vector<storage::LayerRecord> records;
  for (std::size_t g = 0; g < groups.groups.size(); ++g) {
    const prune::GroupReport& report = allocation.reports[g];
    for (int producer : groups.groups[g].producers) {
      const eval::Layer& layer = cut.layers[producer];
      if (!eval::has_filters(layer.kind)) continue;
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

}  // namespace

storage::StageOutcome run_prune(const StageContext& context) {
  const Json& parameters = context.parameters;
  const TaskData& data = context.cache.data(parameters.at("data"));
  const Json& parent = context.inputs.at("net");
  const Json& base = parent.at("values").at("base");
  const auto seed = parameters.at("seed").get<std::uint64_t>();
  eval::Net net = context.input_net("net");
  const eval::NetSpec& spec = net.spec();
  const Json limits = storage::check_options(prune::allocation_options(), parameters.at("limits"), "limits");
  const auto protect = limits.at("protect").get<std::vector<std::string>>();
  const prune::ChannelGroups groups = prune::channel_groups(spec, protect);

  context.progress(0, "scoring");
  const Json& criterion = parameters.at("criterion");
  const prune::Scoring scoring = prune::make_criterion(criterion.at("name"), criterion.at("options"))
                                     ->score({net, groups, data.dataset.get(), data.normalisation, eval::mix_seed(seed, 2),
                                              prune::combination_from_string(limits.at("combine"))});
  const prune::Allocation allocation =
      context.inputs.contains("widths")
          ? prune::allocate_widths(
                groups, scoring.scores,
                widths_of(groups, eval::net_spec_from_json(context.inputs["widths"].at("architecture").at("spec")), protect))
          : prune::allocate(spec, groups, scoring.scores, prune::prune_request_from_json(parameters.at("request")),
                            prune::allocation_method_from_string(parameters.at("allocation")), prune::allocation_limits_from_json(limits),
                            allocation_base(spec, groups, base));
  prune::Cut cut = prune::cut(spec, groups, net.weights(), allocation.mask);

  storage::StageOutcome outcome;
  outcome.values["base"] = base;
  outcome.values["target_reached"] = allocation.target_reached;
  if (allocation.eta) outcome.values["eta"] = *allocation.eta;
  if (!scoring.details.is_null()) outcome.values["scoring"] = scoring.details;
  outcome.layers = layer_records(cut.spec, groups, allocation, base);
  const storage::ArchitectureRecord architecture =
      architecture_of(cut.spec, parent.at("architecture").at("hash"),
                      prune::compose_kept(parent.at("architecture").at("kept"), prune::kept_to_json(spec, groups, allocation.mask)));

  context.progress(0.1, "re-estimating batch norm");
  eval::Net smaller(cut.spec, std::move(cut.weights), context.device);
  prune::recalibrate_batch_norm(smaller, *data.dataset, data.normalisation,
                                eval::sample_images(*data.dataset, limits.at("recalibrate").get<std::int64_t>(), eval::mix_seed(seed, 3)));
  const eval::Evaluation before = eval::evaluate(smaller, *data.dataset, data.normalisation, data.dataset->split(eval::Split::validation));
  outcome.metrics.push_back({"val", "accuracy_before_retraining", before.accuracy, {}});

  const prune::TrainOptions retrain = prune::train_options_from_json(parameters.at("retrain"));
  const std::string precision = retrain.precision == "auto" ? parent.at("values").at("precision").get<std::string>()
                                                            : retrain.precision;  // auto: as the base was probed
  std::optional<eval::Net> teacher;
  if (context.inputs.contains("teacher")) teacher.emplace(context.input_net("teacher"));
  train_and_record(context, data, smaller, retrain, eval::precision_from_string(precision), 0.15, outcome, teacher ? &*teacher : nullptr);
  if (outcome.state == storage::StageState::done) outcome.architecture = architecture;
  return outcome;
}

}  // namespace search
