// What the stages of a plan are told, what enters their fingerprints, and what their work is estimated at.

#include "eval/cost.h"
#include "eval/data/dataset.h"
#include "search/experiment/nets.h"
#include "storage/base/file.h"
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

prune::PruneRequest eta(double value) {
  return {prune::PruneRequest::Kind::eta, value, prune::Budget::macs};
}

}  // namespace

TEST_CASE_METHOD(SweepPlan, "an experiment that was loaded is planned without its files") {
  storage::write_file(directory.path() / "w.safetensors", "some weights");
  experiment.nets[0].weights = search::describe_weights(directory.path() / "w.safetensors");
  experiment.baselines = {{.net = {}, .narrow = keep(0.25), .train = experiment.train}};
  const Plan before = plan();
  const Json stored = to_json(experiment);
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) std::filesystem::remove_all(entry);
  CHECK(search::is_same(plan(), before));
  CHECK(to_json(experiment) == stored);
}

TEST_CASE_METHOD(SweepPlan, "stages carry what the worker needs, and no labels") {
  const Plan before = plan();
  const auto& path = trial(before, "fashion/vgg11_bn/taylor/slow/s5");
  const Json& settings = experiment.data["tiny"].settings;
  const Json data{{"settings", settings}, {"identity", eval::dataset_identity(settings)}, {"target", ""}};
  CHECK(stage_of(before, path.steps[0].stage).parameters.json() ==
        Json{{"data", data},
             {"net", {{"name", "vgg11_bn"}, {"width", 0.125}, {"layout", "automatic"}, {"dropout", 0.5}}},
             {"train", to_json(experiment.train)},
             {"seed", 5}});
  CHECK(stage_of(before, path.steps[1].stage).parameters.json() == Json{{"data", data},
                                                                        {"criterion", {{"name", "taylor"}, {"options", Json::object()}}},
                                                                        {"allocation", "greedy"},
                                                                        {"limits", experiment.allocation},
                                                                        {"request", {{"keep", 0.5}, {"of", "macs"}}},
                                                                        {"retrain", to_json(experiment.retrain)},
                                                                        {"seed", 5}});
  CHECK(stage_of(before, path.steps[1].evaluation).parameters.json() == Json{{"data", data}, {"split", "test"}});

  experiment.criteria[1].label = "renamed";
  experiment.schedules[0].name = "renamed";
  experiment.tasks[0].name = "renamed";
  const Plan after = plan();
  CHECK(trial(after, "renamed/vgg11_bn/renamed/renamed/s5").steps[2].evaluation == path.steps[2].evaluation);
}

TEST_CASE_METHOD(SweepPlan, "an eta request is allocated by eta") {
  experiment.schedules = {{"paper", {eta(0.1)}}};
  const Plan made = plan();
  const auto& cut = stage_of(made, trial(made, "fashion/vgg11_bn/taylor/paper/s5").steps[1].stage);
  CHECK(cut.parameters.json()["allocation"] == "eta");
  CHECK(cut.parameters.json()["request"] == Json{{"eta", 0.1}});
}

TEST_CASE_METHOD(SweepPlan, "one probe of the precision serves all seeds of a net") {
  experiment.train.precision = "auto";
  const Plan made = plan();
  CHECK(count(made, StageKind::probe) == 1);
  CHECK(made.stages.size() == 29);
  CHECK(made.stages_without_sharing == 56);  // one more in each of 8 trials
  const std::string probe = made.stages.front().fingerprint;
  for (const auto& each : made.stages) CHECK(input(each, "precision") == (each.kind == StageKind::train ? probe : ""));
  CHECK(made.stages.front().parameters.json()["batch"] == 4);
}

TEST_CASE_METHOD(SweepPlan, "work is estimated from images, multiply-accumulates and epochs") {
  const Plan made = plan();
  const eval::DatasetInfo data = experiment.data["tiny"].targets.at("");
  REQUIRE(data.train == 24);  // 30 less 6 for validation
  const auto macs = static_cast<double>(eval::cost(search::make_net(experiment.nets[0], data)).macs);
  const auto& path = trial(made, "fashion/vgg11_bn/l1/slow/s5");
  CHECK(stage_of(made, path.steps[0].stage).cost == Approx(10 * 24 * macs * 3));
  CHECK(stage_of(made, path.steps[0].evaluation).cost == Approx(10 * macs));
  // Scoring passes over what the step before left, retraining over what this one leaves.
  CHECK(stage_of(made, path.steps[2].stage).cost == Approx(24 * 0.5 * macs * 3 + 3 * 24 * 0.3 * macs * 3));
  CHECK(stage_of(made, path.steps[2].evaluation).cost == Approx(10 * 0.3 * macs));
}

