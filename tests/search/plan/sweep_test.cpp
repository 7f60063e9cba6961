#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <set>

#include "eval/cost.h"
#include "eval/data/dataset.h"
#include "search/experiment/nets.h"
#include "search/experiment/source_nets.h"
#include "search/plan/stage_graph.h"
#include "search/plan/strategy.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_search_data.h"

using search::Experiment;
using search::Json;
using search::Plan;
using search::StageKind;

namespace {

prune::PruneRequest keep(double share) {
  return {prune::PruneRequest::Kind::keep, share, prune::Budget::macs};
}
prune::PruneRequest eta(double value) {
  return {prune::PruneRequest::Kind::eta, value, prune::Budget::macs};
}

/// One net, criteria `l1` and `taylor`, two schedules that begin alike, two seeds.
struct Fixture {
  support::TemporaryDirectory directory;
  Experiment experiment;

  Fixture() {
    experiment.name = "tiny";
    experiment.seed = 5;
    experiment.seeds = 2;
    experiment.tasks = {{"fashion", "tiny", ""}};
    experiment.data["tiny"] = support::tiny_data(directory.path());
    experiment.nets = {{.name = "vgg11_bn", .width = 0.125}};
    experiment.train = {.epochs = 10, .batch = 4, .precision = "fp32"};
    experiment.retrain = {.epochs = 3, .batch = 4, .precision = "fp32"};
    experiment.criteria = {{"l1", "l1", Json::object(), "uniform", ""}, {"taylor", "taylor", Json::object(), "greedy", ""}};
    experiment.schedules = {{"slow", {keep(0.5), keep(0.3)}}, {"fast", {keep(0.5), keep(0.2)}}};
    experiment.allocation = {{"floor", 0.1}};
  }

  Plan plan() const { return search::make_strategy("sweep")->next(experiment, {}); }
};

int count(const Plan& plan, StageKind kind) {
  return static_cast<int>(std::count_if(plan.stages.begin(), plan.stages.end(), [&](const auto& stage) { return stage.kind == kind; }));
}

const search::Stage& stage(const Plan& plan, const std::string& fingerprint) {
  const auto found =
      std::find_if(plan.stages.begin(), plan.stages.end(), [&](const auto& each) { return each.fingerprint == fingerprint; });
  REQUIRE(found != plan.stages.end());
  return *found;
}

const storage::TrialRecord& trial(const Plan& plan, const std::string& name) {
  const auto found = std::find_if(plan.trials.begin(), plan.trials.end(), [&](const auto& each) { return each.name == name; });
  REQUIRE(found != plan.trials.end());
  return *found;
}

/// The fingerprint of the input of a role, or "".
std::string input(const search::Stage& stage, const std::string& role) {
  for (const auto& each : stage.inputs)
    if (each.role == role) return each.stage;
  return "";
}

}  // namespace

