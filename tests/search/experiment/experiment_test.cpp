#include "search/experiment/experiment.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "search/plan/strategy.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "tests/support/small_experiment.h"
#include "tests/support/throws.h"

using namespace search;
using support::SmallExperiment;

namespace {

Experiment load(const SmallExperiment& small, const std::vector<std::string>& overrides = {}) {
  std::vector<Override> parsed;
  for (const std::string& text : overrides) parsed.push_back(parse_override(text));
  return load_experiment(small.write(), parsed);
}

std::vector<double> values(const Schedule& schedule) {
  std::vector<double> values;
  for (const prune::PruneRequest& step : schedule.steps) values.push_back(step.value);
  return values;
}

}  // namespace

TEST_CASE("a small experiment is read with its defaults") {
  const SmallExperiment small;
  const Experiment experiment = load(small);
  CHECK(experiment.file == small.path() / "e.yaml");
  CHECK(experiment.yaml.substr(0, 10) == "schema: 1\n");
  CHECK(experiment.name == "small");
  CHECK(experiment.seed == 1);
  CHECK(experiment.seeds == 1);
  CHECK(experiment.strategy == "sweep");
  CHECK(experiment.tolerance == 0.01);
  REQUIRE(experiment.tasks.size() == 1);
  CHECK(experiment.tasks[0].dataset == "fashion");
  CHECK(experiment.tasks[0].target.empty());
  CHECK(experiment.data.at("fashion").settings.at("root") == (small.path() / "data").string());
  CHECK(experiment.data.at("fashion").settings.at("format") == "idx");
  REQUIRE(experiment.nets.size() == 1);
  CHECK(experiment.nets[0].width == 0.25);
  CHECK(experiment.nets[0].layout == "automatic");
  CHECK(experiment.baselines.empty());
  CHECK(experiment.train.epochs == 4);
  CHECK(experiment.train.batch == 128);
  CHECK(experiment.train.optimizer.lr == 0.1);
  CHECK(experiment.train.optimizer.momentum == 0.9);
  CHECK(experiment.retrain == experiment.train);
  CHECK(experiment.allocation.at("alpha") == 0.25);
  CHECK(experiment.resources.executor == "process");
  CHECK(experiment.resources.slots == 0);
  CHECK(experiment.resources.device == "auto");
  CHECK(experiment.reliability.retries == std::map<std::string, int>{{"oom", 1}, {"crash", 2}, {"lost", 3}, {"timeout", 0}});
  CHECK(experiment.reliability.max_failures == 0);
}

TEST_CASE("an experiment with overrides is kept as it was run") {
  SmallExperiment small;
  CHECK(load(small).yaml.starts_with("schema: 1\n"));
  const Experiment run =
      load(small, {"train.epochs=3", "search.seeds=2", "prune.schedules.0.keep=[0.4, 0.2]", "data.fashion.root=${NONE:-data}"});
  CHECK(run.yaml.starts_with("# As it was run, with -s train.epochs=3 -s search.seeds=2 "));
  storage::write_file(small.path() / "again.yaml", run.yaml);
  const Experiment again = search::load_experiment(small.path() / "again.yaml", {});
  CHECK(again.seeds == 2);
  CHECK(search::to_json(again) == search::to_json(run));
  const auto plan = [](const Experiment& of) { return search::make_strategy(of.strategy)->next(of, {}); };
  CHECK(search::is_same(plan(run), plan(again)));
  CHECK_FALSE(search::has_same_stages(plan(run), plan(load(small))));
}

TEST_CASE("retraining takes from training what it does not set") {
  SmallExperiment small;
  small.lines[5] = "train: {epochs: 4, batch: 64, label_smoothing: 0.1, optimizer: {lr: 0.1, momentum: 0.8}}";
  small.lines.push_back("  retrain: {epochs: 1, optimizer: {name: sgd, lr: 0.02}}");
  const prune::TrainOptions retrain = load(small).retrain;
  CHECK(retrain.epochs == 1);
  CHECK(retrain.batch == 64);
  CHECK(retrain.label_smoothing == 0.1);
  CHECK(retrain.optimizer.lr == 0.02);
  CHECK(retrain.optimizer.momentum == 0.8);

  small.lines.back() = "  retrain: {optimizer: sgd}";
  CHECK(load(small).retrain == load(small).train);
}

