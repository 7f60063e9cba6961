#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "search/experiment/experiment.h"
#include "tests/support/small_experiment.h"
#include "tests/support/throws.h"

using namespace search;
using Catch::Contains;
using support::SmallExperiment;

namespace {

/// The message of loading, with the paths below the directory made relative.
std::string message(const SmallExperiment& small, const std::filesystem::path& file, const std::vector<Override>& overrides = {}) {
  const storage::Error error = support::error_of([&] { load_experiment(file, overrides); });
  CHECK(error.kind() == storage::ErrorKind::invalid);
  std::string text = error.what();
  const std::string folder = small.path().string() + "/";
  for (std::size_t at = text.find(folder); at != std::string::npos; at = text.find(folder)) text.erase(at, folder.size());
  return text;
}

/// The message with one line (from 1) replaced; a line past the end is added.
std::string with_line(std::size_t number, const std::string& line) {
  SmallExperiment small;
  if (number > small.lines.size()) small.lines.resize(number);
  small.lines[number - 1] = line;
  return message(small, small.write());
}

}  // namespace

TEST_CASE("unknown keys are refused with the nearest") {
  CHECK(with_line(6, "train: {epoch: 4}") == "e.yaml:6:9: train.epoch: 'epoch' is not a key (did you mean 'epochs'?)");
  CHECK(with_line(6, "train: {optimizer: {momentun: 0.5}}") ==
        "e.yaml:6:21: train.optimizer.momentun: 'momentun' is not a key (did you mean 'momentum'?)");
  CHECK_THAT(with_line(10, "objektives: []"), Contains("e.yaml:10:1: objektives: 'objektives' is not a key (did you mean 'objectives'?)"));
  CHECK(with_line(9, "  schedules: [{name: a, eta: [1], off: params}]") ==
        "e.yaml:9:35: prune.schedules.0.off: 'off' is not a key (valid: name, eta, keep, at)");
  CHECK(with_line(3, "tasks: [{name: clothes, dataset: fashion, target: x}]") ==
        "e.yaml:3:43: tasks.0.target: 'target' is not a key (valid: name, dataset)");
  CHECK_THAT(with_line(10, "reliability: {retries: {crsh: 1}}"),
             Contains("e.yaml:10:25: reliability.retries.crsh: 'crsh' is not a key (did you mean 'crash'?)"));
  CHECK(with_line(6, "train: {epochs: 4, epochs: 5}") == "e.yaml:6:20: train.epochs: 'epochs' is given twice, first at e.yaml:6:9");
}

TEST_CASE("what a budget of epochs says is not said again, and must be enough") {
  CHECK(with_line(10, "budget: {epochs: 8}") ==
        "e.yaml:6:17: train.epochs: '4' stands beside 'budget', which says how many there are; valid: one of the two");
  SmallExperiment small;
  small.lines[5] = "train: {}";
  small.lines.push_back("  retrain: {epochs: 2}");
  small.lines.push_back("budget: {epochs: 8}");
  CHECK_THAT(message(small, small.write()), Contains("prune.retrain.epochs: '2' stands beside 'budget'"));
  small.lines[8] = "  schedules: [{name: often, keep: [0.8, 0.6, 0.4]}]";
  small.lines[9] = "budget: {epochs: 3, dense: 0.5}";
  small.lines.pop_back();
  CHECK_THAT(message(small, small.write()), Contains("has 3 cuts in a row, and 'budget' leaves 1 epochs"));
}

TEST_CASE("a rewound learning rate is the base's own") {
  CHECK_THAT(with_line(10, "  lr_start: rewound"), Contains("one of restart, rewind, auto"));
  SmallExperiment small;
  small.lines.push_back("  retrain: {optimizer: {lr: 0.01}}");
  small.lines.push_back("  lr_start: rewind");
  CHECK_THAT(message(small, small.write()),
             Contains("prune.lr_start: 'rewind' is the base's learning rate, but retraining has another one"));
  small.lines[9] = "  retrain: {epochs: 2}";
  small.lines[5] = "train: {epochs: 4, lr_schedule: plateau}";
  CHECK_THAT(message(small, small.write()), Contains("plateau is known only then"));
}

