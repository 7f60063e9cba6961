// The baselines of a plan, and how nets of one name are told apart.
#include <fmt/format.h>

#include <algorithm>

#include "eval/cost.h"
#include "eval/data/dataset.h"
#include "search/experiment/nets.h"
#include "search/experiment/source_nets.h"
#include "storage/base/error.h"
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

TEST_CASE_METHOD(SweepPlan, "a pretraining is one stage for all seeds, and the control that is pretrained alike has its own") {
  experiment.data["other"] = experiment.data["tiny"];
  search::Pretraining pretraining{"other", "", experiment.train};
  pretraining.train.epochs = 7;
  experiment.nets[0].pretrain = pretraining;
  experiment.baselines = {{.narrow = keep(0.25), .train = experiment.train},
                          {.narrow = keep(0.25), .pretrained = true, .train = experiment.train}};
  const Plan made = plan();
  const auto& base = stage_of(made, trial(made, "fashion/vgg11_bn/l1/slow/s5").steps[0].stage);
  const auto& other = stage_of(made, trial(made, "fashion/vgg11_bn/l1/slow/s6").steps[0].stage);
  CHECK(input(base, "start") == input(other, "start"));
  const auto& pretrained = stage_of(made, input(base, "start"));
  CHECK(pretrained.parameters.json()["train"]["epochs"] == 7);
  CHECK(pretrained.parameters.json()["seed"] == 5);
  CHECK(pretrained.inputs.empty());

  const double width = search::narrow_width(experiment.nets[0], experiment.data["tiny"].targets.at(""), keep(0.25));
  const std::string narrow = fmt::format("fashion/narrow-vgg11_bn-w{}/s5", width);
  CHECK(input(stage_of(made, trial(made, narrow).steps[0].stage), "start").empty());
  const auto& alike = stage_of(made, trial(made, fmt::format("fashion/narrow-vgg11_bn-pretrained-w{}/s5", width)).steps[0].stage);
  CHECK(stage_of(made, input(alike, "start")).parameters.json()["net"]["width"] == width);
  CHECK(count(made, StageKind::train) == 2 + 1 + 2 + 2 + 1);  // bases, pretraining, narrow ones, those pretrained and their pretraining
}

TEST_CASE_METHOD(SweepPlan, "a control that learns from its base's scores stands beside the one that does not") {
  prune::TrainOptions taught = experiment.train;
  taught.distill = prune::DistillOptions{};
  experiment.baselines = {{.narrow = keep(0.25), .train = experiment.train}, {.narrow = keep(0.25), .train = taught}};
  const Plan made = plan();
  const double width = search::narrow_width(experiment.nets[0], experiment.data["tiny"].targets.at(""), keep(0.25));
  const auto stage_named = [&](const char* marks) {
    return trial(made, fmt::format("fashion/narrow-vgg11_bn{}-w{}/s5", marks, width)).steps[0].stage;
  };
  CHECK(input(stage_of(made, stage_named("")), "teacher").empty());
  CHECK(input(stage_of(made, stage_named("-distilled")), "teacher") == trial(made, "fashion/vgg11_bn/l1/slow/s5").steps[0].stage);
  const search::ControlName control = search::parse_control("narrow-vgg11_bn-pretrained-distilled");
  CHECK(control.base == "vgg11_bn");
  CHECK((control.is_pretrained && control.is_distilled && !control.has_equal_flops));
}

TEST_CASE_METHOD(SweepPlan, "each cut net's shape is trained from scratch, taught by its base where that is asked for") {
  prune::TrainOptions taught = experiment.train;
  taught.epochs = 16;
  taught.distill = prune::DistillOptions{};
  experiment.baselines = {{.scratch = true, .train = taught}};
  const Plan made = plan();
  CHECK(count(made, StageKind::scratch) == 2 * 2 * 3);  // seeds, criteria, nets that the two schedules make
  const auto& cut = trial(made, "fashion/vgg11_bn/l1/slow/s5");
  const auto& anew = trial(made, "fashion/scratch-vgg11_bn/l1/slow-2/s5");
  CHECK(anew.role == "baseline");
  CHECK(anew.criterion == "l1");
  CHECK(anew.schedule == "slow 2");
  const auto& stage = stage_of(made, anew.steps[0].stage);
  CHECK(input(stage, "shape") == cut.steps[2].stage);
  CHECK(input(stage, "teacher") == cut.steps[0].stage);
  CHECK(stage.parameters.json()["train"]["epochs"] == 16);
  CHECK(!anew.steps[0].evaluation.empty());
  experiment.baselines[0].last_only = true;
  CHECK(count(plan(), StageKind::scratch) == 2 * 2 * 2);  // seeds, criteria, schedules
}