TEST_CASE("cuts that others follow may be retrained in another way, and baselines train as long as all of it") {
  SmallExperiment small;
  small.lines.back() = "  schedules: [{name: twice, keep: [0.5, 0.3]}]";
  small.lines.push_back("  retrain: {epochs: 6, distill: {form: dkd}}");
  small.lines.push_back("  between: {epochs: 1, lr_schedule: constant}");
  small.lines.push_back("  lr_start: auto");
  small.lines.push_back("baselines: [squeezenet1_1]");
  const Experiment experiment = load(small);
  REQUIRE(experiment.between.has_value());
  CHECK(experiment.between->epochs == 1);
  CHECK(experiment.between->lr_schedule == "constant");
  REQUIRE(experiment.between->distill.has_value());
  CHECK(experiment.between->distill->form == "dkd");
  CHECK(experiment.lr_start == "auto");
  CHECK(experiment.baselines[0].train.epochs == 4 + 1 + 6);
}

TEST_CASE("one budget of epochs is split between a base and the retraining of its cut nets") {
  SmallExperiment small;
  small.lines[5] = "train: {optimizer: {lr: 0.1}}";
  small.lines[8] = "  schedules: [{name: once, keep: [0.5]}, {name: often, keep: [0.8, 0.6, 0.4, 0.2]}]";
  small.lines.push_back("budget: {epochs: 40}");
  small.lines.push_back("baselines: [squeezenet1_1, {name: narrow, keep: 0.5, train: {epochs: 3}}, scratch]");
  Experiment experiment = load(small);  // a quarter for the base; of 30, four cuts have 7, and the last 2 more
  CHECK(experiment.train.epochs == 10);
  REQUIRE(experiment.between);
  CHECK(experiment.between->epochs == 7);
  CHECK(experiment.retrain.epochs == 9);
  CHECK(experiment.baselines[0].train.epochs == 40);
  CHECK(experiment.baselines[1].train.epochs == 3);
  CHECK(experiment.baselines[2].train.epochs == 40);

  small.lines[9] = "budget: {epochs: 40, dense: 0.5}";
  small.lines.insert(small.lines.begin() + 9, "  between: {epochs: 1}");
  experiment = load(small);
  CHECK(experiment.train.epochs == 20);
  CHECK(experiment.between->epochs == 1);
  CHECK(experiment.retrain.epochs == 17);
  CHECK(experiment.baselines[0].train.epochs == 40);

  // A beam has no last cut: each of the usual four has as many, and what `between` says is for schedules.
  const std::string schedules = std::exchange(small.lines[8], "");
  small.lines.push_back("search: {strategy: beam}");
  experiment = load(small);
  CHECK_FALSE(experiment.between);
  CHECK(experiment.retrain.epochs == 5);
  CHECK(experiment.baselines[0].train.epochs == 40);
  small.lines[8] = schedules;
  small.lines.pop_back();

  small.lines[10] = "budget: {epochs: 40, dense: 0.1}";
  small.lines[9] = "  lr_start: rewind";
  experiment = load(small);  // 36 are nine for each
  CHECK(experiment.train.epochs == 4);
  CHECK_FALSE(experiment.between);
  CHECK(experiment.retrain.epochs == 9);
}

TEST_CASE("what is cut to, and how a shape is trained anew, is read") {
  SmallExperiment small;
  small.lines[8] = "  schedules: [{name: quick, keep: [0.5], of: latency}]";
  small.lines.push_back("baselines: [scratch, {name: scratch, effort: flops, steps: last}]");
  small.lines.push_back("evaluate: {latency: {batch: [1]}}");
  small.lines.push_back("constraints: ['latency_estimate_ms <= 2.5']");
  const Experiment experiment = load(small);
  CHECK(experiment.schedules[0].steps[0].of == prune::Budget::latency);
  CHECK(search::estimates_latency(experiment));
  CHECK(search::latency_bound(experiment) == 2.5);
  CHECK_FALSE(experiment.baselines[0].equal_flops);
  CHECK(experiment.baselines[1].equal_flops);
  CHECK(experiment.baselines[1].last_only);
  CHECK_FALSE(search::estimates_latency(load(SmallExperiment())));
}