TEST_CASE("latency is for nets that are cut, and a shape's epochs are said once") {
  CHECK_THAT(with_line(10, "baselines: [{name: narrow, keep: 0.5, of: latency}]"), Contains("'latency' is not one of params, macs"));
  CHECK_THAT(with_line(10, "baselines: [{name: scratch, effort: flops, train: {epochs: 3}}]"),
             Contains("train.epochs: '3' stands beside 'effort: flops'"));
  CHECK_THAT(with_line(10, "constraints: ['latency_estimate_ms <= 3']"), Contains("'latency_estimate_ms' is not measured"));
}

TEST_CASE("anchors live under x-, and what is merged keeps its place in messages") {
  SmallExperiment small;
  small.lines.push_back("x-short: &short {epochs: 4, lr: 0.5}");
  small.lines.push_back("x-other: [anything, {goes: here}]");
  small.lines[5] = "train: {batch: 8}";
  CHECK(load_experiment(small.write()).train.batch == 8);
  small.lines.insert(small.lines.begin(), "x-first: &first {epochs: many}");
  small.lines[6] = "train: {<<: *first, batch: 8}";
  CHECK(message(small, small.write()) == "e.yaml:1:26: train.epochs: 'many' is not an integer from 1 to 100000");
  CHECK(load_experiment(small.write(), {{"train.epochs", "6"}}).train.epochs == 6);
  small.lines[0] = "x-first: &first {epochs: 5}";  // its values are copied by now, so that setting one there would do nothing
  CHECK_THAT(message(small, small.write(), {{"x-first.epochs", "6"}}), Contains("-s x-first.epochs=6: x-first: 'x-first' is not a key"));
}

TEST_CASE("a decimal comma in braces is named") {
  CHECK(with_line(6, "train: {optimizer: {lr: 0,01}}") ==
        "e.yaml:6:27: train.optimizer.01: '01' is not a key; valid: decimals behind a point, as in 0.01");
}

TEST_CASE("values of the wrong type or range are refused with what is valid") {
  CHECK(with_line(6, "train: {epochs: many}") == "e.yaml:6:17: train.epochs: 'many' is not an integer from 1 to 100000");
  CHECK(with_line(6, "train: {epochs: 0}") == "e.yaml:6:17: train.epochs: 0 is not an integer from 1 to 100000");
  CHECK(with_line(6, "train: {epochs: [4]}") ==
        "e.yaml:6:17: train.epochs: a list is not a single value; valid: an integer from 1 to 100000 (passes over the training images)");
  CHECK(with_line(6, "train: {epochs: }") ==
        "e.yaml:6:17: train.epochs: nothing is not a single value; valid: an integer from 1 to 100000 (passes over the training images)");
  CHECK(with_line(6, "train: [1]") == "e.yaml:6:8: train: a list is not a mapping; valid: keys, as in '{epochs: ...}'");
  CHECK(with_line(6, "train: {augment: flip}") == "e.yaml:6:18: train.augment: 'flip' is not a list; valid: as in '[a, b]'");
  CHECK(with_line(6, "train: {augment: [flip, corp]}") == "e.yaml:6:25: train.augment.1: 'corp' is not known (did you mean 'crop'?)");
  CHECK_THAT(with_line(6, "train: {precision: fp8}"), Contains("e.yaml:6:20: train.precision: 'fp8' is not one of auto, fp32, bf16, fp16"));
  CHECK(with_line(1, "schema: 2") == "e.yaml:1:9: schema: '2' is not a version of this format (valid: 1)");
  CHECK(with_line(2, "name: ../small") ==
        "e.yaml:2:7: name: '../small' is not a name; valid: up to 64 letters, digits and . _ - @ +, starting with a letter or digit");
  CHECK(with_line(10, "search: {seeds: 0}") == "e.yaml:10:17: search.seeds: 0 is not an integer from 1 to 1000");
  CHECK(with_line(10, "resources: {slots: some}") == "e.yaml:10:20: resources.slots: 'some' is not an integer from 1 to 1024");
  CHECK(with_line(10, "resources: {device: gpu}") ==
        "e.yaml:10:21: resources.device: 'gpu' is not a device; valid: auto, cpu, cuda, cuda:0 or cuda:0,1");
  CHECK_THAT(with_line(10, "resources: {executor: pbs}"), Contains("e.yaml:10:23: resources.executor: 'pbs' is not one of process"));
  CHECK_THAT(with_line(10, "resources: {slurm: {seats: 2}}"),
             Contains("resources.slurm") && Contains("does nothing; valid: with executor: slurm"));
  CHECK_THAT(with_line(10, "resources: {executor: slurm, slurm: {seats: 0}}"), Contains("resources.slurm.seats"));
  CHECK_THAT(with_line(10, "resources: {executor: slurm, slurm: {extra: [--qos=low, {b: c}]}}"), Contains("resources.slurm.extra.1: "));
}

