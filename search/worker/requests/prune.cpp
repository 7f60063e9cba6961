#include <fmt/format.h>

#include "eval/accuracy.h"
#include "eval/data/dataset.h"
#include "eval/layer_latency.h"
#include "eval/nets/layer_shape.h"
#include "prune/criteria/catalog.h"
#include "prune/magnitude.h"
#include "prune/stepwise_cut.h"
#include "search/worker/requests/requests.h"
#include "search/worker/stages/base_net.h"
#include "storage/base/error.h"
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
  return prune::zero_least(net.spec(), net.weights(), asked.value, request.at("options"),
                           request.at("limits").at("protect").get<std::vector<std::string>>())
      .weights;
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

/// What the cut left of the net, counted as a `keep` request counts; null for others.
Json share_left(const Json& request, const prune::StepwiseCut& all, const eval::NetSpec& smaller) {
  if (!request.contains("request")) return {};
  const prune::PruneRequest asked = prune::prune_request_from_json(request["request"]);
  if (asked.kind != prune::PruneRequest::Kind::keep) return {};
  const prune::ChannelGroups groups = prune::channel_groups(smaller, all.protect);
  return prune::share_left(smaller, groups, asked.of, all.base(smaller, groups));
}

/// How the request says that a net is cut, whatever to.
prune::StepwiseCut cutting(const Json& request, const eval::Net& net, const std::optional<TaskData>& data,
                           const std::optional<eval::LatencyTable>& table) {
  const Json& limits = request.at("limits");
  prune::StepwiseCut all{.whole = net,
                         .limits = prune::allocation_limits_from_json(limits),
                         .combination = prune::combination_from_string(limits.at("combine")),
                         .protect = limits.at("protect").get<std::vector<std::string>>()};
  all.base = [base = base_of(net.spec()), &table](const eval::NetSpec& spec, const prune::ChannelGroups& groups) {
    return allocation_base(spec, groups, base, table);
  };
  if (request.contains("seed")) all.seed = all.images_seed = request.at("seed").get<std::uint64_t>();
  if (data) {
    all.data = data->dataset.get();
    all.normalisation = data->normalisation;
  }
  if (request.contains("criterion")) {
    all.criterion = request.at("criterion");
    all.options = request.at("options");
  }
  if (request.contains("allocation")) all.allocation = prune::allocation_method_from_string(request.at("allocation"));
  if (data && request.contains("refit"))
    all.refit = prune::RefitOptions{.images = request.at("refit").at("images").get<std::int64_t>()};
  else if (data && !request.contains("mask"))  // a mask is cut exactly; else the running statistics are those of the larger net
    all.recalibrate = limits.at("recalibrate").get<std::int64_t>();
  return all;
}

/// The net cut as the request asks, and in how many steps.
std::pair<prune::StepwiseNet, std::size_t> cut_net(const Json& request, const prune::StepwiseCut& all, const prune::ChannelGroups& groups) {
  const eval::NetSpec& spec = all.whole.spec();
  prune::StepwiseNet net{.cut = {spec, all.whole.weights()}};
  if (request.contains("mask")) {
    net.allocation.mask = prune::kept_from_json(spec, groups, request.at("mask"), request.at("mask_file"));
  } else if (prune::criterion_entry(all.criterion).unstructured) {
    net.allocation.mask = prune::keep_all(groups);
    net.cut.weights = zero_least(request, all.whole);
  } else {
    const prune::PruneRequest asked = prune::prune_request_from_json(request.at("request"));
    const bool by_threshold = all.allocation == prune::AllocationMethod::eta;
    const int count = request.value("substeps", all.refit ? prune::default_substeps(asked, 1, by_threshold) : 1);
    const std::vector<prune::PruneRequest> steps = prune::substeps(asked, 1, count);
    for (const prune::PruneRequest& step : steps) prune::cut_further(all, step, net);
    return {std::move(net), steps.size()};
  }
  net.groups = groups;
  net.kept = prune::kept_to_json(spec, groups, net.allocation.mask);
  if (request.contains("mask")) net.cut = prune::cut(spec, groups, all.whole.weights(), net.allocation.mask);
  prune::fit_weights(all, net);
  return {std::move(net), 1};
}