TEST_CASE_METHOD(SweepPlan, "a net that is distilled has its base as an input") {
  const Plan plain = plan();
  CHECK(input(stage_of(plain, trial(plain, "fashion/vgg11_bn/l1/slow/s5").steps[2].stage), "teacher").empty());
  experiment.retrain.distill = prune::DistillOptions{};
  const Plan made = plan();
  const auto& steps = trial(made, "fashion/vgg11_bn/l1/slow/s5").steps;
  CHECK(input(stage_of(made, steps[2].stage), "net") == steps[1].stage);
  CHECK(input(stage_of(made, steps[2].stage), "teacher") == steps[0].stage);
  // The teacher's forward pass is a third of what an epoch of its own training is taken to cost, and the retraining has three.
  const search::Stage& cut = stage_of(made, steps[2].stage);
  CHECK(cut.cost - stage_of(plain, trial(plain, "fashion/vgg11_bn/l1/slow/s5").steps[2].stage).cost ==
        Approx(stage_of(made, steps[0].stage).cost / 10));
  CHECK(cut.epochs == 3);
}

TEST_CASE_METHOD(SweepPlan, "trained weights count by their content, not by where they lie") {
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

TEST_CASE_METHOD(SweepPlan, "a cut that leaves less than 0.4 of a net is made in four unless the experiment says otherwise") {
  const auto substeps_of = [&](double from, double to) {
    experiment.schedules = {{"slow", {keep(from), keep(to)}}};
    const Plan made = plan();
    return stage_of(made, trial(made, "fashion/vgg11_bn/taylor/slow/s5").steps[2].stage).parameters.json().value("substeps", 1);
  };
  CHECK(substeps_of(0.5, 0.19) == 4);
  CHECK(substeps_of(0.5, 0.21) == 1);
  CHECK(substeps_of(0.25, 0.12) == 1);
  experiment.criteria[1].allocation = "eta";  // the paper's rule loses by it
  CHECK(substeps_of(0.5, 0.1) == 1);
  experiment.criteria[0].allocation = "eta";  // of one at another's widths, as that one is cut
  experiment.criteria[0].label = "first";
  experiment.criteria[1].allocation = "greedy";
  experiment.criteria[1].widths_from = "first";
  CHECK(substeps_of(0.5, 0.1) == 1);
  experiment.criteria[0].allocation = "uniform";
  experiment.criteria[1].allocation = "eta";
  CHECK(substeps_of(0.5, 0.1) == 4);
  experiment.criteria[1].widths_from.clear();
  experiment.substeps = 1;
  CHECK(substeps_of(0.5, 0.1) == 1);
  experiment.substeps = 2;
  CHECK(substeps_of(0.5, 0.25) == 2);
}

TEST_CASE_METHOD(SweepPlan, "a refit and substeps are parameters of a cut where they are asked for, and change nothing else") {
  const Plan before = plan();
  experiment.refit = prune::RefitOptions{.images = 500};
  experiment.substeps = 3;
  const Plan after = plan();
  const auto& path = trial(after, "fashion/vgg11_bn/taylor/slow/s5");
  CHECK(path.steps[0].stage == trial(before, path.name).steps[0].stage);
  CHECK(path.steps[1].stage != trial(before, path.name).steps[1].stage);
  const Json parameters = stage_of(after, path.steps[1].stage).parameters.json();
  CHECK(parameters.at("refit") == Json{{"images", 500}, {"places", nullptr}, {"ridge", nullptr}});
  CHECK(parameters.at("substeps") == 3);
  const Json plain = stage_of(before, trial(before, path.name).steps[1].stage).parameters.json();
  CHECK_FALSE(plain.contains("refit"));
  CHECK_FALSE(plain.contains("substeps"));
}