TEST_CASE("what must be there is named when it is not") {
  CHECK(with_line(1, "seed: 1") == "e.yaml:1:1: schema: missing; valid: 1");
  CHECK(with_line(2, "seed: 1") == "e.yaml:1:1: name: missing; valid: a name for the experiment");
  CHECK(with_line(3, "seed: 1") == "e.yaml:1:1: tasks: missing; valid: a list, as in '[{name: clothes, dataset: fashion}]'");
  CHECK(with_line(3, "tasks: [{name: clothes}]") == "e.yaml:3:9: tasks.0.dataset: missing; valid: fashion");
  CHECK(with_line(5, "nets: []") == "e.yaml:5:7: nets: a list is not a list of nets; valid: as in '[vgg16_bn]'");
  CHECK(with_line(4, "data: {fashion: {root: data}}") ==
        "e.yaml:4:17: data.fashion.format: missing; valid: idx, cifar10, cifar100, folder, csv, adience, lfwa, celeba");
  for (const std::string name : {"target", "pareto-7", "beam-2-3"})
    CHECK_THAT(with_line(9, "  schedules: [{name: " + name + ", keep: [0.5]}]"), Contains("'" + name + "' is what the search strategy '"));
  CHECK(with_line(9, "  schedules: [{name: a, eta: {from: 0.1, step: 0.1}}]") ==
        "e.yaml:9:15: prune.schedules.0.steps: missing; valid: the number of steps");
  CHECK_THAT(with_line(8, ""), Contains("prune.criteria: nothing is missing here, so nothing would be cut"));
}

TEST_CASE("references to what does not exist are refused with the nearest") {
  CHECK(with_line(5, "nets: [vgg11bn]") == "e.yaml:5:8: nets.0: 'vgg11bn' is not a net (did you mean 'vgg11_bn'?)");
  CHECK(with_line(5, "nets: [{name: vgg11bn}]") == "e.yaml:5:15: nets.0.name: 'vgg11bn' is not a net (did you mean 'vgg11_bn'?)");
  CHECK(with_line(3, "tasks: [{name: clothes, dataset: fashon}]") ==
        "e.yaml:3:34: tasks.0.dataset: 'fashon' is not under data (did you mean 'fashion'?)");
  CHECK(with_line(8, "  criteria: [tailor]") == "e.yaml:8:14: prune.criteria.0: 'tailor' is not a criterion (did you mean 'taylor'?)");
  CHECK(with_line(10, "search: {strategy: swep}") == "e.yaml:10:20: search.strategy: 'swep' is not a strategy (did you mean 'sweep'?)");
  CHECK_THAT(with_line(4, "data: {fashion: {format: idx, root: nowhere}}"),
             Contains("e.yaml:4:37: data.fashion.root: ") && Contains("nowhere") && Contains("holds no file train-images-idx3-ubyte"));
  CHECK_THAT(with_line(4, "data: {fashion: {format: idx, root: data, train_images: 5000}}"),
             Contains("e.yaml:4:17: data.fashion: ") && Contains("5000"));
}

