#include "tests/support/report_run.h"

#include <cmath>

#include "tests/support/small_plan.h"

namespace support {

namespace {

using storage::Json;

const char* const kMessage = "out of memory: </script><script>alert(2)</script>\nsecond line";

storage::StageOutcome made(const ReportRun& run, const ReportNet& net) {
  storage::StageOutcome outcome;
  outcome.state = storage::StageState::done;
  outcome.wall_s = 2;
  Json spec{{"layers", Json::array()}};
  for (int layer = 1; layer <= run.layers; ++layer) spec["layers"].push_back({{"name", "conv" + std::to_string(layer)}});
  outcome.architecture = storage::ArchitectureRecord{"net of " + net.stage, spec, "", {}, net.params(), 100 * net.params()};
  for (int epoch = 1; epoch <= run.epochs; ++epoch) {
    outcome.metrics.push_back({"val", "accuracy", net.accuracy() - 0.05 * (run.epochs - epoch), epoch});
    outcome.metrics.push_back({"val", "loss", 1.0 / epoch, epoch});
    outcome.metrics.push_back({"train", "loss", 0.9 / epoch, epoch});
  }
  outcome.metrics.push_back({"val", "accuracy", net.accuracy(), {}});
  if (net.step == 0) return outcome;
  outcome.metrics.push_back({"val", "accuracy_as_cut", net.accuracy() - 0.7, {}});
  outcome.metrics.push_back({"val", "accuracy_batch_norm", net.accuracy() - 0.5, {}});
  outcome.metrics.push_back({"val", "accuracy_before_retraining", net.accuracy() - 0.3, {}});
  for (int layer = run.layers; layer >= 1; --layer) {  // the last first: the report puts them in the net's order
    const int base = 16 * layer;
    outcome.layers.push_back({"conv" + std::to_string(layer), static_cast<int>(std::lround(base * net.keep)), base, 0.125, 0.5, 1.0 * layer,
                              0.25 * layer, layer == 1});
  }
  return outcome;
}

storage::StageOutcome tested(const ReportRun& run, const ReportNet& net) {
  storage::StageOutcome outcome = measured(net.accuracy() - 0.01);
  outcome.wall_s = 0.5;
  outcome.values = {{"class_names", Json::array()}, {"confusion", Json::array()}};
  for (int truth = 0; truth < run.classes; ++truth) {
    outcome.values["class_names"].push_back(truth == 0 ? "<b>bag</b>" : "class " + std::to_string(truth));
    outcome.values["confusion"].push_back({truth, truth, 90});
    outcome.values["confusion"].push_back({truth, (truth + 1) % run.classes, 10});
  }
  return outcome;
}

/// 8 ms times the share of the channels for one image, ten times that for 64.
storage::StageOutcome timed(const ReportNet& net) {
  storage::StageOutcome outcome;
  outcome.state = storage::StageState::done;
  outcome.wall_s = 0.25;
  outcome.values = {{"file_bytes", 4 * net.params()}, {"latencies", Json::array()}};
  for (const int batch : {1, 64}) {
    const double ms = 8 * net.keep * (batch == 1 ? 1 : 10);
    outcome.values["latencies"].push_back(
        {{"batch", batch}, {"format", "torchscript"}, {"p50_ms", ms}, {"p95_ms", 1.5 * ms}, {"runs", 50}, {"peak_activation_bytes", 4096}});
  }
  return outcome;
}

/// Gaussian noise of level 0.1 costs 0.1, of 0.2 it costs 0.25.
storage::StageOutcome perturbed(const ReportNet& net) {
  storage::StageOutcome outcome;
  outcome.state = storage::StageState::done;
  outcome.wall_s = 1;
  const double clean = net.accuracy() - 0.01;
  for (const auto& [level, loss] : {std::pair(0.1, 0.1), std::pair(0.2, 0.25)})
    for (const auto& [kind, name] : {std::pair("noise", "gaussian"), std::pair("attack", "fgsm")})
      outcome.values["perturbations"].push_back({{"kind", kind},
                                                 {"name", name},
                                                 {"level", level},
                                                 {"source", "self"},
                                                 {"images", 300},
                                                 {"clean_accuracy", clean},
                                                 {"accuracy", clean - loss},
                                                 {"success", loss / clean}});
  return outcome;
}

/// Collects the plan, and what each stage will have given.
struct Recording {
  const ReportRun& run;
  std::vector<storage::StageRecord> stages;
  std::vector<storage::TrialRecord> trials;
  std::vector<std::pair<std::string, storage::StageOutcome>> outcomes;

  void add(const std::string& fingerprint, const std::string& kind, const std::string& label, const Json& parameters,
           const std::string& input, const storage::StageOutcome& outcome) {
    stages.push_back({fingerprint, kind, label, parameters.dump(), {}});
    if (!input.empty()) stages.back().inputs.push_back({"net", input});
    outcomes.emplace_back(fingerprint, outcome);
  }