TEST_CASE_METHOD(SweepPlan, "a shape from scratch may train for as many multiply-accumulates as the cut net and all before it") {
  experiment.between = experiment.retrain;
  experiment.between->epochs = 1;
  experiment.baselines = {{.scratch = true, .train = experiment.train}, {.scratch = true, .equal_flops = true, .train = experiment.train}};
  const Plan made = plan();
  CHECK(count(made, StageKind::scratch) == 2 * 2 * 2 * 3);
  const auto& cut = trial(made, "fashion/vgg11_bn/l1/slow/s5");
  const auto& stage = stage_of(made, trial(made, "fashion/scratch-vgg11_bn-flops/l1/slow-2/s5").steps[0].stage);
  CHECK(stage.parameters.json()["spent"] == Json{{"spent0", 3.0}, {"spent1", 1.0}, {"spent2", 10.0}});  // the last cut first
  CHECK(input(stage, "spent0") == cut.steps[2].stage);
  CHECK(input(stage, "spent1") == cut.steps[1].stage);
  CHECK(input(stage, "spent2") == cut.steps[0].stage);
  CHECK(stage.epochs > 10 + 1 + 3);
  CHECK(stage.parameters.json()["train"]["epochs"] ==
        1);  // the worker finds how many; a longer schedule elsewhere makes no other stage of it
  CHECK_FALSE(search::brings_artifacts("spent1"));
  const auto& equal = stage_of(made, trial(made, "fashion/scratch-vgg11_bn/l1/slow-2/s5").steps[0].stage);
  CHECK_FALSE(equal.parameters.json().contains("spent"));
  CHECK(search::parse_control("scratch-vgg11_bn-flops").base == "vgg11_bn");
}

TEST_CASE_METHOD(SweepPlan, "the candidates of a search count among what a shape from scratch may spend") {
  experiment.strategy_options = {{"of", "macs"}, {"keep", 0.5},    {"candidates", 30}, {"rounds", 2},
                                 {"images", 16}, {"finalists", 1}, {"judge", "auto"},  {"short_epochs", 1}};
  experiment.schedules.clear();
  experiment.baselines = {{.scratch = true, .equal_flops = true, .train = experiment.train}};
  search::History history;
  const auto plan = [&] { return search::make_strategy("widths")->next(experiment, history); };
  for (const search::Stage& each : plan().stages)
    history[each.fingerprint] = {.state = storage::StageState::done, .accuracy_val = 0.5, .params = 1, .macs = 1};
  const Plan made = plan();
  const auto& found = trial(made, "fashion/vgg11_bn/l1/widths/s5");
  const auto& stage = stage_of(made, trial(made, "fashion/scratch-vgg11_bn-flops/l1/widths-1/s5").steps[0].stage);
  const Json spent = stage.parameters.json()["spent"];  // the extension, the finalist, the base
  CHECK(spent["spent0"] == 2.0);
  CHECK(spent["spent1"] == 1.0);
  CHECK(input(stage, "spent2") == found.steps[0].stage);
  // Two rounds of 30 candidates pass 32 images forward at half of the base's work; a training step is three such passes.
  const double images = static_cast<double>(experiment.data.at("tiny").targets.at("").train);
  CHECK(spent["spent2"].get<double>() == Approx(10 + 2 * 30 * 32 * 0.5 / (3 * images)));
}

TEST_CASE_METHOD(SweepPlan, "nets of one name are told apart by their width") {
  experiment.nets.push_back({.name = "vgg11_bn", .width = 0.25});
  const Plan made = plan();
  CHECK(made.trials.size() == 16);
  CHECK(trial(made, "fashion/vgg11_bn-w0.25/l1/slow/s5").net == "vgg11_bn-w0.25");
  CHECK(trial(made, "fashion/vgg11_bn-w0.125/l1/slow/s5").width == 0.125);
}