TEST_CASE("what data, weights and training of other kinds refuse") {
  CHECK_THAT(with_line(4, "data: {fashion: {format: folder, root: \"${NAS_NO_SUCH_ROOT:-nowhere}\"}}"),
             Contains("e.yaml:4:40: data.fashion.root: ") && Contains("no such folder; expected is a folder a class") &&
                 Contains("; the variable NAS_NO_SUCH_ROOT says where"));
  CHECK(with_line(4, "data: {fashion: {format: idx, root: data, pad: 2, mean: [0.5, 2]}}") ==
        "e.yaml:4:63: data.fashion.mean.1: 2.0 is not a finite number from 0 to 1");
  CHECK_THAT(with_line(5, "nets: [{name: vgg11_bn, weights: none.safetensors}]"),
             Contains("e.yaml:5:34: nets.0.weights: 'none.safetensors' is no file (") &&
                 Contains("); valid: safetensors to start from, or nothing"));
  CHECK_THAT(with_line(5, "nets: [{name: vgg11_bn, weights: [w.safetensors]}]"), Contains("e.yaml:5:34: nets.0.weights: "));
  CHECK_THAT(with_line(5, "nets: [{name: vgg11_bn, weights: {file: w.safetensors}}]"), Contains("e.yaml:5:34: nets.0.weights: "));
  CHECK(
      with_line(6, "train: {distill: {weight: 0.5}}") ==
      "e.yaml:6:18: train.distill: a mapping has no net to learn from here; valid: of cut nets and baselines, where the base net teaches");
  CHECK(with_line(10, "resources: {cache_limit: 20G}") ==
        "e.yaml:10:26: resources.cache_limit: '20G' is not a size; valid: as in 512MiB, 20GiB or 1TiB");
}

TEST_CASE("a pretraining needs data of the task's size, and a baseline like it a net that has one") {
  CHECK_THAT(with_line(5, "nets: [{name: vgg11_bn, pretrain: {dataset: fashon}}]"),
             Contains("nets.0.pretrain.dataset: 'fashon' is not under data (did you mean 'fashion'?)"));
  SmallExperiment small;
  small.lines[3] = "data: {fashion: {format: idx, root: data, pad: 2}, whole: {format: idx, root: data, pad: 4}}";
  small.lines[4] = "nets: [{name: vgg11_bn, pretrain: {dataset: whole}}]";
  CHECK_THAT(message(small, small.write()),
             Contains("e.yaml:5:35: nets.0.pretrain: a mapping has images of 1x36x36, a task's are 1x32x32; valid: data of one size"));
  CHECK_THAT(with_line(10, "baselines: [{name: narrow, keep: 0.5, pretrain: same}]"),
             Contains("baselines.0.pretrain: 'same' is as nothing: the first of `nets` has no pretrain"));
  small.lines[4] = "nets: [{name: vgg11_bn, pretrain: {dataset: fashion}}, resnet18]";
  small.lines.push_back("baselines: [{name: narrow, keep: 0.5, pretrain: same}]");
  CHECK_THAT(
      message(small, small.write()),
      Contains("e.yaml:10:49: baselines.0.pretrain: 'same' is as nothing for resnet18, which has no pretrain; valid: only where all"));
  CHECK_THAT(with_line(10, "baselines: [{name: scratch, keep: 0.5}]"), Contains("baselines.0.keep"));
}

TEST_CASE("cuts at the pretraining need one") {
  CHECK_THAT(
      with_line(9, "  schedules: [{name: early, keep: [0.5], at: pretraining}]"),
      Contains(
          "e.yaml:9:46: prune.schedules.0.at: 'pretraining' asks for a cut that vgg11_bn cannot have; valid: where all of `nets` have a "
          "'pretrain'"));
  CHECK_THAT(with_line(9, "  schedules: [{name: early, keep: [0.5], at: base}]"), Contains("is not one of task, pretraining"));
  SmallExperiment small;
  small.lines[3] = "data: {fashion: {format: idx, root: data, pad: 2}, whole: {format: idx, root: data, pad: 2}}";
  small.lines[4] = "nets: [{name: vgg11_bn, pretrain: {dataset: whole}}]";
  small.lines[8] = "  schedules: [{name: early, keep: [0.5], at: pretraining}]";
  small.lines.push_back("search: {strategy: halving}");
  CHECK_THAT(
      message(small, small.write()),
      Contains("prune.schedules: a list has cuts at the pretraining, which the strategy halving does not make; valid: strategy: sweep"));
}