/// What the refit did: {"images", "layers": [...]}, and where the data have validation images the "accuracy" on them.
Json refit_to_json(const prune::StepwiseCut& all, const prune::ChannelGroups& groups, const prune::StepwiseNet& net) {
  Json answer{{"images", net.refit_images}, {"layers", Json::array()}};
  for (const prune::LayerRefit& layer : net.refitted) {
    Json& entry = answer["layers"].emplace_back(Json{{"layer", layer.layer}, {"error_before", layer.before}, {"error_after", layer.after}});
    if (layer.reason.empty())
      entry.update({{"ridge", layer.ridge}, {"samples", layer.samples}});
    else
      entry["kept"] = layer.reason;
  }
  const auto images = all.data->split(eval::Split::validation);
  if (images.empty() || all.data->class_names().size() < 2) return answer;
  const auto accuracy = [&](const eval::Net& of) { return eval::evaluate(of, *all.data, all.normalisation, images).accuracy; };
  const eval::NetSpec& spec = all.whole.spec();
  prune::Cut as_cut = prune::cut(spec, groups, all.whole.weights(), prune::kept_from_json(spec, groups, net.kept));
  answer["accuracy"] = {{"whole", accuracy(all.whole)},
                        {"cut", accuracy({std::move(as_cut.spec), std::move(as_cut.weights), all.whole.device()})},
                        {"refitted", accuracy({net.cut.spec, net.cut.weights, all.whole.device()})}};
  return answer;
}

/// The request with "data" from a folder of images that the refit names, decoded as the net takes them.
Json with_images(Json request, const eval::NetSpec& spec) {
  if (!request.contains("refit") || !request["refit"].contains("folder")) return request;
  const eval::Shape shape = eval::output_shapes(spec).front();
  if (shape.height != shape.width || (shape.channels != 1 && shape.channels != 3))
    throw storage::Error(storage::ErrorKind::invalid,
                         fmt::format("the net takes images of {}, and pictures of a folder become squares of one or three channels; valid: "
                                     "--refit N with --data",
                                     eval::to_string(shape)));
  const eval::DatasetEntry& entry = eval::dataset_entry("folder");
  const Json given{{"root", request["refit"]["folder"]},
                   {"labels", "none"},
                   {"size", shape.height},
                   {"gray", shape.channels == 1},
                   {"bad_images", "skip"}};
  request["data"] = storage::check_options(entry.options, given, "--refit");
  request["data"]["format"] = entry.format;
  request["target"] = "";
  return request;
}

/// Images of a folder that were left out, on stderr.
void tell_left_out(std::span<const eval::LeftOut> images) {
  if (images.empty()) return;
  fmt::print(stderr, "nas-run: {} images cannot be used and are left out, the first: {}: {}\n", images.size(), images.front().image,
             images.front().reason);
}

}  // namespace

Json prune_net(const Json& request) {
  GivenNet given = load_net(request);
  const std::optional<TaskData> data = load_data(with_images(request, given.spec), given);
  if (data && !request.contains("data")) tell_left_out(data->dataset->left_out());
  const auto protect = request.at("limits").at("protect").get<std::vector<std::string>>();
  check_protected(given.spec, protect);
  const eval::Net net(given.spec, std::move(given.weights), device_of(request));
  const prune::ChannelGroups groups = prune::channel_groups(given.spec, protect);
  const std::optional<eval::LatencyTable> table = latency_table(request, net);
  const prune::StepwiseCut all = cutting(request, net, data, table);
  const auto [result, steps] = cut_net(request, all, groups);

  const eval::NetSpec& smaller = result.cut.spec;
  const Json kept = prune::compose_kept(given.kept, result.kept);
  write_given({smaller, result.cut.weights, kept, given.info}, request.at("to"), request);

  const eval::Cost before = eval::cost(given.spec), after = eval::cost(smaller);
  Json answer{{"params", after.params},
              {"macs", after.macs},
              {"before", {{"params", before.params}, {"macs", before.macs}}},
              {"kept", kept},
              {"remarks", remarks(result.groups, result.allocation)},
              {"substeps", steps},
              {"target_reached", result.allocation.target_reached},
              {"left", share_left(request, all, smaller)},
              {"output", request.at("output")}};
  if (all.refit) answer["refit"] = refit_to_json(all, groups, result);
  if (table) {
    answer["latency_estimate_ms"] = table->estimate(smaller);
    answer["before"]["latency_estimate_ms"] = table->whole_ms;
  }
  if (result.allocation.eta) answer["eta"] = *result.allocation.eta;
  if (request.contains("criterion") && prune::criterion_entry(request.at("criterion")).unstructured)
    answer["sparsity"] = prune::count_zeros(smaller, result.cut.weights).sparsity();
  return answer;
}

}  // namespace search