TEST_CASE("criteria get labels, options and an allocation") {
  SmallExperiment small;
  small.lines[7] =
      "  criteria: [lda, {name: lda, variant: wilks, images: 500}, {name: lda, variant: paper}, {name: random, widths: lda-wilks},"
      " {name: l1, label: mine, allocation: greedy}, taylor]";
  const std::vector<Criterion> criteria = load(small).criteria;
  REQUIRE(criteria.size() == 6);
  const auto is = [](const Criterion& criterion, const char* label, const char* allocation, const char* widths) {
    CHECK(criterion.label == label);
    CHECK(criterion.widths_from == widths);
    if (criterion.widths_from.empty()) CHECK(criterion.allocation == allocation);
  };
  is(criteria[0], "lda", "eta", "");
  is(criteria[1], "lda-wilks", "greedy", "");
  is(criteria[2], "lda-paper", "eta", "");
  is(criteria[3], "random@lda-wilks", "", "lda-wilks");
  is(criteria[4], "mine", "greedy", "");
  is(criteria[5], "taylor", "greedy", "");
  CHECK(criteria[1].options.at("images") == 500);
  CHECK(criteria[1].options.at("ridge") == 0.01);
  CHECK(criteria[4].name == "l1");
}

TEST_CASE("schedules are lists of shares or of thresholds") {
  SmallExperiment small;
  small.lines[8] =
      "  schedules: [{name: paper, eta: {from: 0.1, step: 0.1}, steps: 12}, {name: list, eta: [0.5, 1]}, {name: shares, keep: [1, 0.5, "
      "0.12],"
      " of: params}]";
  const std::vector<Schedule> schedules = load(small).schedules;
  REQUIRE(schedules.size() == 3);
  CHECK(values(schedules[0]) == std::vector<double>{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2});
  CHECK(values(schedules[1]) == std::vector<double>{0.5, 1});
  CHECK(schedules[1].steps[0].kind == prune::PruneRequest::Kind::eta);
  CHECK(values(schedules[2]) == std::vector<double>{1, 0.5, 0.12});
  CHECK(schedules[2].steps[0].kind == prune::PruneRequest::Kind::keep);
  CHECK(schedules[2].steps[0].of == prune::Budget::params);
}

TEST_CASE("baselines are nets or narrow ones") {
  SmallExperiment small;
  small.lines.push_back(
      "baselines: [mobilenet_v2, {name: squeezenet1_1, width: 0.5, train: {epochs: 3, optimizer: {lr: 0.01}}}, {name: narrow, keep: 0.1, "
      "of: params}]");
  const std::vector<Baseline> baselines = load(small).baselines;
  REQUIRE(baselines.size() == 3);
  CHECK(baselines[0].net.name == "mobilenet_v2");
  CHECK(baselines[0].net.width == 1);
  CHECK(baselines[0].train.epochs == 4 + 4);  // a base and the retraining after one cut
  CHECK(baselines[0].train.optimizer.lr == 0.1);
  CHECK(baselines[1].net.width == 0.5);
  CHECK(baselines[1].train.epochs == 3);
  CHECK(baselines[1].train.optimizer.lr == 0.01);
  REQUIRE(baselines[2].narrow.has_value());
  CHECK(baselines[2].narrow->value == 0.1);
  CHECK(baselines[2].narrow->of == prune::Budget::params);
  CHECK(baselines[2].net.name.empty());
}