TEST_CASE_METHOD(Fixture, "equal prefixes of a sweep run once") {
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

TEST_CASE_METHOD(Fixture, "inputs come before what reads them") {
  experiment.criteria[0].widths_from = "taylor";  // planned after l1
  const Plan made = plan();
  std::set<std::string> seen;
  for (const auto& each : made.stages) {
    for (const auto& from : each.inputs) CHECK(seen.contains(from.stage));
    seen.insert(each.fingerprint);
  }
}

TEST_CASE_METHOD(Fixture, "a plan is a function of the experiment") {
  const Plan one = plan(), two = plan();
  REQUIRE(one.stages.size() == two.stages.size());
  for (std::size_t i = 0; i < one.stages.size(); ++i) CHECK(one.stages[i].fingerprint == two.stages[i].fingerprint);
}

TEST_CASE_METHOD(Fixture, "trials name their path through the stages") {
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
    const auto& made_by = stage(made, slow.steps[step].stage);
    const auto& evaluation = stage(made, slow.steps[step].evaluation);
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

TEST_CASE_METHOD(Fixture, "an experiment that was loaded is planned without its files") {
  storage::write_file(directory.path() / "w.safetensors", "some weights");
  experiment.nets[0].weights = search::describe_weights(directory.path() / "w.safetensors");
  experiment.baselines = {{.net = {}, .narrow = keep(0.25), .train = experiment.train}};
  const Plan before = plan();
  const Json stored = to_json(experiment);
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) std::filesystem::remove_all(entry);
  CHECK(search::is_same(plan(), before));
  CHECK(to_json(experiment) == stored);
}

TEST_CASE_METHOD(Fixture, "stages carry what the worker needs, and no labels") {
  const Plan before = plan();
  const auto& path = trial(before, "fashion/vgg11_bn/taylor/slow/s5");
  const Json& settings = experiment.data["tiny"].settings;
  const Json data{{"settings", settings}, {"identity", eval::dataset_identity(settings)}, {"target", ""}};
  CHECK(stage(before, path.steps[0].stage).parameters.json() ==
        Json{{"data", data},
             {"net", {{"name", "vgg11_bn"}, {"width", 0.125}, {"layout", "automatic"}, {"dropout", 0.5}}},
             {"train", to_json(experiment.train)},
             {"seed", 5}});
  CHECK(stage(before, path.steps[1].stage).parameters.json() == Json{{"data", data},
                                                                     {"criterion", {{"name", "taylor"}, {"options", Json::object()}}},
                                                                     {"allocation", "greedy"},
                                                                     {"limits", experiment.allocation},
                                                                     {"request", {{"keep", 0.5}, {"of", "macs"}}},
                                                                     {"retrain", to_json(experiment.retrain)},
                                                                     {"seed", 5}});
  CHECK(stage(before, path.steps[1].evaluation).parameters.json() == Json{{"data", data}, {"split", "test"}});

  experiment.criteria[1].label = "renamed";
  experiment.schedules[0].name = "renamed";
  experiment.tasks[0].name = "renamed";
  const Plan after = plan();
  CHECK(trial(after, "renamed/vgg11_bn/renamed/renamed/s5").steps[2].evaluation == path.steps[2].evaluation);
}

TEST_CASE_METHOD(Fixture, "an eta request is allocated by eta") {
  experiment.schedules = {{"paper", {eta(0.1)}}};
  const Plan made = plan();
  const auto& cut = stage(made, trial(made, "fashion/vgg11_bn/taylor/paper/s5").steps[1].stage);
  CHECK(cut.parameters.json()["allocation"] == "eta");
  CHECK(cut.parameters.json()["request"] == Json{{"eta", 0.1}});
}

TEST_CASE_METHOD(Fixture, "one probe of the precision serves all seeds of a net") {
  experiment.train.precision = "auto";
  const Plan made = plan();
  CHECK(count(made, StageKind::probe) == 1);
  CHECK(made.stages.size() == 29);
  CHECK(made.stages_without_sharing == 56);  // one more in each of 8 trials
  const std::string probe = made.stages.front().fingerprint;
  for (const auto& each : made.stages) CHECK(input(each, "precision") == (each.kind == StageKind::train ? probe : ""));
  CHECK(made.stages.front().parameters.json()["batch"] == 4);
}

TEST_CASE_METHOD(Fixture, "a criterion at the widths of another reads that one's cut of the same step") {
  experiment.criteria.push_back({"l1-at-taylor", "l1", Json::object(), "uniform", "taylor"});
  const Plan made = plan();
  // The third criterion adds 2 seeds * 3 cuts with evaluations; alone each of its 4 trials needs 2 cuts of taylor besides its own 6 stages.
  CHECK(made.stages.size() == 28 + 12);
  CHECK(made.stages_without_sharing == 48 + 4 * 8);
  const auto& own = trial(made, "fashion/vgg11_bn/l1-at-taylor/fast/s5");
  const auto& widths = trial(made, "fashion/vgg11_bn/taylor/fast/s5");
  for (std::size_t step : {1, 2}) CHECK(input(stage(made, own.steps[step].stage), "widths") == widths.steps[step].stage);
}

TEST_CASE_METHOD(Fixture, "widths that come from themselves are refused") {
  experiment.criteria[0].widths_from = "taylor";
  experiment.criteria[1].widths_from = "l1";
  CHECK_THROWS_AS(plan(), storage::Error);
}

TEST_CASE_METHOD(Fixture, "baselines are trained as they say") {
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
  CHECK(stage(made, first.steps[0].stage).parameters.json()["train"]["epochs"] == 16);
  CHECK(stage(made, second.steps[0].stage).parameters.json()["train"]["epochs"] == 4);
  CHECK(count(made, StageKind::probe) == 3);
  CHECK(made.stages.size() == 29 + 2 * 2 * 2 + 2);  // two baselines, two seeds, train and evaluate; two probes
}

TEST_CASE_METHOD(Fixture, "the narrow control is as wide as its budget allows") {
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
  CHECK(stage(made, narrow->steps[0].stage).parameters.json()["net"] ==
        Json{{"name", "vgg11_bn"}, {"width", width}, {"layout", "automatic"}, {"dropout", 0.5}});
}

TEST_CASE_METHOD(Fixture, "nets of one name are told apart by their width") {
  experiment.nets.push_back({.name = "vgg11_bn", .width = 0.25});
  const Plan made = plan();
  CHECK(made.trials.size() == 16);
  CHECK(trial(made, "fashion/vgg11_bn-w0.25/l1/slow/s5").net == "vgg11_bn-w0.25");
  CHECK(trial(made, "fashion/vgg11_bn-w0.125/l1/slow/s5").width == 0.125);
}

TEST_CASE_METHOD(Fixture, "without criteria the bases are trials of their own") {
  experiment.criteria.clear();
  const Plan made = plan();
  CHECK(made.stages.size() == 4);
  REQUIRE(made.trials.size() == 2);
  CHECK(trial(made, "fashion/vgg11_bn/s6").steps.size() == 1);
}

TEST_CASE_METHOD(Fixture, "work is estimated from images, multiply-accumulates and epochs") {
  const Plan made = plan();
  const eval::DatasetInfo data = experiment.data["tiny"].targets.at("");
  REQUIRE(data.train == 24);  // 30 less 6 for validation
  const auto macs = static_cast<double>(eval::cost(search::make_net(experiment.nets[0], data)).macs);
  const auto& path = trial(made, "fashion/vgg11_bn/l1/slow/s5");
  CHECK(stage(made, path.steps[0].stage).cost == Approx(10 * 24 * macs * 3));
  CHECK(stage(made, path.steps[0].evaluation).cost == Approx(10 * macs));
  // Scoring passes over what the step before left, retraining over what this one leaves.
  CHECK(stage(made, path.steps[2].stage).cost == Approx(24 * 0.5 * macs * 3 + 3 * 24 * 0.3 * macs * 3));
  CHECK(stage(made, path.steps[2].evaluation).cost == Approx(10 * 0.3 * macs));
}

TEST_CASE("strategies are known by name") {
  CHECK(search::strategy_names() == std::vector<std::string>{"sweep", "target", "halving", "beam", "pareto"});
  CHECK_THROWS_WITH(search::make_strategy("sweeep"), Catch::Contains("'sweep'"));
}

TEST_CASE("each fold of a cross-validation is a trial of its own, on data of its own") {
  Fixture fixture;
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
    const Json data = stage(plan, of_fold.steps[0].stage).parameters.json().at("data");
    CHECK(data.at("settings").at("fold") == fold);
    CHECK(data.at("identity") == eval::dataset_identity(data.at("settings")));
    CHECK(stage(plan, of_fold.steps[0].stage).label == "vgg11_bn seed 5 fold " + std::to_string(fold));
  }
  CHECK(bases.size() == 5);
  Json of_one_fold = settings;
  of_one_fold["fold"] = 2;
  fixture.experiment.data["tiny"] = search::describe_data(of_one_fold, {"age"});
  CHECK(fixture.plan().trials.size() == 4);
}

