#include "search/plan/stage_factory.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "eval/attacks/catalog.h"
#include "prune/criteria/catalog.h"
#include "prune/lr_schedule.h"
#include "search/plan/task_planner.h"

namespace search {

namespace {

using storage::StageInput;

/// What stages are told of the task's data, of one fold or as they are.
Parameter data_of(const Experiment& experiment, const Task& task, std::optional<int> fold) {
  Located data = located(experiment.data.at(task.dataset), fold);
  data.full["target"] = data.identity["target"] = task.target;
  return {"data", data.full, data.identity};
}

Parameter net_of(const NetRequest& net) {
  const Located request = located(net);
  return {"net", request.full, request.identity};
}

/// A candidate's widths were judged in one step, and single weights are ranked once.
int substeps_of(const Experiment& experiment, const CutRequest& cut) {
  if (experiment.substeps) return *experiment.substeps;
  const bool is_one_step = cut.candidate >= 0 || prune::criterion_entry(cut.criterion.name).unstructured;
  if (is_one_step) return 1;
  const Criterion& spread = cut.criterion.widths_from.empty() ? cut.criterion : criterion_by_label(experiment, cut.criterion.widths_from);
  return prune::default_substeps(cut.request, cut.parent_ratio, spread.allocation == "eta");
}

}  // namespace

StageFactory::StageFactory(const Experiment& experiment, const Task& task, std::optional<int> fold)
    : experiment_(experiment),
      retrain_(&experiment.retrain),
      between_(experiment.between ? &*experiment.between : retrain_),
      lr_start_(experiment.lr_start),
      info_(info_of(experiment, task)),
      names_(experiment, task, fold),
      estimates_(info_),
      data_(data_of(experiment, task, fold)),
      limits_("limits", experiment.allocation),
      evaluation_({data_, {"split", "test"}}) {}

StageFactory::StageFactory(const Experiment& experiment, const Pretraining& pretraining)
    : StageFactory(experiment, {pretraining.dataset, pretraining.dataset, pretraining.target}, std::nullopt) {
  retrain_ = between_ = &pretraining.retrain;
  lr_start_ = "restart";
}

Stage StageFactory::probe(const NamedNet& net, int batch) const {
  return make_stage(StageKind::probe, names_.shown(net.label), std::vector<Parameter>{data_, net_of(net.request), {"batch", batch}}, {},
                    Estimates::probe(batch, estimates_.macs(net.request)));
}

Stage StageFactory::latency_table(const NamedNet& net) const {
  const std::optional<LatencyOptions>& asked = experiment_.evaluate.latency;
  const int batch = asked ? asked->batch.front() : 1;
  NetRequest shape = net.request;
  shape.weights.reset();
  const std::vector<Parameter> parameters{net_of(shape),
                                          {"batch", batch},
                                          {"classes", info_.classes},
                                          {"input", {info_.shape.channels, info_.shape.height, info_.shape.width}}};
  return make_stage(StageKind::latency_table, net.label, parameters, {}, Estimates::latency_table(batch, estimates_.macs(net.request)));
}

Stage StageFactory::training(const NamedNet& net, const std::string& name, const prune::TrainOptions& train, int seed,
                             std::vector<StageInput> inputs, const std::optional<Teacher>& teacher) const {
  if (teacher) inputs.push_back({"teacher", teacher->stage});
  const std::vector<Parameter> parameters{data_, net_of(net.request), {"train", prune::to_json(train)}, {"seed", seed}};
  Stage stage = make_stage(StageKind::train, names_.shown(trained_label(name, seed)), parameters, std::move(inputs), 0);
  add_training(stage, train.last_epoch(), estimates_.macs(net.request), teacher ? &teacher->net : nullptr);
  return stage;
}

Stage StageFactory::from_scratch(const MadeNet& made, const prune::TrainOptions& train, int seed, const std::optional<Teacher>& teacher,
                                 const std::vector<const Stage*>& path) const {
  std::vector<StageInput> inputs{{"shape", made.stage}};
  if (teacher) inputs.push_back({"teacher", teacher->stage});
  prune::TrainOptions own = train;
  if (!path.empty()) own.epochs = 1;  // the worker finds how many: another number here must not make it another stage
  std::vector<Parameter> parameters{data_, {"train", prune::to_json(own)}, {"seed", seed}};
  const double macs = made.ratio * estimates_.macs(made.net.request);
  double epochs = train.last_epoch();
  if (!path.empty()) {
    Json spent = Json::object();
    std::string base;
    double search = 0;  // of the candidates, in epochs of the base
    double cost = 0;
    for (const Stage* stage : path) {
      cost += stage->cost - stage->teaching;
      if (stage->kind == StageKind::candidates) {
        const double whole = estimates_.macs(made.net.request);
        search += (stage->cost - estimates_.scoring(whole)) / estimates_.training(1, whole);
        continue;
      }
      const std::string role = spent_role(spent.size());
      inputs.push_back({role, stage->fingerprint});
      spent[role] = stage->epochs;
      if (stage->kind == StageKind::train || stage->kind == StageKind::transfer) base = role;
    }
    spent.at(base) = spent.at(base).get<double>() + search;
    parameters.emplace_back("spent", spent);
    epochs = cost / estimates_.training(1, macs);
  }
  Stage stage = make_stage(StageKind::scratch, names_.shown(made.label), parameters, std::move(inputs), 0);
  add_training(stage, epochs, macs, teacher ? &teacher->net : nullptr);
  return stage;
}

std::vector<Parameter> StageFactory::cutting(const Criterion& criterion, const prune::PruneRequest& request, int seed) const {
  const bool eta = request.kind == prune::PruneRequest::Kind::eta;
  return {data_,
          {"criterion", {{"name", criterion.name}, {"options", criterion.options}}},
          {"allocation", eta ? "eta" : criterion.allocation},
          limits_,
          {"request", prune::to_json(request)},
          {"seed", seed}};
}

Stage StageFactory::candidates(const CandidatesRequest& asked) const {
  std::vector<Parameter> parameters = cutting(asked.criterion, asked.request, asked.seed);
  parameters.emplace_back("candidates", asked.candidates);
  parameters.emplace_back("images", asked.images);
  parameters.emplace_back("judge", asked.judge);
  if (experiment_.refit) {
    prune::RefitOptions refit = *experiment_.refit;
    refit.images = prune::RefitOptions{}.images;  // they have their own
    if (const Json options = prune::to_json(refit); options != prune::to_json(prune::RefitOptions{}))
      parameters.emplace_back("refit", options);
  }
  std::vector<StageInput> inputs{{"net", asked.base}};
  if (!asked.earlier.empty()) inputs.push_back({"earlier", asked.earlier});
  if (prune::is_of_latency(asked.request)) inputs.push_back({"table", latency_table(asked.net).fingerprint});
  const double macs = estimates_.macs(asked.net.request);
  return make_stage(StageKind::candidates, names_.shown(asked.label), std::move(parameters), std::move(inputs),
                    estimates_.scoring(macs) + 2.0 * asked.images * asked.candidates * kept_ratio(asked.request, 1) * macs);
}

Stage StageFactory::cut(const CutRequest& cut) const {
  const Retraining& retrain = retraining(cut.stop_after, cut.is_between);
  std::vector<Parameter> parameters = cutting(cut.criterion, cut.request, cut.seed);
  parameters.push_back(retrain.of_cut);
  if (lr_start_ == "auto") parameters.emplace_back("lr_start", lr_start_);
  if (cut.candidate >= 0) parameters.emplace_back("candidate", cut.candidate);
  if (experiment_.refit) parameters.emplace_back("refit", prune::to_json(*experiment_.refit));
  const int steps = substeps_of(experiment_, cut);
  if (steps > 1) parameters.emplace_back("substeps", steps);
  std::vector<StageInput> inputs{{"net", cut.parent}};
  if (!cut.widths.empty()) inputs.push_back({"widths", cut.widths});
  const std::optional<double> bound = cut.is_last ? latency_bound(experiment_) : std::nullopt;
  if (bound) parameters.emplace_back("at_most_ms", *bound);
  if (bound || prune::is_of_latency(cut.request)) inputs.push_back({"table", latency_table(cut.net).fingerprint});
  const bool is_taught = (cut.is_between ? between_ : retrain_)->distill.has_value();
  if (is_taught) inputs.push_back({"teacher", cut.base});
  const double macs = estimates_.macs(cut.net.request);
  Stage stage = make_stage(StageKind::prune, names_.shown(cut.label), std::move(parameters), std::move(inputs),
                           steps * estimates_.scoring(cut.parent_ratio * macs));
  add_training(stage, retrain.epochs, kept_ratio(cut.request, cut.parent_ratio) * macs, is_taught ? &cut.net.request : nullptr);
  return stage;
}

Stage StageFactory::extension(const CutRequest& cut, const std::string& stage, int epochs) const {
  std::vector<StageInput> inputs{{"net", stage}};
  if (retrain_->distill) inputs.push_back({"teacher", cut.base});
  const Retraining& train = retraining(epochs);
  Stage made =
      make_stage(StageKind::extend, names_.shown(fmt::format("{}, epoch {}", cut.label, epochs)),
                 std::vector<Parameter>{data_, train.of_extension, {"from", cut.stop_after}, {"seed", cut.seed}}, std::move(inputs), 0);
  add_training(made, train.epochs - cut.stop_after, kept_ratio(cut.request, cut.parent_ratio) * estimates_.macs(cut.net.request),
               retrain_->distill ? &cut.net.request : nullptr);
  return made;
}

Stage StageFactory::transfer(const MadeNet& cut, int seed, const std::optional<Teacher>& teacher) const {
  std::vector<StageInput> inputs{{"start", cut.stage}};
  if (teacher) inputs.push_back({"teacher", teacher->stage});
  Stage stage =
      make_stage(StageKind::transfer, names_.shown(cut.label),
                 std::vector<Parameter>{data_, {"train", prune::to_json(experiment_.transfer)}, {"seed", seed}}, std::move(inputs), 0);
  add_training(stage, experiment_.transfer.last_epoch(), cut.ratio * estimates_.macs(cut.net.request), teacher ? &teacher->net : nullptr);
  return stage;
}

Stage StageFactory::evaluation(const MadeNet& made) const {
  return make_stage(StageKind::evaluate, names_.shown(made.label), evaluation_, {{"net", made.stage}},
                    estimates_.test(made.ratio * estimates_.macs(made.net.request)));
}

Stage StageFactory::latency(const MadeNet& made) const {
  const LatencyOptions& options = *experiment_.evaluate.latency;
  std::vector<StageInput> inputs{{"net", made.stage}};
  if (estimates_latency(experiment_)) inputs.push_back({"table", latency_table(made.net).fingerprint});
  return make_stage(StageKind::latency, names_.shown(made.label), to_json(options), std::move(inputs),
                    Estimates::latency(options, made.ratio * estimates_.macs(made.net.request)));
}

Stage StageFactory::robustness(const MadeNet& made, const std::vector<AttackedNet>& attacked, int seed) const {
  const RobustnessOptions& options = *experiment_.evaluate.robustness;
  const double own = made.ratio * estimates_.macs(made.net.request);
  double work = own;  // of one image; the first pass is over the images as they are
  for (const eval::Perturbation& perturbation : options.perturbations) {
    work += own;
    if (perturbation.kind == "noise") continue;
    const auto is_source = [&](const AttackedNet& each) { return each.name == perturbation.source; };
    const auto source = std::find_if(attacked.begin(), attacked.end(), is_source);
    work += eval::attack_entry(perturbation.name).passes(perturbation.options) *
            (source == attacked.end() ? own : estimates_.macs(source->net));
  }
  std::vector<StageInput> inputs{{"net", made.stage}};
  for (const AttackedNet& each : attacked) inputs.push_back({source_role(each.name), each.stage});
  std::vector<Parameter> parameters{data_, {"seed", seed}};
  const Json asked = to_json(options);
  for (const auto& [name, value] : asked.items()) parameters.emplace_back(name, value);
  return make_stage(StageKind::robustness, names_.shown(made.label), std::move(parameters), std::move(inputs),
                    estimates_.robustness_images(options) * work);
}

void StageFactory::add_training(Stage& stage, double epochs, double macs, const NetRequest* teacher) const {
  stage.epochs = epochs;
  if (teacher != nullptr) stage.teaching = estimates_.teaching(epochs, estimates_.macs(*teacher));
  stage.cost += estimates_.training(epochs, macs) + stage.teaching;
}

/// A retraining that ends after `stop_after` epochs; the learning rate follows its course over all of them.
const StageFactory::Retraining& StageFactory::retraining(int stop_after, bool is_between) const {
  const std::pair key{stop_after, is_between};
  const auto known = retrainings_.find(key);
  if (known != retrainings_.end()) return known->second;
  prune::TrainOptions options = is_between ? *between_ : *retrain_;
  if (stop_after < options.epochs) options.stop_after = stop_after;
  if (lr_start_ == "rewind") options.optimizer.lr = prune::rate_before_end(experiment_.train, options.epochs);
  const Json json = prune::to_json(options);
  return retrainings_.emplace(key, Retraining{{"retrain", json}, {"train", json}, static_cast<double>(options.last_epoch())}).first->second;
}

}  // namespace search