TEST_CASE("a search over widths has as many candidates as finalists, and criteria that score channels") {
  SmallExperiment small;
  small.lines.pop_back();
  small.lines.push_back("search: {strategy: widths, candidates: 5, finalists: 6}");
  CHECK_THAT(message(small, small.write()),
             Contains("search.finalists: '6' is more than a round has candidates (5); valid: at most as many"));
  small.lines.back() = "search: {strategy: widths}";
  small.lines[7] = "  criteria: [magnitude]";
  CHECK_THAT(message(small, small.write()), Contains("magnitude"));
}

TEST_CASE("a list that a strategy needs has an entry, a dataset's name is one, and a metric is one that a net can have") {
  for (const char* strategy : {"pareto", "beam"})
    CHECK_THAT(with_line(10, fmt::format("search: {{strategy: {}, factors: []}}", strategy)),
               Contains("search.factors: a list has no entries; valid: a list, each a finite number from 0.01 to 0.99"));
  CHECK(with_line(4, "data: {'a: b': {format: idx, root: data, pad: 2}}") ==
        "e.yaml:4:8: data: 'a: b' is not a name; valid: up to 64 letters, digits and . _ - @ +, starting with a letter or digit");
  CHECK(with_line(10, "objectives: [accuracy_val, val/acuracy]") ==
        "e.yaml:10:28: objectives.1: 'val/acuracy' is not a metric that a net has (did you mean 'val/accuracy'?)");
  CHECK(with_line(10, "constraints: ['train/loss <= 1']") ==
        "e.yaml:10:15: constraints.0: 'train/loss' is not a metric that a net has (did you mean 'val/loss'?)");
}

TEST_CASE("what a search may want and spend is checked") {
  CHECK(with_line(10, "objectives: [{metric: mac}]") ==
        "e.yaml:10:23: objectives.0.metric: 'mac' is not a metric (did you mean 'macs'?); a stored one is named as in 'val/loss'");
  CHECK(with_line(10, "objectives: [test/accuracy]") ==
        "e.yaml:10:14: objectives.0: 'test/accuracy' would choose by test data; valid: metrics of the training or validation split, or "
        "sizes");
  CHECK_THAT(with_line(10, "objectives: [{metric: macs, direction: down}]"), Contains("e.yaml:10:40: objectives.0.direction: 'down'"));
  CHECK(with_line(10, "constraints: ['macs < 3']") ==
        "e.yaml:10:15: constraints.0: 'macs < 3' is not a constraint; valid: as in 'macs <= 2.0e8' or 'accuracy_val >= 0.9'");
  CHECK(with_line(10, "reliability: {trial_timeout: soon}") ==
        "e.yaml:10:30: reliability.trial_timeout: 'soon' is not a duration; valid: as in 90s, 30m, 4h or 1h30m");
  CHECK_THAT(with_line(10, "search: {budget: {stages: -1}}"), Contains("e.yaml:10:27: search.budget.stages: -1 is not an integer from 0"));
  CHECK_THAT(with_line(10, "search: {strategy: pareto, width: 2}"), Contains("search.width: 'width' is not a key"));
  CHECK_THAT(with_line(10, "search: {strategy: beam}"),
             Contains("prune.schedules: a list is not for the strategy beam, which finds its own steps"));
}

