// What a plan does to know latencies before nets are trained.
#include "search/plan/strategy.h"
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

TEST_CASE_METHOD(SweepPlan, "cuts to a share of the latency read one table, and other stages stay as they are") {
  const Plan before = plan();
  CHECK(count(before, StageKind::latency_table) == 0);
  experiment.schedules.push_back({"quick", {keep(0.5, prune::Budget::latency)}});
  const Plan after = plan();
  CHECK(count(after, StageKind::latency_table) == 1);  // for both seeds and criteria
  for (const search::Stage& each : before.stages) CHECK(stage_of(after, each.fingerprint).kind == each.kind);
  const search::Stage& cut = stage_of(after, trial(after, "fashion/vgg11_bn/taylor/quick/s6").steps[1].stage);
  CHECK(cut.parameters.json()["request"] == Json{{"keep", 0.5}, {"of", "latency"}});
  const search::Stage& table = stage_of(after, input(cut, "table"));
  CHECK(table.kind == StageKind::latency_table);
  CHECK(search::traits_of(table.kind).exclusive);
  CHECK(table.inputs.empty());
  const eval::DatasetInfo& data = experiment.data.at("tiny").targets.at("");
  CHECK(table.parameters.json() == Json{{"batch", 1},
                                        {"classes", data.classes},
                                        {"input", {data.shape.channels, data.shape.height, data.shape.width}},
                                        {"net", {{"name", "vgg11_bn"}, {"width", 0.125}, {"layout", "automatic"}, {"dropout", 0.5}}}});
}

TEST_CASE_METHOD(SweepPlan, "where latency is estimated, every net that is timed has its estimate") {
  experiment.evaluate.latency = search::LatencyOptions{.batch = {8, 1}};
  experiment.baselines = {{.narrow = keep(0.5), .train = experiment.train}};
  const Plan before = plan();
  experiment.schedules.push_back({"quick", {keep(0.5, prune::Budget::latency)}});
  const Plan after = plan();
  CHECK(count(after, StageKind::latency_table) == 2);  // of the narrow net too
  for (const search::Stage& each : after.stages) {
    if (each.kind != StageKind::latency) continue;
    CHECK(each.inputs.front().role == "net");
    CHECK(stage_of(after, input(each, "table")).parameters.json()["batch"] == 8);
  }
  for (const search::Stage& each : before.stages)
    if (each.kind == StageKind::latency) CHECK(input(each, "table").empty());
}

TEST_CASE_METHOD(SweepPlan, "a bound on the estimate holds after the last cut of a schedule, before its training") {
  experiment.evaluate.latency = search::LatencyOptions{};
  experiment.constraints = {{"latency_estimate_ms", true, 3}, {"latency_estimate_ms", true, 2.5}, {"latency_estimate_ms", false, 1}};
  CHECK(search::latency_bound(experiment) == 2.5);
  const Plan made = plan();
  const auto& slow = trial(made, "fashion/vgg11_bn/l1/slow/s5");
  const search::Stage &first = stage_of(made, slow.steps[1].stage), &last = stage_of(made, slow.steps[2].stage);
  CHECK(input(first, "table").empty());
  CHECK_FALSE(first.parameters.json().contains("at_most_ms"));
  CHECK(last.parameters.json()["at_most_ms"] == 2.5);
  CHECK(stage_of(made, input(last, "table")).kind == StageKind::latency_table);
  experiment.constraints = {{"latency_ms", true, 3}};  // of what is measured: it judges nets that are there
  CHECK_FALSE(search::latency_bound(experiment));
  CHECK(count(plan(), StageKind::latency_table) == 0);
}

TEST_CASE_METHOD(SweepPlan, "a search over widths may have a budget of latency") {
  experiment.strategy = "widths";
  experiment.strategy_options = {{"of", "latency"}, {"keep", 0.5},    {"candidates", 4}, {"rounds", 1},
                                 {"images", 16},    {"finalists", 2}, {"judge", "auto"}, {"short_epochs", 1}};
  experiment.schedules.clear();
  const Plan made = search::make_strategy("widths")->next(experiment, {});
  CHECK(count(made, StageKind::latency_table) == 1);
  int readers = 0;
  for (const search::Stage& each : made.stages)
    if (each.kind == StageKind::candidates || each.kind == StageKind::prune) readers += input(each, "table").empty() ? 0 : 1;
  CHECK(readers == count(made, StageKind::candidates) + count(made, StageKind::prune));
}