TEST_CASE_METHOD(Fixture, "a net that is distilled has its base as an input") {
  CHECK(input(stage(plan(), trial(plan(), "fashion/vgg11_bn/l1/slow/s5").steps[2].stage), "teacher").empty());
  experiment.retrain.distill = prune::DistillOptions{};
  const Plan made = plan();
  const auto& steps = trial(made, "fashion/vgg11_bn/l1/slow/s5").steps;
  CHECK(input(stage(made, steps[2].stage), "net") == steps[1].stage);
  CHECK(input(stage(made, steps[2].stage), "teacher") == steps[0].stage);
}

TEST_CASE_METHOD(Fixture, "trained weights count by their content, not by where they lie") {
  const auto base_with = [&](const std::string& name, const std::string& content) {
    storage::write_file(directory.path() / name, content);
    experiment.nets[0].weights = search::describe_weights(directory.path() / name);
    return trial(plan(), "fashion/vgg11_bn/l1/slow/s5").steps[0].stage;
  };
  const std::string scratch = trial(plan(), "fashion/vgg11_bn/l1/slow/s5").steps[0].stage, first = base_with("a.safetensors", "one");
  CHECK(first != scratch);
  CHECK(first != base_with("a.safetensors", "two"));
  std::filesystem::create_directory(directory.path() / "elsewhere");
  CHECK(first == base_with("elsewhere/a.safetensors", "one"));
}

