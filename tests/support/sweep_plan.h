// A small sweep on tiny data, and how its plan is looked into, for the tests of what strategies plan.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "search/plan/strategy.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_search_data.h"

namespace support {

inline prune::PruneRequest keep(double share, prune::Budget of = prune::Budget::macs) {
  return {prune::PruneRequest::Kind::keep, share, of};
}

/// One net, criteria `l1` and `taylor`, two schedules that begin alike, two seeds.
struct SweepPlan {
  TemporaryDirectory directory;
  search::Experiment experiment;

  SweepPlan() {
    experiment.name = "tiny";
    experiment.seed = 5;
    experiment.seeds = 2;
    experiment.tasks = {{"fashion", "tiny", ""}};
    experiment.data["tiny"] = tiny_data(directory.path());
    experiment.nets = {{.name = "vgg11_bn", .width = 0.125}};
    experiment.train = {.epochs = 10, .batch = 4, .precision = "fp32"};
    experiment.retrain = {.epochs = 3, .batch = 4, .precision = "fp32"};
    experiment.criteria = {{"l1", "l1", search::Json::object(), "uniform", ""}, {"taylor", "taylor", search::Json::object(), "greedy", ""}};
    experiment.schedules = {{"slow", {keep(0.5), keep(0.3)}}, {"fast", {keep(0.5), keep(0.2)}}};
    experiment.allocation = {{"floor", 0.1}};
  }

  search::Plan plan() const { return search::make_strategy("sweep")->next(experiment, {}); }
};

inline int count(const search::Plan& plan, search::StageKind kind) {
  return static_cast<int>(std::count_if(plan.stages.begin(), plan.stages.end(), [&](const auto& stage) { return stage.kind == kind; }));
}

inline const search::Stage& stage_of(const search::Plan& plan, const std::string& fingerprint) {
  const auto found =
      std::find_if(plan.stages.begin(), plan.stages.end(), [&](const auto& each) { return each.fingerprint == fingerprint; });
  REQUIRE(found != plan.stages.end());
  return *found;
}

inline const storage::TrialRecord& trial(const search::Plan& plan, const std::string& name) {
  const auto found = std::find_if(plan.trials.begin(), plan.trials.end(), [&](const auto& each) { return each.name == name; });
  REQUIRE(found != plan.trials.end());
  return *found;
}

/// The fingerprint of the input of a role, or "".
inline std::string input(const search::Stage& stage, const std::string& role) {
  for (const auto& each : stage.inputs)
    if (each.role == role) return each.stage;
  return "";
}

}  // namespace support
