#include "prune/options.h"

#include <fmt/format.h>

#include "storage/base/error.h"

namespace prune {

using storage::Json;
using storage::Option;
using storage::OptionKind;
using storage::Options;

const Options& train_options() {
  static const Options options{
      {.name = "epochs", .kind = OptionKind::integer, .fallback = 10, .doc = "passes over the training images", .min = 1, .max = 100000},
      {.name = "batch", .kind = OptionKind::integer, .fallback = 128, .doc = "images a step", .min = 1, .max = 65536},
      {.name = "lr_schedule",
       .kind = OptionKind::choice,
       .fallback = "cosine",
       .doc = "learning rate over the epochs: cosine falls to 0",
       .choices = {"cosine", "constant"}},
      {.name = "warmup",
       .kind = OptionKind::real,
       .fallback = 0.0,
       .doc = "epochs of linear warm-up, may be a fraction",
       .min = 0,
       .max = 1000},
      {.name = "label_smoothing",
       .kind = OptionKind::real,
       .fallback = 0.0,
       .doc = "share of each target spread over all classes",
       .min = 0,
       .max = 0.99},
      {.name = "augment",
       .kind = OptionKind::names,
       .fallback = Json::array({"flip", "shift"}),
       .doc = "random changes of the training images",
       .choices = {"flip", "shift"}},
      {.name = "shift",
       .kind = OptionKind::integer,
       .fallback = 2,
       .doc = "largest random shift in pixels, in both directions",
       .min = 0,
       .max = 64},
      {.name = "precision",
       .kind = OptionKind::choice,
       .fallback = "auto",
       .doc = "arithmetic of training: bf16 keeps fp32 master weights; auto takes bf16 where a measured probe gains 1.2x or more",
       .choices = {"auto", "fp32", "bf16"}},
  };
  return options;
}

const Options& optimizer_options() {
  static const Options options{
      {.name = "name", .kind = OptionKind::choice, .fallback = "sgd", .doc = "the optimiser", .choices = {"sgd"}},
      {.name = "lr", .kind = OptionKind::real, .fallback = 0.05, .doc = "learning rate at its highest", .min = 0, .max = 1000},
      {.name = "momentum", .kind = OptionKind::real, .fallback = 0.9, .doc = "momentum", .min = 0, .max = 0.9999},
      {.name = "weight_decay", .kind = OptionKind::real, .fallback = 5e-4, .doc = "L2 penalty on all trained tensors", .min = 0, .max = 1},
      {.name = "nesterov", .kind = OptionKind::boolean, .fallback = true, .doc = "Nesterov's form of the momentum; needs momentum above 0"},
  };
  return options;
}

TrainOptions train_options_from_json(const Json& json) {
  const Json& optimizer = json.at("optimizer");
  TrainOptions options;
  options.epochs = json.at("epochs").get<int>();
  options.batch = json.at("batch").get<int>();
  options.lr_schedule = json.at("lr_schedule").get<std::string>();
  options.warmup = json.at("warmup").get<double>();
  options.label_smoothing = json.at("label_smoothing").get<double>();
  options.augment = json.at("augment").get<std::vector<std::string>>();
  options.shift = json.at("shift").get<int>();
  options.precision = json.at("precision").get<std::string>();
  options.lr = optimizer.at("lr").get<double>();
  options.momentum = optimizer.at("momentum").get<double>();
  options.weight_decay = optimizer.at("weight_decay").get<double>();
  options.nesterov = optimizer.at("nesterov").get<bool>() && options.momentum > 0;
  return options;
}

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
       .doc = "largest share of a layer's channels that one cut may take",
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
       .doc = "what is left of a layer that is cut is a multiple of this",
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
  static const std::vector<std::string> names{"params", "macs", "channels"};
  return names;
}

std::string to_string(Budget budget) {
  return budget_names()[static_cast<std::size_t>(budget)];
}

Budget budget_from_string(const std::string& text) {
  for (const Budget budget : {Budget::params, Budget::macs, Budget::channels})
    if (to_string(budget) == text) return budget;
  throw storage::Error(storage::ErrorKind::invalid,
                       fmt::format("of: '{}' is not known{}", text, storage::suggestion(text, budget_names())));
}

Combination combination_from_string(const std::string& text) {
  if (text == "mean") return Combination::mean;
  if (text == "sum") return Combination::sum;
  if (text == "max") return Combination::max;
  throw storage::Error(storage::ErrorKind::invalid, fmt::format("combine: '{}' is not known (valid: mean, sum, max)", text));
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
