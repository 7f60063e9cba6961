#include "eval/attacks/catalog.h"

#include <algorithm>

#include "storage/base/named.h"

namespace eval {

using storage::Json;
using storage::Option;
using storage::OptionKind;

namespace {

/// A gradient with respect to the image in forward passes: forward, and backward without the weights.
constexpr double kGradient = 2;
/// Steps after which most images are past the border: NewtonFool leaves them alone from there.
constexpr double kUsualSteps = 10;

Option eps_option() {
  return {.name = "eps",
          .kind = OptionKind::real,
          .fallback = 0.0157,  // 4 of 255
          .doc = "how far each value may move; values are in [0, 1]",
          .min = 0,
          .max = 1};
}

Option steps_option(int fallback) {
  return {.name = "steps", .kind = OptionKind::integer, .fallback = fallback, .doc = "steps, at most", .min = 1, .max = 10000};
}

double one_gradient(const Json&) {
  return kGradient;
}
double gradient_a_step(const Json& options) {
  return kGradient * options.at("steps").get<double>();
}
double few_gradients(const Json& options) {
  return std::min(kGradient * kUsualSteps, gradient_a_step(options));
}
double pass_a_sample(const Json& options) {
  return options.at("samples").get<double>();
}

}  // namespace

const std::vector<AttackEntry>& attack_catalog() {
  static const std::vector<AttackEntry> catalog{
      {"fgsm", "one step along the sign of the loss's gradient (Goodfellow et al. 2015)", "attack", {eps_option()}, "eps", one_gradient},
      {"pgd",
       "steps along the sign of the loss's gradient, each back into the box of eps around the image (Madry et al. 2018)",
       "attack",
       {eps_option(),
        steps_option(10),
        {.name = "step",
         .kind = OptionKind::real,
         .doc = "how far a step moves each value; 2.5 eps / steps if absent",
         .min = 0,
         .max = 1,
         .optional = true},
        {.name = "random_start", .kind = OptionKind::boolean, .fallback = true, .doc = "start anywhere in the box, drawn by seed"}},
       "eps",
       gradient_a_step},
      {"newtonfool",
       "steps down the gradient of the predicted class's probability, until another class is predicted (Jang et al. 2017)",
       "attack",
       {{.name = "eta",
         .kind = OptionKind::real,
         .fallback = 0.01,
         .doc = "length of a step, at most, as a share of the image's length",
         .min = 0,
         .max = 1},
        steps_option(100)},
       "eta",
       few_gradients},
      {"spatial",
       "the worst of some rotations and shifts, drawn by seed (Engstrom et al. 2019)",
       "spatial",
       {{.name = "rotation", .kind = OptionKind::real, .fallback = 30, .doc = "degrees to either side, at most", .min = 0, .max = 180},
        {.name = "shift", .kind = OptionKind::real, .fallback = 0.1, .doc = "share of the side, at most, each way", .min = 0, .max = 1},
        {.name = "samples",
         .kind = OptionKind::integer,
         .fallback = 10,
         .doc = "how many are tried on each image",
         .min = 1,
         .max = 10000}},
       "rotation",
       pass_a_sample},
  };
  return catalog;
}

const AttackEntry& attack_entry(const std::string& name) {
  return storage::find_named(attack_catalog(), name, "attack", &AttackEntry::name);
}

}  // namespace eval
