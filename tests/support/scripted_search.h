// A search on tiny data whose nets have the accuracy that a script gives them, for the tests of the strategies.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "search/plan/strategy.h"
#include "search/run/run.h"
#include "tests/support/fake_executor.h"
#include "tests/support/fake_run.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_search_data.h"

namespace support {

/// One base net and the criterion l1; the base has 1,000 parameters and 100,000 multiply-accumulates, and a cut the share that it is asked
/// to keep of both.
struct ScriptedSearch {
  TemporaryDirectory directory, results;
  storage::Repository repository{results.path(), storage::Repository::Access::write};
  search::Experiment experiment;
  search::StopRequest stop;
  RecordingObserver observer;
  double floor = 0;                 ///< no cut leaves less
  std::vector<search::Json> asked;  ///< parameters of the cuts, in the order in which they were started

  ScriptedSearch() {
    experiment.name = "tiny";
    experiment.tasks = {{"fashion", "tiny", ""}};
    experiment.data["tiny"] = tiny_data(directory.path());
    experiment.nets = {{.name = "vgg11_bn", .width = 0.125}};
    experiment.train = experiment.retrain = {.epochs = 1, .batch = 4, .precision = "fp32"};
    experiment.criteria = {criterion("l1")};
    experiment.allocation = {{"floor", 0.1}};
    experiment.tolerance = 0.01;
  }

  static search::Criterion criterion(const std::string& name) { return {name, name, search::Json::object(), "uniform", ""}; }

  /// The strategy's options, the others at their defaults.
  void choose(const std::string& strategy, const search::Json& options = search::Json::object()) {
    experiment.strategy = strategy;
    experiment.strategy_options = storage::check_options(search::strategy_info(strategy).options, options, strategy);
  }

  /// Of a stage that trains or cuts, by its parameters.
  using Accuracy = std::function<double(const search::Json& parameters)>;

  search::RunSummary go(const Accuracy& accuracy, int slots = 1, bool in_order = true) {
    FakeExecutor executor(slots, [&](const search::Job& job, int) { return outcome(job, accuracy); });
    executor.in_order = in_order;
    return search::run(experiment, *search::make_strategy(experiment.strategy), repository, executor, {}, stop, observer);
  }

  std::vector<double> asked_shares() const {
    std::vector<double> shares;
    for (const search::Json& parameters : asked) shares.push_back(parameters.at("request").at("keep"));
    return shares;
  }

  int count(const std::string& kind) const {
    int found = 0;
    for (const search::Json& stage : repository.rows("stages")) found += stage.at("kind") == kind ? 1 : 0;
    return found;
  }

  int rows_of_layers(const std::string& stage) const {
    int found = 0;
    for (const search::Json& row : repository.rows("layers")) found += row.at("stage") == stage ? 1 : 0;
    return found;
  }

  storage::StageOutcome outcome(const search::Job& job, const Accuracy& accuracy) {
    storage::StageOutcome result = done();
    const search::Json& parameters = job.parameters;
    const std::string kind = to_string(job.kind);
    if (kind == "evaluate" || kind == "robustness" || kind == "candidates") return result;
    if (kind == "latency") {  // 10 ms for the base, a cut its share
      const double params = job.inputs.at("net").at("architecture").at("params");
      result.metrics = {{"", "latency_ms", params / 100, {}}};
      return result;
    }
    double share = 1;
    if (kind == "prune") {
      asked.push_back(parameters);
      share = std::max(floor, parameters.at("request").at("keep").get<double>());
      result.layers = {{.layer = "conv1", .channels = 1, .base_channels = 2}};
    } else if (kind == "extend") {
      share = static_cast<double>(job.inputs.at("net").at("architecture").at("params")) / 1000;
    }
    result.metrics = {{"val", "accuracy", accuracy(parameters), {}}};
    result.architecture = storage::ArchitectureRecord{std::to_string(share),      search::Json::object(),      "", {},
                                                      std::llround(1000 * share), std::llround(100000 * share)};
    return result;
  }
};

}  // namespace support