TEST_CASE("a net may be pretrained, and baselines alike") {
  SmallExperiment small;
  small.lines[3] = "data: {fashion: {format: idx, root: data, pad: 2, classes: [3, 5]}, whole: {format: idx, root: data, pad: 2}}";
  small.lines[4] = "nets: [{name: vgg11_bn, width: 0.25, pretrain: {dataset: whole, train: {epochs: 9}}}]";
  small.lines.push_back(
      "baselines: [{name: narrow, keep: 0.5, pretrain: same}, {name: vgg11_bn, width: 0.125, pretrain: same, train: {distill: {}}}, "
      "scratch]");
  const Experiment experiment = load(small);
  REQUIRE(experiment.nets[0].pretrain.has_value());
  CHECK(experiment.nets[0].pretrain->dataset == "whole");
  CHECK(experiment.nets[0].pretrain->train.epochs == 9);
  CHECK(experiment.nets[0].pretrain->train.optimizer.lr == 0.1);
  CHECK(experiment.data.at("whole").targets.at("").classes == 10);
  CHECK(info_of(experiment, experiment.tasks[0]).classes == 2);
  CHECK(experiment.baselines[0].pretrained);
  CHECK(experiment.baselines[1].net.pretrain->dataset == "whole");
  CHECK(experiment.baselines[1].train.distill.has_value());
  CHECK(experiment.baselines[2].scratch);
  CHECK(to_json(experiment).at("nets").at(0).at("pretrain").at("dataset") == "whole");
}

TEST_CASE("nets may be cut at their pretraining, and controls that are pretrained alike learn there as long") {
  SmallExperiment small;
  small.lines[3] = "data: {fashion: {format: idx, root: data, pad: 2, classes: [3, 5]}, whole: {format: idx, root: data, pad: 2}}";
  small.lines[4] =
      "nets: [{name: vgg11_bn, width: 0.25, pretrain: {dataset: whole, train: {epochs: 9}, retrain: {epochs: 5, distill: {}}}}]";
  small.lines.back() = "  schedules: [{name: early, keep: [0.5, 0.3, 0.2], at: pretraining}, {name: late, keep: [0.5, 0.3]}]";
  small.lines.push_back("  retrain: {epochs: 6, distill: {form: dkd}}");
  small.lines.push_back("baselines: [{name: vgg11_bn, width: 0.125, pretrain: same}]");
  const Experiment experiment = load(small);
  CHECK(experiment.schedules[0].at_pretraining);
  CHECK_FALSE(experiment.schedules[1].at_pretraining);
  CHECK(experiment.nets[0].pretrain->train.epochs == 9);
  CHECK_FALSE(experiment.nets[0].pretrain->train.distill.has_value());
  CHECK(experiment.nets[0].pretrain->retrain.epochs == 5);
  CHECK(experiment.nets[0].pretrain->retrain.optimizer == experiment.nets[0].pretrain->train.optimizer);
  CHECK(experiment.transfer.epochs == 4 + 2 * 6);  // a base and the retraining after the late schedule's cuts
  CHECK(experiment.transfer.distill == experiment.retrain.distill);
  CHECK(experiment.baselines[0].net.pretrain->train.epochs == 9 + 3 * 5);
  CHECK(experiment.baselines[0].net.pretrain->train.distill.has_value());
  CHECK(experiment.baselines[0].net.pretrain->taught_by == 0);
  CHECK(to_json(experiment).at("prune").at("schedules").at(0).at("at") == "pretraining");
  CHECK_FALSE(to_json(experiment).at("prune").at("schedules").at(1).contains("at"));
  small.lines[4] = "nets: [{name: vgg11_bn, width: 0.25, pretrain: {dataset: whole, train: {epochs: 9}}}]";
  CHECK(contradiction(to_json(experiment), to_json(load(small))).empty());  // the net itself learns the same
}

TEST_CASE("an experiment without cuts only trains") {
  SmallExperiment small;
  small.lines.resize(6);
  CHECK(load(small).criteria.empty());
  CHECK(load(small).schedules.empty());
}

TEST_CASE("resources and reliability are read") {
  SmallExperiment small;
  small.lines.push_back("resources: {slots: 3, threads_per_slot: auto, device: 'cuda:0,1'}");
  small.lines.push_back("reliability: {retries: {crash: 0}, max_failures: 5}");
  const Experiment experiment = load(small);
  CHECK(experiment.resources.slots == 3);
  CHECK(experiment.resources.threads_per_slot == 0);
  CHECK(experiment.resources.device == "cuda:0,1");
  CHECK(experiment.reliability.retries == std::map<std::string, int>{{"oom", 1}, {"crash", 0}, {"lost", 3}, {"timeout", 0}});
  CHECK(experiment.reliability.max_failures == 5);
}

