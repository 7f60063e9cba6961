#include "prune/train_options.h"

#include <utility>

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
       .doc = "learning rate over the epochs: cosine falls to 0; step falls every lr_every epochs; plateau after lr_every epochs without a "
              "better validation accuracy",
       .choices = {"cosine", "step", "plateau", "constant"}},
      {.name = "lr_every", .kind = OptionKind::integer, .fallback = 30, .doc = "epochs of a step, or of patience", .min = 1, .max = 100000},
      {.name = "lr_gamma",
       .kind = OptionKind::real,
       .fallback = 0.1,
       .doc = "factor of the learning rate at each step",
       .min = 1e-6,
       .max = 1},
      {.name = "warmup",
       .kind = OptionKind::real,
       .fallback = 0.0,
       .doc = "epochs of linear warm-up, may be a fraction; of a retraining where it says so itself",
       .min = 0,
       .max = 1000},
      {.name = "label_smoothing",
       .kind = OptionKind::real,
       .fallback = 0.0,
       .doc = "share of each target spread over all classes",
       .min = 0,
       .max = 0.99},
      {.name = "mixup",
       .kind = OptionKind::real,
       .fallback = 0.0,
       .doc = "alpha of mixup's Beta distribution (Zhang et al. 2018); 0: none",
       .min = 0,
       .max = 100},
      {.name = "cutmix",
       .kind = OptionKind::real,
       .fallback = 0.0,
       .doc = "alpha of CutMix's Beta distribution (Yun et al. 2019); with mixup too, one of both is drawn for each batch; 0: none",
       .min = 0,
       .max = 100},
      {.name = "bn_l1",
       .kind = OptionKind::real,
       .fallback = 0.0,
       .doc = "L1 penalty on the scales of batch norm (network slimming, Liu et al. 2017), for the criterion bn_scale; 0: none",
       .min = 0,
       .max = 1},
      {.name = "body_lr_factor",
       .kind = OptionKind::real,
       .fallback = 1.0,
       .doc = "factor of the learning rate of all layers but the one that makes the class scores: below 1 for a pretrained body",
       .min = 0,
       .max = 1},
      {.name = "micro_batch",
       .kind = OptionKind::integer,
       .fallback = 0,
       .doc = "images computed at a time, their gradients summed to those of a batch; batch norm sees these; 0: the whole batch",
       .min = 0,
       .max = 65536},
      {.name = "ema",
       .kind = OptionKind::real,
       .fallback = 0.0,
       .doc = "decay a step of a moving average of the weights, which is then validated and kept; 0: none",
       .min = 0,
       .max = 0.99999},
      {.name = "class_weights",
       .kind = OptionKind::choice,
       .fallback = "none",
       .doc = "balanced: the loss of a class weighs as the inverse of its share of the training images",
       .choices = {"none", "balanced"}},
      {.name = "clip", .kind = OptionKind::real, .fallback = 0.0, .doc = "largest norm of the gradient; 0: no limit", .min = 0, .max = 1e6},
      {.name = "early_stop",
       .kind = OptionKind::integer,
       .fallback = 0,
       .doc = "stop after so many epochs without a better validation accuracy; 0: never",
       .min = 0,
       .max = 100000},
      {.name = "augment",
       .kind = OptionKind::names,
       .fallback = Json::array({"flip", "crop"}),
       .doc = "random changes of the training images; trivial_augment: one of 14 at a random strength (Müller and Hutter 2021)",
       .choices = {"flip", "crop", "resized_crop", "jitter", "cutout", "trivial_augment"}},
      {.name = "padding",
       .kind = OptionKind::integer,
       .fallback = 2,
       .doc = "crop: pixels by which an image may move, in both directions; the data's margin shows there, and black beyond it",
       .min = 0,
       .max = 256},
      {.name = "min_scale",
       .kind = OptionKind::real,
       .fallback = 0.35,
       .doc = "resized_crop: the least share of the area that is kept",
       .min = 0.01,
       .max = 1},
      {.name = "jitter",
       .kind = OptionKind::real,
       .fallback = 0.2,
       .doc = "jitter: brightness, contrast and saturation change by up to this share",
       .min = 0,
       .max = 1},
      {.name = "cutout_size",
       .kind = OptionKind::integer,
       .fallback = 8,
       .doc = "cutout: side in pixels of the square that is blanked",
       .min = 1,
       .max = 1024},
      {.name = "precision",
       .kind = OptionKind::choice,
       .fallback = "auto",
       .doc = "arithmetic of training: bf16 and fp16 (CUDA only, with loss scaling) keep fp32 master weights; tf32 (CUDA only) rounds what "
              "products take; auto takes bf16 where a "
              "measured probe gains 1.2x or more",
       .choices = {"auto", "fp32", "bf16", "fp16", "tf32"}},
  };
  return options;
}

