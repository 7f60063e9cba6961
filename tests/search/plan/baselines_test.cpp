// The baselines of a plan, and how nets of one name are told apart.
#include <algorithm>

#include "eval/cost.h"
#include "eval/data/dataset.h"
#include "search/experiment/nets.h"
#include "storage/base/error.h"
#include "tests/support/sweep_plan.h"

using search::Json;
using search::Plan;
using search::StageKind;
using support::count;
using support::keep;
using support::stage_of;
using support::SweepPlan;
using support::trial;

TEST_CASE_METHOD(SweepPlan, "baselines are trained as they say") {
  experiment.train.precision = "auto";
  prune::TrainOptions longer = experiment.train, shorter = experiment.train;
  longer.epochs = 16;
  shorter.epochs = 4;
  experiment.baselines = {{.net = {.name = "squeezenet1_1", .width = 0.5}, .train = longer},
                          {.net = {.name = "mobilenet_v2"}, .train = shorter}};
  const Plan made = plan();
  const auto& first = trial(made, "fashion/squeezenet1_1-w0.5/s5");
  const auto& second = trial(made, "fashion/mobilenet_v2/s6");
  CHECK(first.role == "baseline");
  CHECK(first.net == "squeezenet1_1");
  CHECK(first.width == 0.5);
  CHECK(first.criterion.empty());
  CHECK(first.steps.size() == 1);
  CHECK(stage_of(made, first.steps[0].stage).parameters.json()["train"]["epochs"] == 16);
  CHECK(stage_of(made, second.steps[0].stage).parameters.json()["train"]["epochs"] == 4);
  CHECK(count(made, StageKind::probe) == 3);
  CHECK(made.stages.size() == 29 + 2 * 2 * 2 + 2);  // two baselines, two seeds, train and evaluate; two probes
}

TEST_CASE_METHOD(SweepPlan, "the narrow control is as wide as its budget allows") {
  const eval::DatasetInfo data = experiment.data["tiny"].targets.at("");
  for (const prune::Budget of : {prune::Budget::params, prune::Budget::macs}) {
    const prune::PruneRequest request{prune::PruneRequest::Kind::keep, 0.25, of};
    const auto size = [&](double width) {
      const eval::Cost cost = eval::cost(search::make_net({.name = "vgg11_bn", .width = width}, data));
      return static_cast<double>(of == prune::Budget::params ? cost.params : cost.macs);
    };
    const double width = search::narrow_width(experiment.nets[0], data, request);
    CHECK(width < 0.125);
    CHECK(size(width) <= 0.25 * size(0.125));
    CHECK(size(width + 0.001) > 0.25 * size(0.125));
  }
  CHECK(search::narrow_width(experiment.nets[0], data, keep(1)) == 0.125);
  CHECK_THROWS_AS(search::narrow_width(experiment.nets[0], data, keep(1e-9)), storage::Error);

  experiment.baselines = {{.net = {}, .narrow = keep(0.25), .train = experiment.train}};
  const Plan made = plan();
  const double width = search::narrow_width(experiment.nets[0], data, keep(0.25));
  const auto narrow = std::find_if(made.trials.begin(), made.trials.end(), [](const auto& each) { return each.role == "baseline"; });
  REQUIRE(narrow != made.trials.end());
  CHECK(narrow->net == "narrow-vgg11_bn");
  CHECK(narrow->width == width);
  CHECK(narrow->name.starts_with("fashion/narrow-vgg11_bn-w0."));
  CHECK(stage_of(made, narrow->steps[0].stage).parameters.json()["net"] ==
        Json{{"name", "vgg11_bn"}, {"width", width}, {"layout", "automatic"}, {"dropout", 0.5}});
}

TEST_CASE_METHOD(SweepPlan, "nets of one name are told apart by their width") {
  experiment.nets.push_back({.name = "vgg11_bn", .width = 0.25});
  const Plan made = plan();
  CHECK(made.trials.size() == 16);
  CHECK(trial(made, "fashion/vgg11_bn-w0.25/l1/slow/s5").net == "vgg11_bn-w0.25");
  CHECK(trial(made, "fashion/vgg11_bn-w0.125/l1/slow/s5").width == 0.125);
}
