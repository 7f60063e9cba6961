// The full grid: tasks x nets x criteria x schedules x seeds, and the baselines, all known from the start.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "eval/cost.h"
#include "eval/data/dataset.h"
#include "search/strategies/narrow.h"
#include "search/strategies/plan_builder.h"
#include "storage/base/error.h"

namespace search {

namespace {

using storage::StageInput;

/// Multiply-accumulates of a training pass over those of a forward pass: forward, gradient of the activations, gradient of the weights.
constexpr double kTrainingPasses = 3;
/// Batches that a probe of the precision is taken to run, and the share of a net that one eta step is taken to leave: for estimates only.
constexpr double kProbeBatches = 30, kEtaShare = 0.8;

/// The data of a task: what enters the stages' parameters, and what planning knows of it.
struct Data {
  Json parameter;
  eval::DatasetInfo info;
};

/// A net to be trained from scratch, as trials and labels call it.
struct Net {
  NetRequest request;
  std::string label;
};

double kept_share(const prune::PruneRequest& request, double before) {
  switch (request.kind) {
    case prune::PruneRequest::Kind::eta:
      return before * kEtaShare;
    case prune::PruneRequest::Kind::keep:
      return std::min(before, request.value);
  }
  return before;
}

/// The stages of one task.
class TaskPlanner {
 public:
  TaskPlanner(const Experiment& experiment, const Task& task, Data data, PlanBuilder& builder)
      : experiment_(experiment), task_(task), data_(std::move(data)), builder_(builder) {}

  /// `fold`: of a cross-validation.
  void plan(std::optional<int> fold) {
    fold_ = fold;
    for (const NetRequest& net : experiment_.nets)
      for (int i = 0; i < experiment_.seeds; ++i) plan_base(base(net), experiment_.seed + i);
    for (const Baseline& baseline : experiment_.baselines) {
      for (const Net& net : nets_of(baseline))
        for (int i = 0; i < experiment_.seeds; ++i) plan_baseline(net, baseline.train, experiment_.seed + i);
    }
  }

 private:
  /// Nets of one name and several widths are told apart by the width.
  Net base(const NetRequest& net) const {
    const auto same =
        std::count_if(experiment_.nets.begin(), experiment_.nets.end(), [&](const auto& other) { return other.name == net.name; });
    return {net, same == 1 ? net.name : fmt::format("{}-w{}", net.name, net.width)};
  }

  std::vector<Net> nets_of(const Baseline& baseline) const {
    if (!baseline.narrow) return {{baseline.net, baseline.net.name}};
    std::vector<Net> nets;
    for (const NetRequest& request : experiment_.nets) {
      Net narrow{request, "narrow-" + base(request).label};
      narrow.request.width = narrow_width(request, data_.info, *baseline.narrow);
      nets.push_back(std::move(narrow));
    }
    return nets;
  }

  void plan_base(const Net& net, int seed) {
    const std::string label = fmt::format("{} seed {}", net.label, seed);
    const storage::TrialStep first = trained(net, experiment_.train, seed, label);
    storage::TrialRecord trial = trial_of(net, "pruned", seed, first);
    if (experiment_.criteria.empty() || experiment_.schedules.empty()) {
      trial.name = fmt::format("{}/{}/s{}{}", task_.name, net.label, seed, fold_suffix());
      builder_.add(std::move(trial));
      return;
    }
    for (const Criterion& criterion : experiment_.criteria) {
      for (const Schedule& schedule : experiment_.schedules) {
        trial.name = fmt::format("{}/{}/{}/{}/s{}{}", task_.name, net.label, criterion.label, schedule.name, seed, fold_suffix());
        trial.criterion = criterion.label;
        trial.schedule = schedule.name;
        trial.steps = {first};
        double share = 1;
        for (const std::string& stage : chain(net, first.stage, criterion, schedule, seed)) {
          const auto step = trial.steps.size();
          share = kept_share(schedule.steps[step - 1], share);
          trial.steps.push_back(
              {static_cast<int>(step), stage, evaluated(stage, step_label(net, criterion, schedule, step, seed), share * macs(net))});
        }
        builder_.add(trial);
      }
    }
  }

  void plan_baseline(const Net& net, const Json& train, int seed) {
    const std::string name = net.request.width == 1 ? net.label : fmt::format("{}-w{}", net.label, net.request.width);
    storage::TrialRecord trial = trial_of(net, "baseline", seed, trained(net, train, seed, fmt::format("{} seed {}", name, seed)));
    trial.name = fmt::format("{}/{}/s{}{}", task_.name, name, seed, fold_suffix());
    builder_.add(std::move(trial));
  }

  storage::TrialRecord trial_of(const Net& net, const std::string& role, int seed, const storage::TrialStep& first) const {
    storage::TrialRecord trial;
    trial.role = role;
    trial.task = task_.name;
    trial.net = net.label;
    trial.width = net.request.width;
    trial.seed = seed;
    trial.fold = fold_;
    trial.steps = {first};
    return trial;
  }

