// The plan of a sweep: its trials, and the stages that they share.
#include <fstream>
#include <set>

#include "search/plan/stage_graph.h"
#include "storage/base/error.h"
#include "tests/support/sweep_plan.h"

using search::Json;
using search::Plan;
using search::StageKind;
using support::count;
using support::input;
using support::stage_of;
using support::SweepPlan;
using support::trial;

TEST_CASE_METHOD(SweepPlan, "equal prefixes of a sweep run once") {
  // A seed: 1 base; for each of 2 criteria the cut to .5, shared by the schedules, and the cuts to .3 and .2: 1 + 2 * 3 = 7 nets.
  // Alone a trial needs 3 nets, each with its evaluation: 8 trials * 6 = 48 stages.
  const Plan made = plan();
  CHECK(count(made, StageKind::probe) == 0);
  CHECK(count(made, StageKind::train) == 2);
  CHECK(count(made, StageKind::prune) == 12);
  CHECK(count(made, StageKind::evaluate) == 14);
  CHECK(made.stages.size() == 28);
  CHECK(made.trials.size() == 8);
  CHECK(made.stages_without_sharing == 48);
  CHECK_NOTHROW(search::StageGraph(made.stages));  // each once, and no cycle
}

TEST_CASE_METHOD(SweepPlan, "inputs come before what reads them") {
  experiment.criteria[0].widths_from = "taylor";  // planned after l1
  const Plan made = plan();
  std::set<std::string> seen;
  for (const auto& each : made.stages) {
    for (const auto& from : each.inputs) CHECK(seen.contains(from.stage));
    seen.insert(each.fingerprint);
  }
}

TEST_CASE_METHOD(SweepPlan, "a plan is a function of the experiment") {
  const Plan one = plan(), two = plan();
  REQUIRE(one.stages.size() == two.stages.size());
  for (std::size_t i = 0; i < one.stages.size(); ++i) CHECK(one.stages[i].fingerprint == two.stages[i].fingerprint);
}

TEST_CASE_METHOD(SweepPlan, "cuts at the pretraining are made once for all seeds, on its data, and each cut net learns the task") {
  experiment.data["other"] = experiment.data["tiny"];
  experiment.data["other"].files["name"] = "other";
  prune::TrainOptions there{.epochs = 7, .batch = 4, .precision = "fp32"}, after = there;
  after.epochs = 2;
  after.distill = prune::DistillOptions{};
  experiment.nets[0].pretrain = {{.dataset = "other", .target = "", .train = there, .retrain = after}};
  experiment.schedules[0].at_pretraining = true;
  experiment.transfer = {.epochs = 16, .batch = 4, .precision = "fp32", .distill = prune::DistillOptions{}};
  experiment.baselines = {{.narrow = support::keep(0.25), .pretrained = true, .train = experiment.train}};
  const Plan made = plan();
  CHECK(count(made, StageKind::prune) == 2 * 2 + 2 * 2 * 2);  // criteria, steps; and for each seed those of the other schedule
  CHECK(count(made, StageKind::transfer) == 2 * 2 * 2);
  const auto& one = trial(made, "fashion/vgg11_bn/taylor/slow/s5");
  const auto& other = trial(made, "fashion/vgg11_bn/taylor/slow/s6");
  REQUIRE(one.steps.size() == 3);
  const auto& base = stage_of(made, one.steps[0].stage);
  std::string parent = input(base, "start");
  for (std::size_t step = 1; step <= 2; ++step) {
    const auto& transfer = stage_of(made, one.steps[step].stage);
    REQUIRE(transfer.kind == StageKind::transfer);
    CHECK(transfer.parameters.json()["data"] == base.parameters.json()["data"]);
    CHECK(transfer.parameters.json()["train"]["epochs"] == 16);
    CHECK(transfer.parameters.json()["seed"] == 5);
    CHECK(input(transfer, "teacher") == base.fingerprint);
    const auto& cut = stage_of(made, input(transfer, "start"));
    REQUIRE(cut.kind == StageKind::prune);
    CHECK(cut.parameters.json()["data"] == stage_of(made, input(base, "start")).parameters.json()["data"]);
    CHECK(cut.parameters.json()["retrain"]["epochs"] == 2);
    CHECK(input(cut, "net") == parent);
    CHECK(input(cut, "teacher") == input(base, "start"));
    CHECK(input(stage_of(made, other.steps[step].stage), "start") == cut.fingerprint);
    parent = cut.fingerprint;
  }
  const auto narrow = std::ranges::find_if(made.trials, [](const auto& each) { return each.role == "baseline"; });
  const auto& first = stage_of(made, input(stage_of(made, narrow->steps[0].stage), "start"));
  CHECK(first.parameters.json()["train"]["epochs"] == 7 + 2 * 2);
  CHECK(input(first, "teacher") == input(base, "start"));
  CHECK_NOTHROW(search::StageGraph(made.stages));
}

