// What a plan measures of nets beside their accuracy: latency, noise and attacks.
#include <algorithm>
#include <set>

#include "search/experiment/source_nets.h"
#include "search/plan/stage_graph.h"
#include "tests/support/sweep_plan.h"

using search::Json;
using search::Plan;
using search::StageKind;
using support::count;
using support::input;
using support::keep;
using support::stage_of;
using support::SweepPlan;
using support::trial;

namespace {

/// Noise, an attack on each net itself, and one on `source`.
search::RobustnessOptions robustness(const std::string& source) {
  const Json eps{{"eps", 0.1}};
  return {8, {{"noise", "gaussian", 10}, {"attack", "fgsm", 0.1, eps, "self"}, {"attack", "fgsm", 0.1, eps, source}}};
}

}  // namespace

TEST_CASE_METHOD(SweepPlan, "what `evaluate` asks for is measured of every net that is tested, and changes no other stage") {
  const Plan before = plan();
  experiment.evaluate = {search::LatencyOptions{}, robustness("vgg11_bn")};
  const Plan after = plan();
  CHECK(after.stages.size() == 28 + 2 * 14);
  CHECK(count(after, StageKind::latency) == 14);
  CHECK(count(after, StageKind::robustness) == 14);
  CHECK(after.stages_without_sharing == 48 + 2 * 3 * 8);
  for (const search::Stage& each : before.stages) CHECK(stage_of(after, each.fingerprint).kind == each.kind);
  CHECK_NOTHROW(search::StageGraph(after.stages));

  const auto& path = trial(after, "fashion/vgg11_bn/taylor/slow/s6");
  for (const storage::TrialStep& step : path.steps) {
    REQUIRE(step.measurements.size() == 2);
    const search::Stage &latency = stage_of(after, step.measurements[0]), &robust = stage_of(after, step.measurements[1]);
    CHECK(latency.kind == StageKind::latency);
    CHECK(input(latency, "net") == step.stage);
    CHECK(latency.parameters.json() == Json{{"batch", {1, 64}}, {"seconds", 1.0}});
    CHECK(robust.kind == StageKind::robustness);
    CHECK(input(robust, "net") == step.stage);
    CHECK(input(robust, "source/vgg11_bn") == path.steps[0].stage);  // the base of the same seed
    CHECK(robust.inputs.size() == 2);
    CHECK(robust.parameters.json()["seed"] == 6);
    CHECK(robust.parameters.json()["images"] == 8);
    CHECK(robust.parameters.json()["data"] == stage_of(after, step.stage).parameters.json()["data"]);
  }
  CHECK(trial(before, path.name).steps[2].measurements.empty());
}

TEST_CASE_METHOD(SweepPlan, "attacks are made on a baseline of the same seed, which is trained once") {
  experiment.baselines = {{.net = {.name = "mobilenet_v2", .width = 0.25}, .train = experiment.train},
                          {.narrow = keep(0.5), .train = experiment.train}};
  for (const std::string source : {"mobilenet_v2", "narrow-vgg11_bn"}) {
    INFO(source);
    experiment.evaluate.robustness = robustness(source);
    const Plan made = plan();
    CHECK(count(made, StageKind::train) == 6);
    CHECK(count(made, StageKind::robustness) == 18);
    std::set<std::string> seen;
    for (const search::Stage& each : made.stages) {
      for (const auto& from : each.inputs) CHECK(seen.contains(from.stage));
      seen.insert(each.fingerprint);
    }
    for (const storage::TrialRecord& each : made.trials) {
      const auto baseline = std::find_if(made.trials.begin(), made.trials.end(), [&](const auto& other) {
        return other.role == "baseline" && other.net == source && other.seed == each.seed;
      });
      REQUIRE(baseline != made.trials.end());
      for (const storage::TrialStep& step : each.steps)
        CHECK(input(stage_of(made, step.measurements.at(0)), "source/" + source) == baseline->steps[0].stage);
    }
  }
}

TEST_CASE_METHOD(SweepPlan, "attacks on a narrow net that is pretrained and taught are made on that very net") {
  experiment.nets[0].pretrain = search::Pretraining{.dataset = "tiny", .train = experiment.train, .retrain = experiment.train};
  search::Baseline taught{.narrow = keep(0.5), .pretrained = true, .train = experiment.train};
  taught.train.distill = prune::DistillOptions{};
  experiment.baselines = {taught};
  const int trained = count(plan(), StageKind::train);
  experiment.evaluate.robustness = robustness("narrow-vgg11_bn");
  const Plan made = plan();
  CHECK(count(made, StageKind::train) == trained);
  for (const storage::TrialRecord& each : made.trials) {
    const std::string& robust = each.steps[0].measurements.at(0);
    const auto& attacked = stage_of(made, input(stage_of(made, robust), "source/narrow-vgg11_bn"));
    CHECK(input(attacked, "start") != "");
    CHECK(input(attacked, "teacher") != "");
  }
}

TEST_CASE_METHOD(SweepPlan, "two nets of one name that are trained in two ways are refused") {
  experiment.schedules.clear();
  experiment.criteria.clear();
  experiment.nets[0].width = 1;
  experiment.baselines = {{.net = experiment.nets[0], .train = experiment.train}};
  CHECK_FALSE(plan().trials.empty());  // in one way: they are the same net
  experiment.baselines[0].train.epochs += 1;
  CHECK_THROWS_WITH(plan(), Catch::StartsWith("two nets go by the name 'fashion/vgg11_bn"));
}

TEST_CASE_METHOD(SweepPlan, "the names of nets that attacks can be made on") {
  const auto names = [&] {
    std::vector<std::string> all;
    for (const search::SourceNet& source : search::source_nets(experiment)) all.push_back(source.name);
    return all;
  };
  experiment.baselines = {{.net = {.name = "vgg11_bn", .width = 0.5}}, {.narrow = keep(0.5)}, {.narrow = keep(0.25)}};
  CHECK(names() == std::vector<std::string>{"vgg11_bn", "vgg11_bn-w0.5", "narrow-vgg11_bn"});
  experiment.nets.push_back({.name = "vgg11_bn", .width = 0.25});
  CHECK(names() ==
        std::vector<std::string>{"vgg11_bn-w0.125", "vgg11_bn-w0.25", "vgg11_bn", "narrow-vgg11_bn-w0.125", "narrow-vgg11_bn-w0.25"});
}