const Options& optimizer_options() {
  static const Options options{
      {.name = "name", .kind = OptionKind::choice, .fallback = "sgd", .doc = "the optimiser", .choices = {"sgd", "adamw"}},
      {.name = "lr", .kind = OptionKind::real, .fallback = 0.05, .doc = "learning rate at its highest", .min = 0, .max = 1000},
      {.name = "momentum", .kind = OptionKind::real, .fallback = 0.9, .doc = "sgd: momentum", .min = 0, .max = 0.9999},
      {.name = "weight_decay",
       .kind = OptionKind::real,
       .fallback = 5e-4,
       .doc = "sgd: L2 penalty; adamw: decoupled decay",
       .min = 0,
       .max = 1},
      {.name = "decay",
       .kind = OptionKind::choice,
       .fallback = "weights",
       .doc = "what weight_decay acts on: the weights of convolutions and linear layers, or all trained tensors, batch norm and biases too",
       .choices = {"weights", "all"}},
      {.name = "nesterov", .kind = OptionKind::boolean, .fallback = true, .doc = "sgd: Nesterov's form; needs momentum above 0"},
      {.name = "beta1", .kind = OptionKind::real, .fallback = 0.9, .doc = "adamw: decay of the mean gradient", .min = 0, .max = 0.9999},
      {.name = "beta2", .kind = OptionKind::real, .fallback = 0.999, .doc = "adamw: decay of the mean square", .min = 0, .max = 0.999999},
  };
  return options;
}

const Options& distill_options() {
  static const Options options{
      {.name = "form",
       .kind = OptionKind::choice,
       .fallback = "kd",
       .doc = "kd: all classes' probabilities are compared (Hinton et al. 2015); dkd: the label's and the others' apart (Zhao et al. 2022)",
       .choices = {"kd", "dkd"}},
      {.name = "nontarget",
       .kind = OptionKind::real,
       .fallback = 4.0,
       .doc = "dkd: weight of the part among the classes that are not the label",
       .min = 0,
       .max = 1000},
      {.name = "weight",
       .kind = OptionKind::real,
       .fallback = 0.5,
       .doc = "share of the loss that compares with the base net's scores; the labels have the rest",
       .min = 0,
       .max = 1},
      {.name = "temperature",
       .kind = OptionKind::real,
       .fallback = 4.0,
       .doc = "both nets' scores are divided by this",
       .min = 0.01,
       .max = 1000},
  };
  return options;
}

namespace {

/// Calls `visit` with the key and the member of each option that stands in train_options().
template <typename Train, typename Visit>
void each_option(Train& train, const Visit& visit) {
  visit("epochs", train.epochs);
  visit("batch", train.batch);
  visit("lr_schedule", train.lr_schedule);
  visit("lr_every", train.lr_every);
  visit("lr_gamma", train.lr_gamma);
  visit("warmup", train.warmup);
  visit("label_smoothing", train.label_smoothing);
  visit("mixup", train.mixup);
  visit("cutmix", train.cutmix);
  visit("bn_l1", train.bn_l1);
  visit("body_lr_factor", train.body_lr_factor);
  visit("micro_batch", train.micro_batch);
  visit("ema", train.ema);
  visit("class_weights", train.class_weights);
  visit("clip", train.clip);
  visit("early_stop", train.early_stop);
  visit("augment", train.augment);
  visit("padding", train.padding);
  visit("min_scale", train.min_scale);
  visit("jitter", train.jitter);
  visit("cutout_size", train.cutout_size);
  visit("precision", train.precision);
}

template <typename Optimizer, typename Visit>
void each_optimizer_option(Optimizer& optimizer, const Visit& visit) {
  visit("name", optimizer.name);
  visit("lr", optimizer.lr);
  visit("momentum", optimizer.momentum);
  visit("weight_decay", optimizer.weight_decay);
  visit("decay", optimizer.decay);
  visit("nesterov", optimizer.nesterov);
  visit("beta1", optimizer.beta1);
  visit("beta2", optimizer.beta2);
}

template <typename Distill, typename Visit>
void each_distill_option(Distill& distill, const Visit& visit) {
  visit("form", distill.form);
  visit("nontarget", distill.nontarget);
  visit("weight", distill.weight);
  visit("temperature", distill.temperature);
}

/// Adds what it is called with to an object.
auto writer(Json& json) {
  return [&json](const char* key, const auto& value) { json[key] = value; };
}

/// Sets what it is called with from an object that check_options has filled.
auto reader(const Json& json) {
  return [&json](const char* key, auto& value) { json.at(key).get_to(value); };
}

/// Takes a part of an object out; null where it has none.
Json take(Json& json, const char* key) {
  if (!json.contains(key)) return {};
  Json part = std::move(json[key]);
  json.erase(key);
  return part;
}

}  // namespace

Json to_json(const TrainOptions& options) {
  Json json;
  each_option(options, writer(json));
  each_optimizer_option(options.optimizer, writer(json["optimizer"]));
  if (options.distill) each_distill_option(*options.distill, writer(json["distill"]));
  if (options.stop_after > 0) json["stop_after"] = options.stop_after;
  return json;
}

TrainOptions train_options_from_json(const Json& json) {
  Json plain = json;
  const Json optimizer = storage::check_options(optimizer_options(), take(plain, "optimizer"), "train: optimizer");
  const Json distill = take(plain, "distill"), stop_after = take(plain, "stop_after");
  plain = storage::check_options(train_options(), plain, "train");
  TrainOptions options;
  each_option(options, reader(plain));
  each_optimizer_option(options.optimizer, reader(optimizer));
  if (!distill.is_null()) {
    const Json checked = storage::check_options(distill_options(), distill, "train: distill");
    each_distill_option(options.distill.emplace(), reader(checked));
  }
  if (!stop_after.is_null()) stop_after.get_to(options.stop_after);
  return options;
}

}  // namespace prune
