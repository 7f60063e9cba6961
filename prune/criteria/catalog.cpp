#include "prune/criteria/catalog.h"

#include "storage/base/named.h"

namespace prune {

using storage::Json;
using storage::Option;
using storage::OptionKind;

namespace {

Option images_option(int fallback) {
  return {
      .name = "images", .kind = OptionKind::integer, .fallback = fallback, .doc = "training images that are scored", .min = 1, .max = 1e9};
}

Option readers_option(bool fallback) {
  return {.name = "readers",
          .kind = OptionKind::boolean,
          .fallback = fallback,
          .doc = "also the weights by which the next layers read a channel"};
}

std::string uniform(const Json&) {
  return "uniform";
}
std::string greedy(const Json&) {
  return "greedy";
}
std::string lda_allocation(const Json& options) {
  return options.at("variant") == "wilks" ? "greedy" : "eta";
}

}  // namespace

const std::vector<CriterionEntry>& criterion_catalog() {
  static const std::vector<CriterionEntry> catalog{
      {"lda",
       "Fisher LDA in the pre-decision layer, traced down through the net",
       {{.name = "variant",
         .kind = OptionKind::choice,
         .fallback = "paper",
         .doc = "paper: v = Sb/Sw on the diagonal, traced by a deconvnet; wilks: the effect on Wilks' lambda, traced by backpropagation",
         .choices = {"paper", "wilks"}},
        {.name = "images",
         .kind = OptionKind::integer,
         .fallback = 0,
         .doc = "training images of the scatter, and at most so many validation images to choose by; 0: all (paper), 2000 (wilks)",
         .min = 0,
         .max = 1e9},
        {.name = "trace_images",
         .kind = OptionKind::integer,
         .fallback = 10,
         .doc = "paper: images of each class that are traced down",
         .min = 1,
         .max = 1e9},
        {.name = "select",
         .kind = OptionKind::integer,
         .fallback = 0,
         .doc = "paper: pre-decision neurons kept; 0: the fewest that keep the validation accuracy",
         .min = 0,
         .max = 1 << 20},
        {.name = "tolerance",
         .kind = OptionKind::real,
         .fallback = 0.01,
         .doc = "paper: validation accuracy that the selection may lose",
         .min = 0,
         .max = 1},
        {.name = "firing",
         .kind = OptionKind::choice,
         .fallback = "mean",
         .doc = "paper: what of a map is its neuron's firing where the last hidden layer is a convolution",
         .choices = {"mean", "max"}},
        {.name = "unpool",
         .kind = OptionKind::choice,
         .fallback = "place",
         .doc = "paper: a place that is the maximum of several windows of a max pool gets the last of their signals, as PyTorch's "
                "MaxUnpool2d, or their sum",
         .choices = {"place", "add"}},
        {.name = "deviation",
         .kind = OptionKind::choice,
         .fallback = "spatial",
         .doc =
             "paper: eta counts in standard deviations of the non-zero values of a layer's whole utility map, or of its channels' maxima",
         .choices = {"spatial", "channel"}},
        {.name = "ridge",
         .kind = OptionKind::real,
         .fallback = 0.01,
         .doc = "wilks: added to the diagonal of the within-class correlation",
         .min = 1e-9,
         .max = 1e3},
        {.name = "traced",
         .kind = OptionKind::real,
         .fallback = 0.6,
         .doc = "wilks: the share of the images that are traced down; the scatter takes all",
         .min = 1e-6,
         .max = 1}},
       Looks::at_labels,
       lda_allocation},
      {"taylor",
       "first-order Taylor expansion of the loss by the activations (Molchanov et al. 2017), normalised by layer",
       {images_option(2000)},
       Looks::at_labels,
       greedy},
      {"taylor_weight",
       "squared first-order Taylor expansion of the loss by the weights (Molchanov et al. 2019)",
       {images_option(2000)},
       Looks::at_labels,
       greedy},
      {"fisher",
       "squared first-order Taylor expansion of the loss by the activations: the Fisher information (Theis et al. 2018)",
       {images_option(2000)},
       Looks::at_labels,
       greedy},
      {"l1",
       "sum of the absolute weights of a filter (Li et al. 2017), at one rate for all layers",
       {readers_option(false)},
       Looks::at_weights,
       uniform},
      {"l2",
       "L2 norm of a filter and of the weights that read its channel (Fang et al. 2023), at one rate for all layers",
       {readers_option(true)},
       Looks::at_weights,
       uniform},
      {"bn_scale", "absolute scale of the batch norm behind a filter (Liu et al. 2017)", {}, Looks::at_weights, greedy},
      {"fpgm",
       "distance of a filter to the others of its layer (He et al. 2019), at one rate for all layers",
       {},
       Looks::at_weights,
       uniform},
      {"lamp", "squared norm of a filter over those of its layer that are no smaller (Lee et al. 2021)", {}, Looks::at_weights, greedy},
      {"apoz",
       "share of images and places at which a channel is not 0 (Hu et al. 2016), at one rate for all layers",
       {images_option(2000)},
       Looks::at_images,
       uniform},
      {"reconstruct",
       "rise of the least-squares error of the layers that read a channel when it goes and the others are fitted anew, channel by channel",
       {images_option(2000),
        {.name = "ridge",
         .kind = OptionKind::real,
         .fallback = 1e-6,
         .doc = "what holds the other weights to those before, as a share of the inputs' mean square",
         .min = 0,
         .max = 1e9}},
       Looks::at_images,
       greedy},
      {"random", "a seeded random order: the control", {}, Looks::at_weights, uniform},
      {"magnitude",
       "single weights of least magnitude become 0, in layers that stay as wide (Han et al. 2015): sparsity, not fewer MACs",
       {{.name = "scope",
         .kind = OptionKind::choice,
         .fallback = "layer",
         .doc = "layer: each keeps the same share of its weights; global: the least of the whole net go",
         .choices = {"layer", "global"}}},
       Looks::at_weights,
       uniform,
       true},
  };
  return catalog;
}

const CriterionEntry& criterion_entry(const std::string& name) {
  return storage::find_named(criterion_catalog(), name, "criterion", &CriterionEntry::name);
}

}  // namespace prune