TEST_CASE_METHOD(SweepPlan, "trials name their path through the stages") {
  const Plan made = plan();
  const auto& slow = trial(made, "fashion/vgg11_bn/taylor/slow/s6");
  CHECK(slow.role == "pruned");
  CHECK(slow.task == "fashion");
  CHECK(slow.net == "vgg11_bn");
  CHECK(slow.criterion == "taylor");
  CHECK(slow.schedule == "slow");
  CHECK(slow.seed == 6);
  CHECK(slow.width == 0.125);
  REQUIRE(slow.steps.size() == 3);
  for (int step = 0; step < 3; ++step) {
    const auto& made_by = stage_of(made, slow.steps[step].stage);
    const auto& evaluation = stage_of(made, slow.steps[step].evaluation);
    CHECK(slow.steps[step].step == step);
    CHECK(made_by.kind == (step == 0 ? StageKind::train : StageKind::prune));
    CHECK(made_by.parameters.json()["seed"] == 6);
    CHECK(evaluation.kind == StageKind::evaluate);
    CHECK(input(evaluation, "net") == made_by.fingerprint);
    if (step > 0) CHECK(input(made_by, "net") == slow.steps[step - 1].stage);
  }
  const auto& fast = trial(made, "fashion/vgg11_bn/taylor/fast/s6");
  CHECK(fast.steps[1].stage == slow.steps[1].stage);
  CHECK(fast.steps[2].stage != slow.steps[2].stage);
}

TEST_CASE_METHOD(SweepPlan, "a criterion at the widths of another reads that one's cut of the same step") {
  experiment.criteria.push_back({"l1-at-taylor", "l1", Json::object(), "uniform", "taylor"});
  const Plan made = plan();
  // The third criterion adds 2 seeds * 3 cuts with evaluations; alone each of its 4 trials needs 2 cuts of taylor besides its own 6 stages.
  CHECK(made.stages.size() == 28 + 12);
  CHECK(made.stages_without_sharing == 48 + 4 * 8);
  const auto& own = trial(made, "fashion/vgg11_bn/l1-at-taylor/fast/s5");
  const auto& widths = trial(made, "fashion/vgg11_bn/taylor/fast/s5");
  for (std::size_t step : {1, 2}) CHECK(input(stage_of(made, own.steps[step].stage), "widths") == widths.steps[step].stage);
}

TEST_CASE_METHOD(SweepPlan, "widths that come from themselves are refused") {
  experiment.criteria[0].widths_from = "taylor";
  experiment.criteria[1].widths_from = "l1";
  CHECK_THROWS_AS(plan(), storage::Error);
}

TEST_CASE_METHOD(SweepPlan, "without criteria the bases are trials of their own") {
  experiment.criteria.clear();
  const Plan made = plan();
  CHECK(made.stages.size() == 4);
  REQUIRE(made.trials.size() == 2);
  CHECK(trial(made, "fashion/vgg11_bn/s6").steps.size() == 1);
}