TEST_CASE("what is to be measured is checked") {
  CHECK(with_line(10, "evaluate: {latancy: {}}") == "e.yaml:10:12: evaluate.latancy: 'latancy' is not a key (did you mean 'latency'?)");
  CHECK(with_line(10, "evaluate: {latency: {batch: [0]}}") ==
        "e.yaml:10:30: evaluate.latency.batch.0: 0 is not an integer from 1 to 65536");
  CHECK(with_line(10, "evaluate: {latency: {batch: [1, 8, 1]}}") ==
        "e.yaml:10:36: evaluate.latency.batch.2: '1' is given twice; valid: each once");
  CHECK(with_line(10, "evaluate: {latency: {batch: [1], second: 2}}") ==
        "e.yaml:10:34: evaluate.latency.second: 'second' is not a key (did you mean 'seconds'?)");
  CHECK(with_line(10, "evaluate: {robustness: {noise: [gausian]}}") ==
        "e.yaml:10:33: evaluate.robustness.noise.0: 'gausian' is not a noise (did you mean 'gaussian'?)");
  CHECK(with_line(10, "evaluate: {robustness: {noise: [{name: jpeg, levels: [0]}]}}") ==
        "e.yaml:10:55: evaluate.robustness.noise.0.levels.0: 0.0 is not a finite number from 1 to 100");
  CHECK(with_line(10, "evaluate: {robustness: {noise: [{name: jpeg, levels: []}]}}") ==
        "e.yaml:10:54: evaluate.robustness.noise.0.levels: a list has no levels; valid: as in '[75, 25]'");
  CHECK(with_line(10, "evaluate: {robustness: {noise: [{name: jpeg, level: 3}]}}") ==
        "e.yaml:10:46: evaluate.robustness.noise.0.level: 'level' is not a key (did you mean 'levels'?)");
  CHECK(with_line(10, "evaluate: {robustness: {attacks: [fsgm]}}") ==
        "e.yaml:10:35: evaluate.robustness.attacks.0: 'fsgm' is not an attack (did you mean 'fgsm'?)");
  CHECK(with_line(10, "evaluate: {robustness: {attacks: [{name: fgsm, eps: 4}]}}") ==
        "e.yaml:10:53: evaluate.robustness.attacks.0.eps: 4.0 is not a finite number from 0 to 1");
  CHECK(with_line(10, "evaluate: {robustness: {attacks: [{name: fgsm, epsilon: 0.1}]}}") ==
        "e.yaml:10:48: evaluate.robustness.attacks.0.epsilon: 'epsilon' is not a key (valid: name, source, eps)");
  CHECK(with_line(10, "evaluate: {robustness: {attacks: [{name: fgsm, source: vgg11}]}}") ==
        "e.yaml:10:56: evaluate.robustness.attacks.0.source: 'vgg11' is not a net of this experiment (did you mean 'vgg11_bn'?)");
  CHECK(with_line(10, "evaluate: {robustness: {attacks: [fgsm, {name: fgsm, eps: 0.1}, fgsm]}}") ==
        "e.yaml:10:65: evaluate.robustness.attacks.2: 'fgsm' asks for fgsm at 0.0157 on self again; valid: each once");
  CHECK(with_line(10, "objectives: [latency_ms]") ==
        "e.yaml:10:14: objectives.0: 'latency_ms' is not measured; valid: with 'evaluate: {latency: {batch: [1]}}'");
  CHECK(with_line(10, "constraints: [latency_onnxruntime_ms <= 5]") ==
        "e.yaml:10:15: constraints.0: 'latency_onnxruntime_ms' is not measured; valid: with 'evaluate: {latency: {batch: [1], runtime: "
        "onnxruntime}}'");
  CHECK(with_line(10, "constraints: [latency_ms <= 5]") ==
        "e.yaml:10:15: constraints.0: 'latency_ms' is not measured; valid: with 'evaluate: {latency: {batch: [1]}}'");
  CHECK(with_line(10, "evaluate: {robustness: {images: 10}}") ==
        "e.yaml:10:24: evaluate.robustness: a mapping measures nothing; valid: as in '{noise: [gaussian], attacks: [fgsm]}'");
}

