// `prune`: how nets are cut and retrained; its criteria, schedules and refit are read in read_cuts.cpp.
#include <fmt/format.h>

#include <algorithm>

#include "prune/criteria/catalog.h"
#include "search/experiment/experiment_reader.h"
#include "search/experiment/nets.h"
#include "search/experiment/strategy_catalog.h"

namespace search {

using storage::Option;
using storage::OptionKind;

namespace {

/// Each protected layer must be one with filters, of at least one of the nets.
void check_protected(YamlReader& section, const Experiment& experiment, const DataInfos& infos) {
  const std::optional<YamlReader> given = section.find("protect", "layers whose filters stay");
  if (!given) return;
  std::vector<std::string> names;
  for (const NetRequest& net : experiment.nets) {
    for (const eval::DatasetInfo& info : infos) {
      const std::vector<std::string> layers = eval::filter_layers(make_net(net, info));
      names.insert(names.end(), layers.begin(), layers.end());
    }
  }
  for (const YamlReader& name : given->items()) name.one_of("a layer with filters", names);
}

/// What takes single weights makes no smaller net, so only a sweep over shares has a use for it.
void check_unstructured(const YamlReader& criteria, const YamlReader& schedules, const Experiment& experiment) {
  for (const Criterion& criterion : experiment.criteria) {
    if (!prune::criterion_entry(criterion.name).unstructured) continue;
    if (experiment.strategy != "sweep")
      criteria.fail(fmt::format("has {}, which makes no net smaller, so the strategy {} finds nothing; valid: strategy: sweep",
                                criterion.name, experiment.strategy));
    for (const Schedule& schedule : experiment.schedules)
      if (schedule.steps.front().kind == prune::PruneRequest::Kind::eta)
        schedules.fail(fmt::format("has thresholds (eta, in '{}'), of which {} knows nothing; valid: keep", schedule.name, criterion.name));
  }
}

/// How often a net of this experiment is retrained on its task at most: once a cut of the longest schedule, of which one `at: pretraining`
/// counts as a single cut, since its nets learn the task once; or as often as is usual for a strategy that finds its own cuts.
int most_cuts(const Experiment& experiment) {
  auto cuts = static_cast<std::size_t>(strategy_info(experiment.strategy).usual_cuts);
  for (const Schedule& schedule : experiment.schedules) cuts = std::max(cuts, schedule.at_pretraining ? 1 : schedule.steps.size());
  return static_cast<int>(cuts);
}

/// `retrain` and `between`, which share what the budget leaves of its epochs behind the base: evenly, the rest to the last; or all to the
/// last but what `between` asks for itself. A strategy that finds its own cuts trains alike after each.
void read_retraining(YamlReader& section, Experiment& experiment, const std::optional<EpochBudget>& budget) {
  const YamlReader retrain = section.section("retrain", "how a net is trained after a cut");
  std::optional<YamlReader> between =
      section.find("between", "how it is trained after a cut of a schedule that another follows; default: as after the last");
  experiment.retrain = read_training(retrain, for_retraining(experiment.train), /*has_teacher=*/true);
  const int cuts = most_cuts(experiment);
  const int left = budget ? budget->epochs - budget->of_base() : 0;
  if (budget) {
    refuse_epochs(retrain, "budget");
    experiment.retrain.epochs = std::max(1, left / std::max(cuts, 1));
  }
  if (between) experiment.between = read_training(*between, experiment.retrain, /*has_teacher=*/true);
  if (!strategy_info(experiment.strategy).takes_schedules) {  // which of its cuts is the last is not known
    experiment.between.reset();
    return;
  }
  if (!budget) return;
  if (!between && cuts > 1) experiment.between = experiment.retrain;
  experiment.retrain.epochs = left - (cuts > 1 ? (cuts - 1) * experiment.between->epochs : 0);
  if (experiment.retrain.epochs < 1)
    section.fail(fmt::format("has {} cuts in a row, and 'budget' leaves {} epochs to retrain after them; valid: one for each", cuts, left));
  if (experiment.between == experiment.retrain) experiment.between.reset();
}

/// Where the learning rate of a retraining may be that of the base's last epochs.
void check_rewind(const YamlReader& start, const Experiment& experiment) {
  if (experiment.lr_start != "rewind") return;
  if (experiment.train.lr_schedule == "plateau")
    start.fail("asks for the learning rate that the base had, which with lr_schedule: plateau is known only then; valid: restart or auto");
  for (const prune::TrainOptions* each : {&experiment.retrain, experiment.between ? &*experiment.between : nullptr})
    if (each != nullptr && (each->optimizer.lr != experiment.train.optimizer.lr || each->optimizer.name != experiment.train.optimizer.name))
      start.fail("is the base's learning rate, but retraining has another one, or another optimizer; valid: train's, or restart");
}

}  // namespace

void read_prune(YamlReader section, Experiment& experiment, const DataInfos& infos, const std::optional<EpochBudget>& budget) {
  const YamlReader criteria = section.section("criteria", "what scores channels: names, or mappings with options"),
                   schedules = section.section("schedules", "the cuts in a row; strategies that find their own take none");
  experiment.criteria = read_criteria(criteria);
  experiment.schedules = read_schedules(schedules, experiment.nets);
  if (!strategy_info(experiment.strategy).takes_schedules) {
    if (!experiment.schedules.empty())
      schedules.fail(fmt::format("is not for the strategy {}, which finds its own steps; valid: no schedules", experiment.strategy));
    if (experiment.criteria.empty()) criteria.fail("is missing here, so nothing would be cut; valid: a list, as in '[lda]'");
  } else if (experiment.criteria.empty() != experiment.schedules.empty()) {
    const YamlReader& empty = experiment.criteria.empty() ? criteria : schedules;
    empty.fail("is missing here, so nothing would be cut; valid: both criteria and schedules, or neither");
  }
  if (experiment.strategy != "sweep" && std::ranges::any_of(experiment.schedules, &Schedule::at_pretraining))
    schedules.fail(
        fmt::format("has cuts at the pretraining, which the strategy {} does not make; valid: strategy: sweep", experiment.strategy));
  if (experiment.strategy != "sweep" &&
      std::ranges::any_of(experiment.criteria, [](const Criterion& each) { return !each.widths_from.empty(); }))
    criteria.fail(
        fmt::format("has one that cuts at another's widths, which the strategy {} does not make; valid: without it, or strategy: sweep",
                    experiment.strategy));
  check_unstructured(criteria, schedules, experiment);
  read_retraining(section, experiment, budget);
  const std::optional<YamlReader> retrain = section.find("retrain"), between = section.find("between");
  if (retrain) check_warmup(*retrain, experiment.retrain);
  if (experiment.between && (between || retrain)) check_warmup(between ? *between : *retrain, *experiment.between);
  static const Option start_option{
      .name = "lr_start",
      .kind = OptionKind::choice,
      .fallback = "restart",
      .doc =
          "the learning rate that retraining begins with: restart: retrain's; rewind: what the base had as many epochs before its end "
          "(Renda et al. 2020); auto: less of it for a small cut or a short retraining (Zimmer et al. 2023)",
      .choices = {"restart", "rewind", "auto"}};
  experiment.lr_start = section.value(start_option);
  if (const std::optional<YamlReader> start = section.find("lr_start")) check_rewind(*start, experiment);
  experiment.allocation = section.values(prune::allocation_options());
  experiment.refit = read_refit(section);
  experiment.substeps = read_substeps(section);
  check_protected(section, experiment, infos);
  section.finish();
}

prune::TrainOptions whole_path(const Experiment& experiment) {
  const int cuts = most_cuts(experiment);
  prune::TrainOptions train = experiment.train;
  const int between = experiment.between ? experiment.between->epochs : experiment.retrain.epochs;
  if (cuts > 0) train.epochs += (cuts - 1) * between + experiment.retrain.epochs;
  return train;
}

}  // namespace search