TEST_CASE_METHOD(SweepPlan, "cuts that others follow are retrained as `between` says, the last as `retrain`") {
  experiment.between = experiment.retrain;
  experiment.between->epochs = 1;
  experiment.retrain.distill = prune::DistillOptions{};
  experiment.lr_start = "auto";
  const Plan made = plan();
  const auto& slow = trial(made, "fashion/vgg11_bn/l1/slow/s5");
  const auto &first = stage_of(made, slow.steps[1].stage), &last = stage_of(made, slow.steps[2].stage);
  CHECK(first.parameters.json()["retrain"]["epochs"] == 1);
  CHECK(input(first, "teacher").empty());
  CHECK(last.parameters.json()["retrain"]["epochs"] == 3);
  CHECK(last.parameters.json()["lr_start"] == "auto");
  CHECK(input(last, "teacher") == slow.steps[0].stage);
}

TEST_CASE_METHOD(SweepPlan, "a rewound learning rate is the base's as many epochs before its end") {
  experiment.train.optimizer.lr = experiment.retrain.optimizer.lr = 0.1;  // ten epochs, by the cosine
  experiment.retrain.epochs = 5;
  experiment.between = experiment.retrain;
  experiment.between->epochs = 2;
  experiment.lr_start = "rewind";
  const Plan made = plan();
  const auto& slow = trial(made, "fashion/vgg11_bn/l1/slow/s5");
  const auto rate = [&](int step) {
    return stage_of(made, slow.steps[static_cast<std::size_t>(step)].stage).parameters.json()["retrain"]["optimizer"]["lr"].get<double>();
  };
  CHECK(rate(1) == Approx(0.0095491503));  // 0.05 (1 + cos 0.8 pi)
  CHECK(rate(2) == Approx(0.05));
}

TEST_CASE("strategies are known by name") {
  CHECK(search::strategy_names() == std::vector<std::string>{"sweep", "target", "halving", "beam", "pareto", "widths"});
  CHECK_THROWS_WITH(search::make_strategy("sweeep"), Catch::Contains("'sweep'"));
}

TEST_CASE("each fold of a cross-validation is a trial of its own, on data of its own") {
  SweepPlan fixture;
  const std::filesystem::path root = fixture.directory.path() / "adience";
  std::filesystem::create_directory(root);
  for (int fold = 0; fold < 5; ++fold) {
    std::ofstream file(root / ("fold_" + std::to_string(fold) + "_data.txt"));
    file << "user_id\toriginal_image\tface_id\tage\tgender\n";
    for (int i = 0; i < 8; ++i) file << "u" << fold << i / 4 << "\t" << fold << i << ".jpg\t1\t(0, 2)\tm\n";
  }
  const Json settings{{"format", "adience"}, {"root", root.string()}, {"size", 32}, {"protocol", "5-fold"}, {"validation", 0.25}};
  fixture.experiment.data["tiny"] = search::describe_data(settings, {"age"});
  fixture.experiment.tasks = {{"age", "tiny", "age"}};
  fixture.experiment.seeds = 1;
  const Plan plan = fixture.plan();
  CHECK(plan.trials.size() == 5 * 4);
  CHECK(count(plan, StageKind::train) == 5);
  std::set<std::string> bases;
  for (int fold = 0; fold < 5; ++fold) {
    const auto& of_fold = trial(plan, "age/vgg11_bn/l1/slow/s5/f" + std::to_string(fold));
    CHECK(of_fold.fold == fold);
    bases.insert(of_fold.steps[0].stage);
    const Json data = stage_of(plan, of_fold.steps[0].stage).parameters.json().at("data");
    CHECK(data.at("settings").at("fold") == fold);
    CHECK(data.at("identity") == eval::dataset_identity(data.at("settings")));
    CHECK(stage_of(plan, of_fold.steps[0].stage).label == "vgg11_bn seed 5 fold " + std::to_string(fold));
  }
  CHECK(bases.size() == 5);
  Json of_one_fold = settings;
  of_one_fold["fold"] = 2;
  fixture.experiment.data["tiny"] = search::describe_data(of_one_fold, {"age"});
  CHECK(fixture.plan().trials.size() == 4);
}