TEST_CASE("names are used once") {
  CHECK(with_line(3, "tasks: [{name: a, dataset: fashion}, {name: a, dataset: fashion}]") ==
        "e.yaml:3:45: tasks.1.name: 'a' is given twice; valid: each once");
  CHECK(with_line(5, "nets: [vgg11_bn, vgg11_bn]") == "e.yaml:5:18: nets.1: 'vgg11_bn' is given twice; valid: each once");
  CHECK(with_line(8, "  criteria: [l1, l1]") ==
        "e.yaml:8:18: prune.criteria.1: 'l1' has the label 'l1', which is taken; valid: a 'label' of its own");
  CHECK(with_line(9, "  schedules: [{name: a, keep: [0.5]}, {name: a, keep: [0.4]}]") ==
        "e.yaml:9:46: prune.schedules.1.name: 'a' is given twice; valid: each once");
}

TEST_CASE("cuts that can't be are refused") {
  CHECK(with_line(9, "  schedules: [{name: a, keep: [0.5, 0.7]}]") ==
        "e.yaml:9:37: prune.schedules.0.keep.1: '0.7' is not below the step before; valid: below 0.5");
  CHECK(with_line(9, "  schedules: [{name: a, keep: [0.5, 0.5]}]") ==
        "e.yaml:9:37: prune.schedules.0.keep.1: '0.5' is not below the step before; valid: below 0.5");
  CHECK_THAT(with_line(9, "  schedules: [{name: a, keep: [1.5]}]"), Contains("e.yaml:9:32: prune.schedules.0.keep.0: 1.5 is not"));
  CHECK(with_line(9, "  schedules: [{name: a, keep: [0]}]") ==
        "e.yaml:9:32: prune.schedules.0.keep.0: '0' leaves nothing; valid: above 0, up to 1");
  CHECK(with_line(9, "  schedules: [{name: a, keep: []}]") ==
        "e.yaml:9:31: prune.schedules.0.keep: a list has no steps; valid: as in '[0.5, 0.25]'");
  CHECK(with_line(9, "  schedules: [{name: a, eta: [1], keep: [0.5]}]") ==
        "e.yaml:9:41: prune.schedules.0.keep: a list stands beside 'eta'; valid: one of the two");
  CHECK_THAT(with_line(9, "  schedules: [{name: a}]"), Contains("e.yaml:9:15: prune.schedules.0: a mapping has neither 'eta' nor 'keep'"));
  CHECK_THAT(with_line(9, "  schedules: [{name: a, eta: [-1]}]"),
             Contains("e.yaml:9:31: prune.schedules.0.eta.0: -1.0 is not a finite number from 0 to 1000"));
}

TEST_CASE("what takes single weights is for a sweep over shares") {
  CHECK_THAT(with_line(8, "  criteria: [l1, {name: random, widths: magnitude}, magnitude]"), Contains("'magnitude' is not the label"));
  CHECK_THAT(with_line(8, "  criteria: [l1, {name: magnitude, widths: l1}]"),
             Contains("prune.criteria.1.widths: 'l1' is magnitude, which takes single weights and leaves every width"));
  SmallExperiment small;
  small.lines[7] = "  criteria: [magnitude]";
  small.lines[8] = "  schedules: [{name: a, eta: [1]}]";
  CHECK_THAT(message(small, small.write()), Contains("prune.schedules: a list has thresholds (eta, in 'a'), of which magnitude knows"));
  small.lines[8] = "search: {strategy: target}";
  CHECK_THAT(message(small, small.write()),
             Contains("e.yaml:8:13: prune.criteria: a list has magnitude, which makes no net smaller") && Contains("strategy: sweep"));
}

TEST_CASE("a warm-up is shorter than its training") {
  SmallExperiment small;
  small.lines[5] = "train: {epochs: 3, warmup: 3}";
  CHECK_THAT(message(small, small.write()), Contains("train: a mapping has 3 epochs of warm-up in 3; valid: fewer than there are"));
  small.lines[5] = "train: {warmup: 10}";
  small.lines.push_back("budget: {epochs: 100}");  // 25 of the base
  CHECK(load_experiment(small.write()).train.epochs == 25);
  small.lines.push_back("  retrain: {warmup: 80}");
  std::swap(small.lines[9], small.lines[10]);
  CHECK_THAT(message(small, small.write()), Contains("prune.retrain: a mapping has 80 epochs of warm-up in 75"));
}

