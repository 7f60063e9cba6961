// The nets of an experiment by the names that `evaluate: robustness: attacks: source` takes: attacks can be made on them and transferred.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "search/experiment/experiment.h"

namespace search {

/// What the names of controls begin with, the name of their base net following: of a narrow one, and of a cut net's shape from scratch.
constexpr const char* narrow_prefix = "narrow-";
constexpr const char* scratch_prefix = "scratch-";

/// What the name of a baseline ends with that is pretrained as its base net is, and then that of one that learns from a base net's scores.
constexpr const char* pretrained_suffix = "-pretrained";
constexpr const char* distilled_suffix = "-distilled";

/// And of a shape from scratch that was trained for as many multiply-accumulates as the cut net.
constexpr const char* flops_suffix = "-flops";

/// What the name of a baseline says.
struct ControlName {
  std::string base;  ///< the base net that a control belongs to; "" where it belongs to none, as a net of the registry
  bool is_pretrained = false, is_distilled = false, has_equal_flops = false;
};
ControlName parse_control(std::string name);

struct SourceNet {
  std::string name;
  NetRequest net;                             ///< of `narrow`: the base net that is made narrow
  std::optional<prune::PruneRequest> narrow;  ///< as Baseline::narrow
  prune::TrainOptions train;                  ///< how it is trained
  bool is_baseline = false;
  bool is_pretrained = false;  ///< as Baseline::pretrained
  int base = 0;                ///< index of the net of the experiment that `narrow` makes narrow, that pretrains it and that teaches it
};

/// The name of one of the experiment's nets: with its width where several have the same one.
std::string base_name(const Experiment& experiment, const NetRequest& net);

/// The nets, then the baselines; a baseline whose name is taken bears its width ("vgg16-w0.5"), and of several `narrow` ones of a net only
/// the first is there.
std::vector<SourceNet> source_nets(const Experiment& experiment);

}  // namespace search
