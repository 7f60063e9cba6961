#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "prune/criteria/catalog.h"
#include "search/experiment/experiment_reader.h"
#include "search/experiment/strategy_catalog.h"

namespace search {

using storage::Option;
using storage::OptionKind;

namespace {

const Option keep_option{.name = "keep", .kind = OptionKind::real, .doc = "a share of the base net", .min = 0, .max = 1};
const Option eta_option{.name = "eta", .kind = OptionKind::real, .doc = "a threshold in standard deviations", .min = 0, .max = 1000};
const Option of_option{
    .name = "of", .kind = OptionKind::choice, .fallback = "macs", .doc = "what is counted", .choices = prune::budget_names()};
const Option allocation_option{.name = "allocation",
                               .kind = OptionKind::choice,
                               .doc = "how a cut is spread over the layers",
                               .choices = {"eta", "greedy", "uniform"},
                               .optional = true};

prune::PruneRequest eta_request(double eta) {
  return {.kind = prune::PruneRequest::Kind::eta, .value = eta, .of = prune::Budget::macs};
}

/// `{from: 0.1, step: 0.1}` with `steps: 12`: 0.1, 0.2 ... as decimals, so that equal thresholds are equal numbers.
std::vector<prune::PruneRequest> read_eta_ramp(YamlReader ramp, YamlReader& schedule) {
  static const storage::Options options{
      {.name = "from", .kind = OptionKind::real, .doc = "the first threshold", .min = 0, .max = 1000},
      {.name = "step", .kind = OptionKind::real, .doc = "what each step adds to the threshold", .min = 0, .max = 1000},
  };
  static const Option steps_option{.name = "steps", .kind = OptionKind::integer, .doc = "the number of steps", .min = 1, .max = 1000};
  const Json values = ramp.values(options);
  ramp.finish();
  const int steps = schedule.value(steps_option).get<int>();
  std::vector<prune::PruneRequest> requests;
  for (int i = 0; i < steps; ++i) {
    const double eta = values.at("from").get<double>() + i * values.at("step").get<double>();
    requests.push_back(eta_request(std::round(eta * 1e9) / 1e9));
  }
  return requests;
}

std::vector<prune::PruneRequest> read_steps(YamlReader& schedule) {
  const std::optional<YamlReader> eta = schedule.find("eta", "the paper's threshold of each cut, as a list or as {from, step} with steps"),
                                  keep = schedule.find("keep", "the share of the base that each cut leaves: a list that falls");
  if (eta && keep) keep->fail("stands beside 'eta'; valid: one of the two");
  if (!eta && !keep) schedule.fail("has neither 'eta' nor 'keep'; valid: as in '{name: gradual, keep: [0.5, 0.25], of: macs}'");
  if (eta && eta->is(YamlNode::Kind::mapping)) return read_eta_ramp(*eta, schedule);

  std::vector<prune::PruneRequest> requests;
  if (eta) {
    for (const YamlReader& value : eta->items()) requests.push_back(eta_request(value.read(eta_option)));
    if (requests.empty()) eta->fail("has no steps; valid: as in '[0.5, 1.0]' or '{from: 0.1, step: 0.1}'");
    return requests;
  }
  const prune::Budget of = prune::budget_from_string(schedule.value(of_option));
  for (const YamlReader& value : keep->items()) {
    requests.push_back(read_keep(value, of));
    if (requests.size() > 1 && requests.back().value >= requests[requests.size() - 2].value) {
      value.fail(fmt::format("is not below the step before; valid: below {}", requests[requests.size() - 2].value));
    }
  }
  if (requests.empty()) keep->fail("has no steps; valid: as in '[0.5, 0.25]'");
  return requests;
}

Criterion read_criterion(YamlReader entry) {
  std::vector<std::string> names;
  for (const prune::CriterionEntry& known : prune::criterion_catalog()) names.push_back(known.name);

  Criterion criterion;
  criterion.name = entry.require("name", "a criterion").one_of("a criterion", names);
  const prune::CriterionEntry& known = prune::criterion_entry(criterion.name);
  const std::optional<YamlReader> label = entry.find("label", "a name of its own in results"),
                                  widths = entry.find(
                                      "widths", "the label of another criterion, at whose widths this one cuts (with `strategy: sweep`)");
  criterion.options = entry.values(known.options);
  const bool has_variant = criterion.options.contains("variant") && entry.find("variant");
  const Json allocation = entry.value(allocation_option);
  entry.finish();

  if (known.unstructured && (widths || !allocation.is_null()))
    (widths ? *widths : entry)
        .fail(
            fmt::format("is {}, which takes single weights and leaves every width; valid: neither 'widths' nor 'allocation'", known.name));
  if (widths && !allocation.is_null()) widths->fail("decides the widths, so 'allocation' has nothing to do; valid: one of the two");
  criterion.allocation = allocation.is_null() ? known.default_allocation(criterion.options) : allocation.get<std::string>();
  if (widths) criterion.widths_from = widths->node().text;
  criterion.label = criterion.name;
  if (has_variant) criterion.label += fmt::format("-{}", criterion.options.at("variant").get<std::string>());
  if (widths) criterion.label += "@" + criterion.widths_from;
  if (label) criterion.label = label->safe_name();
  return criterion;
}

/// Whether a schedule is for nets at their pretraining.
bool read_place(YamlReader& schedule, const std::vector<NetRequest>& nets) {
  static const Option place_option{.name = "at",
                                   .kind = OptionKind::choice,
                                   .fallback = "task",
                                   .doc =
                                       "where nets are cut: task: trained on it, and retrained there; pretraining: on the data of their "
                                       "pretraining, where they are retrained too, and each cut net then learns the task",
                                   .choices = {"task", "pretraining"}};
  const bool at_pretraining = schedule.value(place_option) == "pretraining";
  const auto lacks = std::ranges::find_if(nets, [](const NetRequest& net) { return !net.pretrain; });
  if (at_pretraining && lacks != nets.end())
    schedule.require("at", "").fail(
        fmt::format("asks for a cut that {} cannot have; valid: where all of `nets` have a 'pretrain'", lacks->name));
  return at_pretraining;
}

/// Widths are those of a criterion that finds its own.
void check_widths(YamlReader entry, const std::vector<Criterion>& criteria) {
  const std::optional<YamlReader> widths = entry.find("widths");
  if (!widths) return;
  std::vector<std::string> labels;
  for (const Criterion& criterion : criteria) {
    if (criterion.widths_from.empty() && !prune::criterion_entry(criterion.name).unstructured) labels.push_back(criterion.label);
  }
  widths->one_of("the label of a criterion that finds its own widths", labels);
}

/// A number, or null for `auto`.
Json read_unless_auto(YamlReader& section, const Option& option) {
  const std::optional<YamlReader> given = section.find(option.name, option.doc);
  return !given || given->node().text == "auto" ? Json() : given->read(option);
}

}  // namespace

prune::PruneRequest read_keep(const YamlReader& keep, prune::Budget of) {
  const double share = keep.read(keep_option).get<double>();
  if (share == 0) keep.fail("leaves nothing; valid: above 0, up to 1");
  return {.kind = prune::PruneRequest::Kind::keep, .value = share, .of = of};
}

prune::TrainOptions read_training(YamlReader section, const std::optional<prune::TrainOptions>& inherited, bool has_teacher) {
  const Json before = inherited ? prune::to_json(*inherited) : Json{{"optimizer", Json::object()}};
  Json training = section.values(prune::train_options(), before);
  YamlReader optimizer = section.section("optimizer", "sgd or adamw, or a mapping with options").named();
  training["optimizer"] = optimizer.values(prune::optimizer_options(), before.at("optimizer"));
  optimizer.finish();
  if (std::optional<YamlReader> distill = section.find("distill", "of cut nets and baselines: learn from the base net's scores too")) {
    if (!has_teacher) distill->fail("has no net to learn from here; valid: of cut nets and baselines, where the base net teaches");
    training["distill"] = distill->values(prune::distill_options(), before.value("distill", Json::object()));
    distill->finish();
  } else if (before.contains("distill")) {
    training["distill"] = before.at("distill");
  }
  section.finish();
  return prune::train_options_from_json(training);
}

void check_warmup(const YamlReader& section, const prune::TrainOptions& training) {
  if (training.warmup > 0 && training.warmup >= training.epochs)
    section.fail(fmt::format("has {} epochs of warm-up in {}; valid: fewer than there are", training.warmup, training.epochs));
}

prune::TrainOptions for_retraining(prune::TrainOptions train) {
  train.warmup = 0;
  return train;
}

void refuse_epochs(YamlReader training, const std::string& setter) {
  if (const std::optional<YamlReader> epochs = training.find("epochs"))
    epochs->fail(fmt::format("stands beside '{}', which says how many there are; valid: one of the two", setter));
}

int EpochBudget::of_base() const {
  return std::clamp(static_cast<int>(std::lround(dense * epochs)), 1, epochs - 1);
}

std::optional<EpochBudget> read_epoch_budget(YamlReader& root) {
  static const storage::Options options{
      {.name = "epochs",
       .kind = OptionKind::integer,
       .doc = "of a base and of all retraining of a cut net together",
       .min = 2,
       .max = 100000},
      {.name = "dense",
       .kind = OptionKind::real,
       .fallback = 0.25,
       .doc = "share of them that the base has; the cuts share the rest evenly, or have it less what `between` says",
       .min = 0.01,
       .max = 0.99}};
  std::optional<YamlReader> given = root.find(
      "budget", "one number of epochs for a base and the retraining of its cut nets, in place of train.epochs and retrain.epochs");
  if (!given) return {};
  const Json values = given->values(options);
  given->finish();
  return EpochBudget{values.at("epochs"), values.at("dense")};
}

std::vector<Criterion> read_criteria(const YamlReader& section) {
  std::vector<Criterion> criteria;
  std::vector<std::string> taken;
  for (const YamlReader& item : section.items()) {
    criteria.push_back(read_criterion(item.named()));
    const std::string& label = criteria.back().label;
    if (std::find(taken.begin(), taken.end(), label) != taken.end()) {
      item.fail("has the label '" + label + "', which is taken; valid: a 'label' of its own");
    }
    taken.push_back(label);
  }
  for (const YamlReader& item : section.items()) check_widths(item.named(), criteria);
  return criteria;
}

std::vector<Schedule> read_schedules(const YamlReader& section, const std::vector<NetRequest>& nets) {
  std::vector<Schedule> schedules;
  std::vector<std::string> taken;
  for (YamlReader& entry : section.items()) {
    const YamlReader name = entry.require("name", "a name for the schedule");
    const std::string& text = name.node().text;
    if (text == target_schedule || is_of_one_search(text))
      name.fail(
          fmt::format("'{}' is what the search strategy '{}' calls its own; valid: another name", text, text.substr(0, text.find('-'))));
    schedules.push_back({name.safe_name(), read_steps(entry), read_place(entry, nets)});
    entry.finish();
    take_name(name, text, taken);
  }
  return schedules;
}

std::optional<prune::RefitOptions> read_refit(YamlReader& prune) {
  const std::optional<YamlReader> given = prune.find(
      "refit",
      "the weights left by a cut are solved anew, so that each layer gives what it gave before: a mapping, true or false; default: true");
  if (!given) return prune::RefitOptions();
  if (!given->is(YamlNode::Kind::mapping)) {
    const bool wanted = given->read({.name = "refit", .kind = OptionKind::boolean, .doc = "whether"}).get<bool>();
    return wanted ? std::optional(prune::RefitOptions()) : std::nullopt;
  }
  YamlReader refit = *given;
  Json options;
  for (const Option& option : prune::refit_options())
    options[option.name] = option.optional ? read_unless_auto(refit, option) : refit.value(option);
  refit.finish();
  return prune::refit_options_from_json(options);
}

std::optional<int> read_substeps(YamlReader& prune) {
  static const Option option{
      .name = "substeps",
      .kind = OptionKind::integer,
      .doc = fmt::format(
          "smaller cuts that make up each cut to a share, each scored anew and refitted, with no training between; or auto (default): {} "
          "where a cut leaves less than {} of the net and is not made at one threshold (allocation: eta), else 1",
          prune::deep_cut_substeps, prune::deep_cut),
      .min = 1,
      .max = 100};
  const Json given = read_unless_auto(prune, option);
  return given.is_null() ? std::nullopt : std::optional(given.get<int>());
}

}  // namespace search