TEST_CASE("another criterion's widths are for a sweep") {
  SmallExperiment small;
  small.lines[7] = "  criteria: [l1, {name: random, widths: l1}]";
  small.lines[8] = "search: {strategy: target}";
  CHECK_THAT(message(small, small.write()), Contains("e.yaml:8:13: prune.criteria: a list has one that cuts at another's widths") &&
                                                Contains("strategy target") && Contains("valid: without it, or strategy: sweep"));
}

TEST_CASE("widths come from a criterion that has its own") {
  CHECK(with_line(8, "  criteria: [l1, {name: random, widths: l2}]") ==
        "e.yaml:8:41: prune.criteria.1.widths: 'l2' is not the label of a criterion that finds its own widths (did you mean 'l1'?)");
  CHECK_THAT(with_line(8, "  criteria: [{name: l1, widths: random}, {name: random, widths: l1}]"),
             Contains("e.yaml:8:33: prune.criteria.0.widths: 'random' is not the label of a criterion"));
  CHECK(with_line(8, "  criteria: [l1, {name: random, widths: l1, allocation: eta}]") ==
        "e.yaml:8:41: prune.criteria.1.widths: 'l1' decides the widths, so 'allocation' has nothing to do; valid: one of the two");
}

TEST_CASE("nets must fit the data, and narrow ones their share") {
  CHECK_THAT(with_line(5, "nets: [{name: vgg11_bn, width: 0.001}]"), Contains("e.yaml:5:32: nets.0.width: 0.001 is not"));
  CHECK_THAT(with_line(10, "baselines: [{name: narrow, keep: 0.000001}]"),
             Contains("e.yaml:10:34: baselines.0.keep: ") && Contains("vgg11_bn"));
  CHECK_THAT(with_line(10, "baselines: [narrow]"), Contains("e.yaml:10:13: baselines.0.keep: missing"));
  CHECK_THAT(with_line(10, "baselines: [{name: l1, keep: 0.5}]"),
             Contains("e.yaml:10:20: baselines.0.name: 'l1' is not a net, narrow or scratch"));
}

TEST_CASE("an error in an override names the override") {
  const SmallExperiment small;
  CHECK(message(small, small.write(), {{"train.epochs", "x"}}) ==
        "-s train.epochs=x: train.epochs: 'x' is not an integer from 1 to 100000");
  CHECK(message(small, small.write(), {{"train.epoch", "3"}}) ==
        "-s train.epoch=3: train.epoch: 'epoch' is not a key (did you mean 'epochs'?)");
  CHECK(message(small, small.write(), {{"nets.0", "vgg11bn"}}) ==
        "-s nets.0=vgg11bn: nets.0: 'vgg11bn' is not a net (did you mean 'vgg11_bn'?)");
  CHECK(message(small, small.write(), {{"data", "1"}}) == "-s data=1: data: '1' is not a mapping; valid: as in '{name: {...}}'");
}

TEST_CASE("files that are no experiment are refused") {
  const SmallExperiment small;
  CHECK(message(small, small.path() / "absent.yaml") == "absent.yaml: there is no such file; valid: an experiment's YAML file");
  CHECK(message(small, small.path() / "data") == "data: is not a file; valid: an experiment's YAML file");
  storage::write_file(small.path() / "empty.yaml", "");
  CHECK(message(small, small.path() / "empty.yaml") == "empty.yaml: schema: missing; valid: 1");
  storage::write_file(small.path() / "text.yaml", "just words");
  CHECK(message(small, small.path() / "text.yaml") == "text.yaml:1:1: 'just words' is not a mapping; valid: keys, as in '{schema: ...}'");
  storage::write_file(small.path() / "large.yaml", std::string(2 << 20, '#'));
  CHECK(message(small, small.path() / "large.yaml") == "large.yaml: 2097152 bytes are too many for an experiment; valid: up to 1048576");
  CHECK_THAT(with_line(6, "train: {epochs: 4"), Contains("e.yaml:") && Contains("not YAML"));
}