namespace {

/// Noise, an attack on each net itself, and one on `source`.
search::RobustnessOptions robustness(const std::string& source) {
  const Json eps{{"eps", 0.1}};
  return {8, {{"noise", "gaussian", 10}, {"attack", "fgsm", 0.1, eps, "self"}, {"attack", "fgsm", 0.1, eps, source}}};
}

}  // namespace

TEST_CASE_METHOD(Fixture, "what `evaluate` asks for is measured of every net that is tested, and changes no other stage") {
  const Plan before = plan();
  experiment.evaluate = {search::LatencyOptions{}, robustness("vgg11_bn")};
  const Plan after = plan();
  CHECK(after.stages.size() == 28 + 2 * 14);
  CHECK(count(after, StageKind::latency) == 14);
  CHECK(count(after, StageKind::robustness) == 14);
  CHECK(after.stages_without_sharing == 48 + 2 * 3 * 8);
  for (const search::Stage& each : before.stages) CHECK(stage(after, each.fingerprint).kind == each.kind);
  CHECK_NOTHROW(search::StageGraph(after.stages));

  const auto& path = trial(after, "fashion/vgg11_bn/taylor/slow/s6");
  for (const storage::TrialStep& step : path.steps) {
    REQUIRE(step.measurements.size() == 2);
    const search::Stage &latency = stage(after, step.measurements[0]), &robust = stage(after, step.measurements[1]);
    CHECK(latency.kind == StageKind::latency);
    CHECK(input(latency, "net") == step.stage);
    CHECK(latency.parameters.json() == Json{{"batch", {1, 64}}, {"seconds", 1.0}});
    CHECK(robust.kind == StageKind::robustness);
    CHECK(input(robust, "net") == step.stage);
    CHECK(input(robust, "source/vgg11_bn") == path.steps[0].stage);  // the base of the same seed
    CHECK(robust.inputs.size() == 2);
    CHECK(robust.parameters.json()["seed"] == 6);
    CHECK(robust.parameters.json()["images"] == 8);
    CHECK(robust.parameters.json()["data"] == stage(after, step.stage).parameters.json()["data"]);
  }
  CHECK(trial(before, path.name).steps[2].measurements.empty());
}

TEST_CASE_METHOD(Fixture, "attacks are made on a baseline of the same seed, which is trained once") {
  experiment.baselines = {{{.name = "mobilenet_v2", .width = 0.25}, {}, experiment.train}, {{}, keep(0.5), experiment.train}};
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
        CHECK(input(stage(made, step.measurements.at(0)), "source/" + source) == baseline->steps[0].stage);
    }
  }
}

TEST_CASE_METHOD(Fixture, "the names of nets that attacks can be made on") {
  const auto names = [&] {
    std::vector<std::string> all;
    for (const search::SourceNet& source : search::source_nets(experiment)) all.push_back(source.name);
    return all;
  };
  experiment.baselines = {{{.name = "vgg11_bn", .width = 0.5}, {}, {}}, {{}, keep(0.5), {}}, {{}, keep(0.25), {}}};
  CHECK(names() == std::vector<std::string>{"vgg11_bn", "vgg11_bn-w0.5", "narrow-vgg11_bn"});
  experiment.nets.push_back({.name = "vgg11_bn", .width = 0.25});
  CHECK(names() ==
        std::vector<std::string>{"vgg11_bn-w0.125", "vgg11_bn-w0.25", "vgg11_bn", "narrow-vgg11_bn-w0.125", "narrow-vgg11_bn-w0.25"});
}

TEST_CASE_METHOD(Fixture, "a refit and substeps are parameters of a cut where they are asked for, and change nothing else") {
  const Plan before = plan();
  experiment.refit = prune::RefitOptions{.images = 500};
  experiment.substeps = 3;
  const Plan after = plan();
  const auto& path = trial(after, "fashion/vgg11_bn/taylor/slow/s5");
  CHECK(path.steps[0].stage == trial(before, path.name).steps[0].stage);
  CHECK(path.steps[1].stage != trial(before, path.name).steps[1].stage);
  const Json parameters = stage(after, path.steps[1].stage).parameters.json();
  CHECK(parameters.at("refit") == Json{{"images", 500}, {"places", nullptr}, {"ridge", nullptr}});
  CHECK(parameters.at("substeps") == 3);
  const Json plain = stage(before, trial(before, path.name).steps[1].stage).parameters.json();
  CHECK_FALSE(plain.contains("refit"));
  CHECK_FALSE(plain.contains("substeps"));
}