TEST_CASE("what a search wants and may spend is read") {
  SmallExperiment small;
  small.lines.push_back("objectives: [accuracy_val, {metric: val/loss}, {metric: params, direction: maximize}]");
  small.lines.push_back("constraints: ['macs <= 2.0e8']");
  small.lines.push_back("search: {strategy: halving, reduction: 2, budget: {epochs: 40, time: 1h30m}}");
  small.lines.push_back("resources: {memory_per_trial: 6GiB}");
  small.lines.push_back("reliability: {trial_timeout: 2h, heartbeat_timeout: 90s, checkpoint_every: epoch}");
  const Experiment experiment = load(small);
  REQUIRE(experiment.objectives.size() == 3);
  CHECK(experiment.objectives[0].maximize);
  CHECK_FALSE(experiment.objectives[1].maximize);
  CHECK(experiment.objectives[2].maximize);
  CHECK(experiment.constraints.at(0).bound == 2e8);
  CHECK(experiment.strategy_options == Json::parse(R"({"reduction": 2, "min_epochs": 1, "allocations": []})"));
  CHECK(experiment.budget == search::SearchBudget{0, 40, 0, 5400});
  CHECK(experiment.resources.memory_per_trial == std::int64_t{6} << 30);
  CHECK(experiment.reliability.trial_timeout_s == 7200);
  CHECK(experiment.reliability.heartbeat_timeout_s == 90);
  CHECK(to_json(experiment).at("constraints") == Json::array({"macs <= 200000000"}));
}

TEST_CASE("overrides and the environment change what the file says") {
  SmallExperiment small;
  small.lines[3] = "data: {fashion: {format: idx, root: \"${NAS_TEST_ROOT:-nowhere}\", pad: 2}}";
  setenv("NAS_TEST_ROOT", "./data/../data", 1);
  const Experiment experiment = load(small, {"train.epochs=9", "nets.0.width=0.5", "search.seeds=3", "prune.schedules.0.keep=[0.6, 0.3]"});
  unsetenv("NAS_TEST_ROOT");
  CHECK(experiment.data.at("fashion").settings.at("root") == (small.path() / "data").string());
  CHECK(experiment.train.epochs == 9);
  CHECK(experiment.nets[0].width == 0.5);
  CHECK(experiment.seeds == 3);
  CHECK(values(experiment.schedules[0]) == std::vector<double>{0.6, 0.3});
}

TEST_CASE("an override is a key path and a value") {
  CHECK(parse_override("a.b=c=d").path == "a.b");
  CHECK(parse_override("a.b=c=d").value == "c=d");
  CHECK(parse_override("a=").value.empty());
  CHECK(support::error_of([] { parse_override("a.b"); }).kind() == storage::ErrorKind::usage);
  CHECK(support::error_of([] { parse_override("=1"); }).kind() == storage::ErrorKind::usage);
}

TEST_CASE("the stored experiment says what decides results, and not where files lie or what runs it") {
  SmallExperiment small, elsewhere;
  const Json stored = to_json(load(small));
  CHECK(stored == to_json(load(elsewhere)));
  CHECK(stored == to_json(load(small, {"resources.slots=2", "reliability.max_failures=1"})));
  CHECK(stored != to_json(load(small, {"train.epochs=5"})));
  CHECK(stored != to_json(load(small, {"search.seeds=2"})));
  CHECK(stored != to_json(load(small, {"prune.alpha=0.5"})));
  CHECK(stored != to_json(load(small, {"prune.criteria.0={name: l1, allocation: greedy}"})));
  CHECK(stored.at("prune").at("schedules") == Json::parse(R"([{"name": "half", "steps": [{"keep": 0.5, "of": "macs"}]}])"));
  CHECK_FALSE(stored.at("data").at("fashion").contains("root"));
  CHECK(stored.at("data").at("fashion").contains("identity"));
}

