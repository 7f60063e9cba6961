#include <fmt/format.h>

#include "eval/accuracy.h"
#include "eval/formats/safetensors.h"
#include "eval/layer_latency.h"
#include "prune/batch_norm.h"
#include "prune/criteria/catalog.h"
#include "prune/magnitude.h"
#include "prune/refit.h"
#include "prune/surgery.h"
#include "prune/width_cost.h"
#include "search/worker/requests/requests.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/option.h"

namespace search {

using storage::Error;
using storage::ErrorKind;

namespace {

void check_protected(const eval::NetSpec& spec, const std::vector<std::string>& names) {
  const std::vector<std::string> valid = eval::filter_layers(spec);
  for (const std::string& name : names)
    if (std::find(valid.begin(), valid.end(), name) == valid.end())
      throw Error(ErrorKind::invalid, fmt::format("protect: '{}' is no layer with filters{}", name, storage::suggestion(name, valid)));
}

prune::Allocation allocate(const Json& request, const eval::Net& net, const prune::ChannelGroups& groups,
                           const std::optional<TaskData>& data, const prune::AllocationBase& base) {
  const Json& limits = request.at("limits");
  prune::ScoringTask task = scoring_task(request, net, groups, data);
  task.combination = prune::combination_from_string(limits.at("combine"));
  const prune::Scoring scoring = prune::make_criterion(request.at("criterion"), request.at("options"))->score(task);
  return prune::allocate(net.spec(), groups, scoring.scores, prune::prune_request_from_json(request.at("request")),
                         prune::allocation_method_from_string(request.at("allocation")), prune::allocation_limits_from_json(limits), base,
                         scoring.spreads);
}

/// The times of the net's layers on this device, where the request counts in them.
std::optional<eval::LatencyTable> latency_table(const Json& request, const eval::Net& net) {
  if (!request.contains("request") || !prune::is_of_latency(prune::prune_request_from_json(request.at("request")))) return {};
  return eval::measure_latency_table(net.spec(), /*batch=*/1, net.device(), [](double) { return true; });
}

/// The net's weights with those of least magnitude 0.
eval::Weights zero_least(const Json& request, const eval::Net& net) {
  const prune::PruneRequest asked = prune::prune_request_from_json(request.at("request"));
  if (asked.kind != prune::PruneRequest::Kind::keep || request.contains("refit"))
    throw Error(ErrorKind::usage,
                fmt::format("criterion {} takes single weights: neither a threshold nor a refit is for it; valid: --keep, as in --keep 0.5",
                            request.at("criterion").get<std::string>()));
  return prune::zero_least(net.spec(), net.weights(), asked.value, request.at("options")).weights;
}

/// Why layers were left whole, and which bounds acted: {layer: reason}.
Json remarks(const prune::ChannelGroups& groups, const prune::Allocation& allocation) {
  Json remarks = Json::object();
  for (std::size_t g = 0; g < groups.groups.size(); ++g) {
    const prune::ChannelGroup& group = groups.groups[g];
    if (!group.fixed.empty())
      remarks[group.name] = group.fixed;
    else if (g < allocation.reports.size() && allocation.reports[g].floor_applied)
      remarks[group.name] = "the floor kept channels";
    else if (g < allocation.reports.size() && allocation.reports[g].cap_applied)
      remarks[group.name] = "the cap kept channels";
  }
  return remarks;
}

/// What a mask leaves of the net, counted as a `keep` request counts; null for others.
Json share_left(const Json& request, const eval::NetSpec& spec, const prune::ChannelGroups& groups, const prune::KeepMask& mask,
                const prune::AllocationBase& base) {
  const prune::PruneRequest asked = prune::prune_request_from_json(request);
  if (asked.kind != prune::PruneRequest::Kind::keep) return {};
  return prune::WidthCost(spec, groups, asked.of, base.latency).cost(prune::kept_counts(mask)) / prune::base_size(groups, asked.of, base);
}

/// Gives `smaller`, the cut net, its refitted weights, and says what that did: {"images", "layers": [...]}, and where the data have
/// validation images the "accuracy" on them.
Json refit(const Json& request, const eval::Net& net, const prune::ChannelGroups& groups, const prune::KeepMask& mask, const TaskData& data,
           eval::Net& smaller) {
  const prune::Refit refit =
      prune::refit(net, groups, mask, {smaller.spec(), smaller.weights()}, *data.dataset, data.normalisation,
                   {.images = request.at("refit").at("images").get<std::int64_t>(), .seed = request.at("seed").get<std::uint64_t>()});
  Json answer{{"images", refit.images}, {"layers", Json::array()}};
  for (const prune::LayerRefit& layer : refit.layers) {
    Json& entry = answer["layers"].emplace_back(Json{{"layer", layer.layer}, {"error_before", layer.before}, {"error_after", layer.after}});
    if (layer.reason.empty())
      entry.update({{"ridge", layer.ridge}, {"samples", layer.samples}});
    else
      entry["kept"] = layer.reason;
  }
  const auto images = data.dataset->split(eval::Split::validation);
  const auto accuracy = [&](const eval::Net& of) { return eval::evaluate(of, *data.dataset, data.normalisation, images).accuracy; };
  if (!images.empty()) answer["accuracy"] = {{"whole", accuracy(net)}, {"cut", accuracy(smaller)}};
  smaller.assign(refit.weights);
  if (!images.empty()) answer["accuracy"]["refitted"] = accuracy(smaller);
  return answer;
}

}  // namespace

Json prune_net(const Json& request) {
  GivenNet given = load_net(request);
  const std::optional<TaskData> data = load_data(request, given);
  const Json& limits = request.at("limits");
  const auto protect = limits.at("protect").get<std::vector<std::string>>();
  check_protected(given.spec, protect);
  const eval::Net net(given.spec, std::move(given.weights), device_of(request));
  const prune::ChannelGroups groups = prune::channel_groups(given.spec, protect);
  const bool is_sparse = request.contains("criterion") && prune::criterion_entry(request.at("criterion")).unstructured;
  const std::optional<eval::LatencyTable> table = latency_table(request, net);
  prune::AllocationBase base = prune::allocation_base(given.spec, groups, eval::cost(given.spec), {});
  if (table) base.latency = &*table;
  prune::Allocation allocation;
  if (request.contains("mask"))
    allocation.mask = prune::kept_from_json(given.spec, groups, request.at("mask"));
  else if (is_sparse)
    allocation.mask = prune::keep_all(groups);
  else
    allocation = allocate(request, net, groups, data, base);

  prune::Cut cut = prune::cut(given.spec, groups, net.weights(), allocation.mask);
  if (is_sparse) cut.weights = zero_least(request, net);
  eval::Net smaller(std::move(cut.spec), std::move(cut.weights), net.device());
  Json refitted;
  if (data && request.contains("refit")) {
    refitted = refit(request, net, groups, allocation.mask, *data, smaller);
  } else if (data && !request.contains("mask")) {  // a mask is cut exactly; else the running statistics are those of the larger net
    prune::recalibrate_batch_norm(
        smaller, *data->dataset, data->normalisation,
        eval::sample_images(*data->dataset, limits.at("recalibrate").get<std::int64_t>(), request.at("seed").get<std::uint64_t>()));
  }
  const Json kept = prune::compose_kept(given.kept, prune::kept_to_json(given.spec, groups, allocation.mask));
  const std::filesystem::path output = request.at("output").get<std::string>();
  const storage::TemporaryNeighbour temporary(output);
  eval::write_net(temporary.path(), smaller.spec(), smaller.weights(), kept, given.info);
  storage::commit_file(temporary.path(), output);

  const eval::Cost before = eval::cost(given.spec), after = eval::cost(smaller.spec());
  const Json left = request.contains("request") ? share_left(request.at("request"), given.spec, groups, allocation.mask, base) : Json();
  Json answer{{"params", after.params},
              {"macs", after.macs},
              {"before", {{"params", before.params}, {"macs", before.macs}}},
              {"kept", kept},
              {"remarks", remarks(groups, allocation)},
              {"target_reached", allocation.target_reached},
              {"left", left},
              {"output", output.string()}};
  if (!refitted.is_null()) answer["refit"] = refitted;
  if (table) {
    answer["latency_estimate_ms"] = table->estimate(smaller.spec());
    answer["before"]["latency_estimate_ms"] = table->whole_ms;
  }
  if (allocation.eta) answer["eta"] = *allocation.eta;
  if (is_sparse) answer["sparsity"] = prune::count_zeros(smaller.spec(), smaller.weights()).sparsity();
  return answer;
}

}  // namespace search
