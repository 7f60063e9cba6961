// How the trials and stages of one task, and of one fold of a cross-validation, are called. Used by TaskPlanner and StageFactory.
#pragma once

#include <optional>
#include <string>

#include "search/experiment/experiment.h"

namespace search {

/// A net to be trained, as trials and labels call it.
struct NamedNet {
  NetRequest request;
  std::string label;
};

class TrialNames {
 public:
  TrialNames(const Experiment& experiment, const Task& task, std::optional<int> fold)
      : task_(task.name), fold_(fold), is_only_task_(experiment.tasks.size() == 1) {}

  /// "task/net/s1", with "/f0" for a fold.
  std::string trial(const std::string& net, int seed) const;

  /// "task/net/criterion/schedule/s1".
  std::string trial(const std::string& net, const std::string& criterion, const std::string& schedule, int seed) const;

  /// A stage's label as it is shown: with the task where there are several, and with the fold.
  std::string shown(const std::string& label) const;

 private:
  std::string task_;
  std::optional<int> fold_;
  bool is_only_task_;
};

/// "vgg16_bn seed 1", of a net that is trained from scratch.
std::string trained_label(const std::string& name, int seed);

/// The name of a baseline: with its width where it has not the usual one.
std::string baseline_name(const NamedNet& net);

}  // namespace search