TEST_CASE("a directory takes what is added to its experiment, not what contradicts it") {
  const SmallExperiment small;
  const Json stored = to_json(load(small));
  const auto reason = [&](const std::vector<std::string>& overrides) { return contradiction(stored, to_json(load(small, overrides))); };
  CHECK(reason({}).empty());
  CHECK(reason({"search.seeds=4", "train.epochs=9", "prune.criteria=[l1, taylor]", "prune.schedules.0.keep=[0.5, 0.2]"}).empty());
  CHECK(reason({"nets=[{name: vgg11_bn, width: 0.25}, {name: vgg11_bn, width: 0.5}, squeezenet1_1]"}).empty());
  CHECK(reason({"tasks=[{name: clothes, dataset: fashion}, {name: more, dataset: fashion}]"}).empty());
  CHECK(reason({"nets=[squeezenet1_1]"}).empty());
  CHECK(reason({"name=other"}) == "it holds the experiment 'small', not 'other'");
  CHECK(reason({"data.fashion.pad=3"}) == "data 'fashion' has changed since");
  CHECK(reason({"nets.0.width=0.5"}) == "net 'vgg11_bn' has changed since");
  CHECK(reason({"nets.0.dropout=0.1"}) == "net 'vgg11_bn' has changed since");
  CHECK(reason({"data.second={format: idx, root: data, pad: 2}", "tasks.0.dataset=second"}) == "task 'clothes' has changed since");
}

TEST_CASE("changed data files contradict the stored experiment") {
  const SmallExperiment small;
  const Json stored = to_json(load(small));
  std::string labels = storage::read_file(small.path() / "data" / "train-labels-idx1-ubyte");
  labels.back() = 3;
  storage::write_file(small.path() / "data" / "train-labels-idx1-ubyte", labels);
  CHECK(contradiction(stored, to_json(load(small))) == "data 'fashion' has changed since");
}

TEST_CASE("images that hold other pixels under the same names and sizes contradict the stored experiment") {
  const SmallExperiment small;
  Experiment experiment = load_experiment(small.write());
  const Json unopened = to_json(experiment);
  experiment.data.at("fashion").content = "one";
  const Json stored = to_json(experiment);
  CHECK(contradiction(stored, unopened).empty());
  CHECK(contradiction(unopened, stored).empty());
  experiment.data.at("fashion").content = "other";
  CHECK(contradiction(stored, to_json(experiment)) ==
        "images of data 'fashion' have changed since: files of the same names and sizes hold other pixels or labels");
}

TEST_CASE("weights that changed between their ends contradict the stored experiment; one that is older and knows no content does not") {
  const SmallExperiment small;
  const Experiment experiment = load(small);
  const auto with_weights = [&](std::size_t changed) {
    Experiment made = experiment;
    std::string content(200 << 10, 'w');
    content[changed] = 'v';
    storage::write_file(small.path() / "w.safetensors", content);
    made.nets[0].weights = search::describe_weights(small.path() / "w.safetensors");
    return to_json(made);
  };
  const Json stored = with_weights(100 << 10), other = with_weights(90 << 10);
  CHECK(contradiction(stored, with_weights(100 << 10)).empty());
  CHECK(contradiction(stored, other) == "weights of net 'vgg11_bn' have changed since: a file of the same name and size holds others");
  CHECK(contradiction(stored, with_weights(0)) == "net 'vgg11_bn' has changed since");
  Json older = stored;
  older["nets"][0]["weights"].erase("content");
  CHECK(contradiction(older, other).empty());
  CHECK(contradiction(other, older).empty());
}

TEST_CASE("every experiment of the project is valid") {
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(NAS_EXPERIMENTS)) {
    if (entry.path().extension() != ".yaml") continue;
    ++found;
    try {
      const std::string name = load_experiment(entry.path()).name;  // not within CHECK, which keeps exceptions to itself
      CHECK(name == entry.path().stem());
    } catch (const storage::Error& error) {
      if (std::string(error.what()).find(" says where") == std::string::npos) FAIL(error.what());
      WARN("skipped, the data are not installed: " << error.what());
    }
  }
  CHECK(found > 0);
}