  /// Step 0 of a trial: the net trained from scratch, after a probe of the precision where that is open.
  storage::TrialStep trained(const Net& net, const Json& train, int seed, const std::string& label) {
    std::vector<StageInput> inputs;
    if (train.at("precision") == "auto") {
      const Json parameters{{"data", data_.parameter}, {"net", to_json(net.request)}, {"batch", train.at("batch")}};
      const double work = kProbeBatches * train.at("batch").get<double>() * macs(net) * kTrainingPasses;
      inputs.push_back({"precision", builder_.add(StageKind::probe, shown(net.label), parameters, {}, work)});
    }
    const Json parameters{{"data", data_.parameter}, {"net", to_json(net.request)}, {"train", train}, {"seed", seed}};
    const std::string stage = builder_.add(StageKind::train, shown(label), parameters, std::move(inputs), training_work(train, macs(net)));
    return {0, stage, evaluated(stage, label, macs(net))};
  }

  std::string evaluated(const std::string& stage, const std::string& label, double macs_of_net) {
    return builder_.add(StageKind::evaluate, shown(label), {{"data", data_.parameter}, {"split", "test"}}, {{"net", stage}},
                        static_cast<double>(data_.info.test) * macs_of_net);
  }

  /// The prune stages of a schedule, one a step. A criterion with widths of another has that one's stages of the same steps as inputs.
  std::vector<std::string> chain(const Net& net, const std::string& base, const Criterion& criterion, const Schedule& schedule, int seed,
                                 std::size_t depth = 0) {
    if (depth > experiment_.criteria.size())
      throw storage::Error(storage::ErrorKind::invalid, fmt::format("criterion {}: its widths come from itself", criterion.label));
    std::vector<std::string> widths;
    if (!criterion.widths_from.empty()) widths = chain(net, base, criterion_by_label(criterion.widths_from), schedule, seed, depth + 1);
    std::vector<std::string> stages;
    double share = 1;
    for (std::size_t step = 1; step <= schedule.steps.size(); ++step) {
      const prune::PruneRequest& request = schedule.steps[step - 1];
      const bool eta = request.kind == prune::PruneRequest::Kind::eta;
      const Json parameters{{"data", data_.parameter},
                            {"criterion", {{"name", criterion.name}, {"options", criterion.options}}},
                            {"allocation", eta ? "eta" : criterion.allocation},
                            {"limits", experiment_.allocation},
                            {"request", prune::to_json(request)},
                            {"retrain", experiment_.retrain},
                            {"seed", seed}};
      std::vector<StageInput> inputs{{"net", stages.empty() ? base : stages.back()}};
      if (!widths.empty()) inputs.push_back({"widths", widths[step - 1]});
      if (experiment_.retrain.contains("distill")) inputs.push_back({"teacher", base});
      const double scoring = static_cast<double>(data_.info.train) * share * macs(net) * kTrainingPasses;
      share = kept_share(request, share);
      stages.push_back(builder_.add(StageKind::prune, shown(step_label(net, criterion, schedule, step, seed)), parameters,
                                    std::move(inputs), scoring + training_work(experiment_.retrain, share * macs(net))));
    }
    return stages;
  }

  const Criterion& criterion_by_label(const std::string& label) const {
    for (const Criterion& criterion : experiment_.criteria)
      if (criterion.label == label) return criterion;
    throw storage::Error(storage::ErrorKind::invalid, fmt::format("widths from '{}': there is no such criterion", label));
  }

  static std::string step_label(const Net& net, const Criterion& criterion, const Schedule& schedule, std::size_t step, int seed) {
    return fmt::format("{} {} {} {}/{} seed {}", net.label, criterion.label, schedule.name, step, schedule.steps.size(), seed);
  }

  std::string fold_suffix() const { return fold_ ? fmt::format("/f{}", *fold_) : ""; }

  /// A label as it is shown: with the task where there are several, and with the fold.
  std::string shown(const std::string& label) const {
    return (experiment_.tasks.size() == 1 ? "" : task_.name + " ") + label + (fold_ ? fmt::format(" fold {}", *fold_) : "");
  }

  double macs(const Net& net) {
    const auto [known, added] = macs_.try_emplace(to_json(net.request).dump());
    if (added) known->second = static_cast<double>(eval::cost(make_net(net.request, data_.info)).macs);
    return known->second;
  }

  double training_work(const Json& train, double macs_of_net) const {
    return train.at("epochs").get<double>() * static_cast<double>(data_.info.train) * macs_of_net * kTrainingPasses;
  }

  const Experiment& experiment_;
  const Task& task_;
  Data data_;
  PlanBuilder& builder_;
  std::optional<int> fold_;
  std::map<std::string, double> macs_;  ///< of one image, by the net's parameter
};

Data data_of(const Json& settings, const Task& task, const eval::DatasetInfo& info) {
  return {{{"settings", settings}, {"identity", eval::dataset_identity(settings)}, {"target", task.target}}, info};
}

class Sweep : public Strategy {
 public:
  Plan next(const Experiment& experiment, const std::map<std::string, storage::StageStatus>&) const override {
    PlanBuilder builder;
    for (const Task& task : experiment.tasks) {
      const Json& settings = experiment.data.at(task.dataset);
      const eval::DatasetInfo info = eval::describe_dataset(settings, task.target);
      if (info.folds == 0) TaskPlanner(experiment, task, data_of(settings, task, info), builder).plan(std::nullopt);
      for (int fold = 0; fold < info.folds; ++fold) {
        Json of_fold = settings;
        of_fold["fold"] = fold;
        TaskPlanner(experiment, task, data_of(of_fold, task, info), builder).plan(fold);
      }
    }
    return std::move(builder).build();
  }
};

}  // namespace

std::unique_ptr<Strategy> make_sweep();  // asked for by the registry

std::unique_ptr<Strategy> make_sweep() {
  return std::make_unique<Sweep>();
}

}  // namespace search
