#include "prune/cut_options.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>
#include <vector>

#include "storage/base/named.h"

namespace prune {

using storage::Json;
using storage::Option;
using storage::OptionKind;
using storage::Options;

const Options& allocation_options() {
  static const Options options{
      {.name = "floor",
       .kind = OptionKind::real,
       .fallback = 0.1,
       .doc = "share of a layer's original channels that no cut goes below",
       .min = 0,
       .max = 1},
      {.name = "floor_channels",
       .kind = OptionKind::integer,
       .fallback = 3,
       .doc = "channels that no cut goes below",
       .min = 1,
       .max = 1 << 20},
      {.name = "cap",
       .kind = OptionKind::real,
       .fallback = 0.9,
       .doc = "largest share of a layer's channels that one cut may take, or where it is made in substeps each of them",
       .min = 0,
       .max = 1},
      {.name = "alpha",
       .kind = OptionKind::real,
       .fallback = 0.25,
       .doc =
           "greedy allocation removes the channel with the least score / (cost saved)^alpha; 0 ranks all layers' channels by score alone",
       .min = 0,
       .max = 4},
      {.name = "round_to",
       .kind = OptionKind::integer,
       .fallback = 1,
       .doc = "a layer that is cut has a multiple of so many channels left: as many as the request has room for, at an eta rounded down",
       .min = 1,
       .max = 1024},
      {.name = "combine",
       .kind = OptionKind::choice,
       .fallback = "mean",
       .doc = "of the scores of channels that live or die together",
       .choices = {"mean", "sum", "max"}},
      {.name = "protect", .kind = OptionKind::names, .fallback = Json::array(), .doc = "layers whose filters stay"},
      {.name = "recalibrate",
       .kind = OptionKind::integer,
       .fallback = 1000,
       .doc = "training images over which batch norm's statistics are estimated anew after a cut",
       .min = 1,
       .max = 1e9},
  };
  return options;
}

const std::vector<std::string>& budget_names() {
  static const std::vector<std::string> names{"params", "macs", "channels", "latency"};
  return names;
}

std::string to_string(Budget budget) {
  return budget_names()[static_cast<std::size_t>(budget)];
}

Budget budget_from_string(const std::string& text) {
  constexpr Budget budgets[] = {Budget::params, Budget::macs, Budget::channels, Budget::latency};
  return storage::find_named(budgets, text, "of:", [](Budget budget) { return to_string(budget); });
}

Combination combination_from_string(const std::string& text) {
  static const std::vector<std::pair<std::string, Combination>> rules{
      {"mean", Combination::mean}, {"sum", Combination::sum}, {"max", Combination::max}};
  return storage::find_named(rules, text, "combine:", [](const auto& rule) { return rule.first; }).second;
}

Json to_json(const RefitOptions& options) {
  Json json{{"images", options.images},
            {"places", options.places > 0 ? Json(options.places) : Json()},
            {"ridge", options.ridge ? Json(*options.ridge) : Json()}};
  if (options.fisher > 0) json["fisher"] = options.fisher;
  return json;
}

const Options& refit_options() {
  static const Options options{
      {.name = "images",
       .kind = OptionKind::integer,
       .fallback = 2000,
       .doc = "training images, drawn by seed; a layer sees no more than have room in 2 GB from there on: of VGG16 at 224 pixels the "
              "first 38, the last ones all",
       .min = 1,
       .max = 1e9},
      {.name = "places",
       .kind = OptionKind::integer,
       .doc = "places of each image and feature map, or auto: four samples for each input of a layer",
       .min = 1,
       .max = 1 << 20,
       .optional = true},
      {.name = "ridge",
       .kind = OptionKind::real,
       .doc = "what holds weights to those before, as a share of the inputs' mean square, or auto: found for each layer on images held out",
       .min = 0,
       .max = 1e9,
       .optional = true},
      {.name = "fisher",
       .kind = OptionKind::real,
       .fallback = 0.0,
       .doc = "share of a place's weight in the least squares that goes by how much the class scores depend on the layer's outputs there "
              "(their Fisher information); the rest weighs all places alike",
       .min = 0,
       .max = 1},
  };
  return options;
}

RefitOptions refit_options_from_json(const Json& json) {
  Json given = json;
  for (const Option& option : refit_options())
    if (given.contains(option.name) && given[option.name].is_null()) given.erase(option.name);
  const Json checked = storage::check_options(refit_options(), given, "refit");
  RefitOptions options;
  options.images = checked.at("images").get<std::int64_t>();
  options.places = checked.value("places", 0);
  if (checked.contains("ridge")) options.ridge = checked["ridge"].get<double>();
  options.fisher = checked.at("fisher").get<double>();
  return options;
}

std::vector<PruneRequest> substeps(const PruneRequest& request, double share, int count) {
  std::vector<PruneRequest> steps;
  if (request.kind == PruneRequest::Kind::keep && request.value < share) {
    for (int i = 1; i < count; ++i) {
      steps.push_back(request);
      steps.back().value = share * std::pow(request.value / share, static_cast<double>(i) / count);
    }
  }
  steps.push_back(request);
  return steps;
}

int default_substeps(const PruneRequest& request, double share, bool by_threshold) {
  if (by_threshold) return 1;
  const double bound = deep_cut * share * (1 - 1e-9);  // a search that goes by steps of just that share rounds to either side
  return request.kind == PruneRequest::Kind::keep && request.value < bound ? deep_cut_substeps : 1;
}

Json to_json(const PruneRequest& request) {
  if (request.kind == PruneRequest::Kind::eta) return {{"eta", request.value}};
  return {{"keep", request.value}, {"of", to_string(request.of)}};
}

PruneRequest prune_request_from_json(const Json& json) {
  PruneRequest request;
  if (json.contains("eta")) {
    request.kind = PruneRequest::Kind::eta;
    request.value = json.at("eta").get<double>();
    if (!(request.value >= 0)) throw storage::Error(storage::ErrorKind::invalid, fmt::format("eta: {}: must be 0 or more", request.value));
    return request;
  }
  request.value = json.at("keep").get<double>();
  if (!(request.value > 0 && request.value <= 1))
    throw storage::Error(storage::ErrorKind::invalid, fmt::format("keep: {}: must be above 0 and at most 1", request.value));
  request.of = budget_from_string(json.at("of").get<std::string>());
  return request;
}

}  // namespace prune