  storage::TrialStep step(const ReportNet& net, const std::string& parent) {
    Json parameters = Json::object();
    if (net.criterion >= 0)
      parameters = {{"criterion", {{"name", run.criteria[static_cast<std::size_t>(net.criterion)]}, {"options", Json::object()}}},
                    {"request", {{"keep", net.keep}, {"of", "channels"}}}};
    add(net.stage, net.criterion < 0 ? "train" : "prune", net.label, parameters, parent, made(run, net));
    add("test-" + net.stage, "evaluate", net.label, Json::object(), net.stage, tested(run, net));
    storage::TrialStep step{net.step, net.stage, "test-" + net.stage};
    if (!run.measurements || (net.step == 1 && net.criterion >= 0)) return step;
    add("robustness-" + net.stage, "robustness", net.label, Json::object(), net.stage, perturbed(net));
    step.measurements.push_back("robustness-" + net.stage);
    if (net.seed > 1) return step;
    add("latency-" + net.stage, "latency", net.label, Json::object(), net.stage, timed(net));
    step.measurements.push_back("latency-" + net.stage);
    return step;
  }

  void trial(const std::string& name, const std::string& task, const std::string& criterion, const std::string& schedule, int seed,
             const std::vector<storage::TrialStep>& steps) {
    const bool baseline = criterion.empty();
    trials.push_back({name,
                      baseline ? "baseline" : "pruned",
                      task,
                      baseline ? "narrow-vgg" : "vgg",
                      criterion,
                      schedule,
                      baseline ? 0.5 : 1.0,
                      seed,
                      {},
                      steps});
  }

  void seed_of(int task, int seed) {
    const std::string& name = run.tasks[static_cast<std::size_t>(task)];
    const std::string mark = "t" + std::to_string(task) + "s" + std::to_string(seed), tail = " seed " + std::to_string(seed);
    const ReportNet base{mark + "base", name + " vgg" + tail, task, seed, 0, -1, 1};
    const storage::TrialStep first = step(base, "");
    for (int c = 0; c < static_cast<int>(run.criteria.size()); ++c) {
      const std::string& criterion = run.criteria[static_cast<std::size_t>(c)];
      const std::string begin = mark + "c" + std::to_string(c), text = name + " vgg " + criterion;
      const ReportNet half{begin + "g1", text + " gradual 1/2" + tail, task, seed, 1, c, 0.5};
      const ReportNet quarter{begin + "g2", text + " gradual 2/2" + tail, task, seed, 2, c, 0.25};
      const ReportNet at_once{begin + "o1", text + " one-shot 1/1" + tail, task, seed, 1, c, 0.25};
      const storage::TrialStep second = step(half, base.stage), third = step(quarter, half.stage), single = step(at_once, base.stage);
      const std::string trial_name = name + "/vgg/" + criterion;
      trial(trial_name + "/gradual/s" + std::to_string(seed), name, criterion, "gradual", seed, {first, second, third});
      trial(trial_name + "/one-shot/s" + std::to_string(seed), name, criterion, "one-shot", seed, {first, single});
    }
    const ReportNet narrow{mark + "narrow", name + " narrow" + tail, task, seed, 0, -1, 0.5};
    trial(name + "/narrow/s" + std::to_string(seed), name, "", "", seed, {step(narrow, "")});
  }
};

}  // namespace

double ReportNet::accuracy() const {
  return 0.9 - 0.1 * task + 0.002 * (seed - 1) - (criterion < 1 ? 0.02 : 0.01) * std::log2(1 / keep);
}

std::int64_t ReportNet::params() const {
  return std::llround(1000 * keep * keep);
}

void ReportRun::record(storage::Repository& repository) const {
  Recording recording{*this, {}, {}, {}};
  std::vector<storage::TaskRecord> records;
  for (std::size_t task = 0; task < tasks.size(); ++task) {
    records.push_back({tasks[task], "drawn", "label", classes});
    for (int seed = 1; seed <= seeds; ++seed) recording.seed_of(static_cast<int>(task), seed);
  }
  storage::StageOutcome failure;
  failure.failure_kind = "oom";
  failure.failure = kMessage;
  recording.add("failing", "prune", tasks[0] + " vgg random one-shot 1/1 seed 1", Json::object(), "t0s1base", failure);
  recording.trial(tasks[0] + "/vgg/random/one-shot/s1", tasks[0], "random", "one-shot", 1,
                  {{0, "t0s1base", "test-t0s1base"}, {1, "failing", ""}});
  repository.record_plan({"report", "schema: 1\nname: report\n", {{"search", {{"tolerance", 0.02}}}}}, records, recording.stages,
                         recording.trials);
  for (const auto& [stage, outcome] : recording.outcomes) run_stage(repository, stage, outcome);
  if (!measurements) return;
  repository.record_hypervolume({tasks[0], "t0s1c0g1", 4, 0.25});
  repository.record_hypervolume({tasks[0], "t0s1c0g2", 6, 0.5});
  repository.record_hypervolume({tasks[1], "t1s1c1g1", 10, 0.125});
  repository.record_decisions({{tasks[0] + "/vgg/l1/gradual/s1", "cut it", "<b>since</b> it is large"}, {"all", "stop", "it was enough"}});
}

}  // namespace support