TEST_CASE("what is to be measured is read with its defaults, and stored only where it is asked for") {
  SmallExperiment small;
  CHECK_FALSE(load(small).evaluate.latency);
  CHECK_FALSE(load(small).evaluate.robustness);
  CHECK_FALSE(to_json(load(small)).contains("evaluate"));
  small.lines.push_back("baselines: [mobilenet_v2]");
  small.lines.push_back(
      "evaluate: {latency: {}, robustness: {noise: [poisson, {name: gaussian, levels: [5]}], attacks: [{name: fgsm, eps: 0.25}, "
      "{name: fgsm, eps: 0.25, source: mobilenet_v2}, spatial]}}");
  const Experiment experiment = load(small);
  CHECK(to_json(*experiment.evaluate.latency) == Json{{"batch", {1, 64}}, {"seconds", 1.0}});
  SmallExperiment with_runtime;
  with_runtime.lines.insert(with_runtime.lines.end(),
                            {"evaluate: {latency: {runtime: onnxruntime}}", "constraints: [latency_onnxruntime_ms <= 3]"});
  const Experiment served = load(with_runtime);
  CHECK(to_json(*served.evaluate.latency) == Json{{"batch", {1, 64}}, {"seconds", 1.0}, {"runtime", "onnxruntime"}});
  const Json robustness = to_json(*experiment.evaluate.robustness);
  CHECK(robustness.at("images") == 1000);
  std::vector<std::string> asked;
  for (const Json& each : robustness.at("perturbations"))
    asked.push_back(fmt::format("{} {} {} {}", each.at("kind").get<std::string>(), each.at("name").get<std::string>(),
                                each.at("level").get<double>(), each.at("source").get<std::string>()));
  CHECK(asked == std::vector<std::string>{"noise poisson 255 self", "noise poisson 50 self", "noise gaussian 5 self",
                                          "attack fgsm 0.25 self", "attack fgsm 0.25 mobilenet_v2", "spatial spatial 30 self"});
  CHECK(robustness.at("perturbations")[3].at("options") == Json{{"eps", 0.25}});
  CHECK(to_json(experiment).at("evaluate").at("robustness") == robustness);
}

TEST_CASE("cuts are refitted unless the experiment says otherwise") {
  SmallExperiment small;
  REQUIRE(load(small).refit);
  CHECK(load(small).refit->images == 2000);
  CHECK_FALSE(load(small).refit->ridge);
  CHECK_FALSE(load(small).substeps);
  CHECK_FALSE(load(small, {"prune.substeps=auto"}).substeps);
  CHECK_FALSE(load(small, {"prune.refit=false"}).refit);
  CHECK_FALSE(to_json(load(small, {"prune.refit=false"})).at("prune").contains("refit"));
  const Experiment asked = load(small, {"prune.refit={images: 300, places: 4, ridge: 0.01}", "prune.substeps=4"});
  CHECK(asked.refit->places == 4);
  CHECK(asked.refit->ridge == 0.01);
  CHECK(asked.substeps == 4);
  CHECK(load(small, {"prune.refit={places: auto, ridge: auto}"}).refit->places == 0);
  CHECK_THAT(support::error_of([&] { load(small, {"prune.refit={image: 3}"}); }).what(), Catch::Contains("did you mean 'images'?"));
}

TEST_CASE("a baseline's weights that changed between their ends contradict the stored experiment too") {
  const SmallExperiment small;
  const Experiment experiment = load(small);
  const auto with_weights = [&](char changed) {
    Experiment made = experiment;
    std::string content(200 << 10, 'w');
    content[100 << 10] = changed;
    storage::write_file(small.path() / "w.safetensors", content);
    search::Baseline baseline;
    baseline.net.name = "squeezenet1_1";
    baseline.net.weights = search::describe_weights(small.path() / "w.safetensors");
    made.baselines = {baseline};
    return to_json(made);
  };
  const Json stored = with_weights('a');
  CHECK(contradiction(stored, with_weights('a')).empty());
  CHECK(contradiction(stored, with_weights('b')) ==
        "weights of net 'squeezenet1_1' have changed since: a file of the same name and size holds others");
  CHECK(contradiction(stored, to_json(experiment)).empty());  // one baseline less
}

TEST_CASE("a retraining has no warm-up but its own") {
  SmallExperiment small;
  small.lines[5] = "train: {epochs: 4, warmup: 2}";
  CHECK(load(small).train.warmup == 2);
  CHECK(load(small).retrain.warmup == 0);
  small.lines.push_back("  retrain: {warmup: 0.5}");
  CHECK(load(small).retrain.warmup == 0.5);
}
