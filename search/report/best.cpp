#include "search/report/best.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "search/experiment/objectives.h"
#include "search/experiment/source_nets.h"
#include "search/report/measured_nets.h"
#include "search/report/table_text.h"
#include "storage/base/named.h"
#include "storage/base/shell.h"

namespace search {

namespace {

using storage::Json;

constexpr std::size_t kControls = 7;  ///< that are shown
constexpr const char* kUndecided = "undecided";

/// The same way to a net, with every seed.
struct Option {
  Way way;
  std::map<Replicate, const StoredNet*> nets;  ///< tested
  double val = 0, params = 0, macs = 0;
  bool beyond = false;  ///< a base or a baseline that breaks the experiment's constraints: what others are compared with, and no answer
  std::optional<double> latency_ms;

  double size(const std::string& of) const { return of == "params" ? params : macs; }
};

template <typename Value>
double mean(const std::map<Replicate, const StoredNet*>& nets, const Value& value) {
  double sum = 0;
  for (const auto& [replicate, net] : nets) sum += value(*net);
  return sum / static_cast<double>(nets.size());
}

std::string name_of(const Option& option) {
  const Group& group = *option.way.group;
  if (option.way.is_base()) return group.net + ", whole";
  if (option.way.is_cut())
    return fmt::format("{}, {}, {}", group.net, group.criterion, group.schedule) +
           (option.way.step ? fmt::format(", step {}", *option.way.step) : "");
  const ControlName control = parse_control(group.net);
  if (!group.criterion.empty())
    return fmt::format("{} as {}, {} left it, from scratch{}", control.base, group.criterion, group.schedule,
                       control.has_equal_flops ? ", equal FLOPs" : "");
  return fmt::format("{}{}{}", group.net, group.width == 1 ? "" : fmt::format(" (width {})", group.width),
                     control.is_pretrained ? "" : ", from scratch");
}

std::string points(double share) {
  return fmt::format("{:g} point{}", 100 * share, share == 0.01 ? "" : "s");
}

using Statuses = std::map<std::string, storage::StageStatus>;

/// All that was measured for a task, each base once.
class Choice {
 public:
  /// Borrows the run, its groups, the request and the statuses, which have latency_ms.
  Choice(const Snapshot& run, const std::vector<Group>& groups, const Statuses& statuses, const std::string& task,
         const BestRequest& request)
      : run_(run), request_(request), statuses_(statuses) {
    for (const Way& way : ways_of(groups))
      if (way.group->task == task) add(way);
    for (const Option& option : options_) {
      seeds_ = std::max(seeds_, option.nets.size());
      if (option.way.is_cut()) seeds_of_cuts_ = std::max(seeds_of_cuts_, option.nets.size());
    }
  }

  std::optional<Best> best() const {
    const Option* chosen = nullptr;
    std::string why;
    if (has_limits()) {
      chosen = request_.min_accuracy ? smallest([&](const Option& option) { return is_within(option.val, *request_.min_accuracy, 0); })
                                     : most_accurate();
      why = request_.min_accuracy ? "the smallest with the accuracy that was asked for" : "the most accurate of those that cost no more";
    } else {
      chosen = smallest([&](const Option& option) { return !option.way.is_base() && is_near_base(option); });
      why = fmt::format("the smallest net within {} of its base", points(*request_.tolerance));
      if (chosen == nullptr) {
        chosen = most_accurate();
        why = chosen != nullptr && base_of(*chosen) == nullptr
                  ? "the most accurate, since its base is not measured"
                  : fmt::format("no smaller net is within {} of its base, so the most accurate of them", points(*request_.tolerance));
      }
    }
    if (chosen == nullptr) return std::nullopt;
    if (chosen->nets.size() < seeds_) why += fmt::format("; {} of {} seeds have it, and no cut net has more", chosen->nets.size(), seeds_);
    return describe(*chosen, why);
  }

 private:
  static void take_means(Option& option) {
    option.val = mean(option.nets, [](const StoredNet& net) { return *net.val; });
    option.params = mean(option.nets, [](const StoredNet& net) { return net.params; });
    option.macs = mean(option.nets, [](const StoredNet& net) { return net.macs; });
  }

  void add(const Way& way) {
    Option option{way, {}};
    double latency = 0;
    bool all_timed = true;
    for (const auto& [replicate, index] : way.nets) {
      const StoredNet& net = run_.nets[static_cast<std::size_t>(index)];
      if (!net.val || !net.test || (net.beyond && way.is_cut())) continue;
      option.beyond = option.beyond || net.beyond;
      option.nets.emplace(replicate, &net);
      const auto& metrics = statuses_.at(run_.stages[static_cast<std::size_t>(net.stage)].fingerprint).metrics;
      const auto timed = metrics.find("latency_ms");
      all_timed = all_timed && timed != metrics.end();
      if (timed != metrics.end()) latency += timed->second;
    }
    if (option.nets.empty()) return;
    take_means(option);
    if (all_timed) option.latency_ms = latency / static_cast<double>(option.nets.size());
    options_.push_back(std::move(option));
  }

  bool has_limits() const { return request_.max_macs || request_.max_params || request_.max_latency_ms || request_.min_accuracy; }

  static bool holds(const std::optional<double>& limit, const std::optional<double>& value) {
    return !limit || (value && *value <= *limit);
  }

  /// With as many seeds as any: one lucky seed is no answer. A search of its own for each seed may come to another cut each time.
  bool has_all_seeds(const Option& option) const { return option.nets.size() == (option.way.is_cut() ? seeds_of_cuts_ : seeds_); }

  bool is_possible(const Option& option) const {
    return !option.beyond && has_all_seeds(option) && holds(request_.max_macs, option.macs) && holds(request_.max_params, option.params) &&
           holds(request_.max_latency_ms, option.latency_ms);
  }

  /// The base that an option was cut from, of a control its own; of any other baseline the most accurate one.
  const Option* base_of(const Option& option) const {
    const std::string own = base_net(*option.way.group);
    const Option* base = nullptr;
    for (const Option& each : options_) {
      const bool is_own = own.empty() || each.way.group->net == own;
      if (each.way.is_base() && is_own && (base == nullptr || each.val > base->val)) base = &each;
    }
    return base;
  }

  /// That base with the means of the replicates that the option has; with its own where the two share none.
  std::optional<Option> own_base_of(const Option& option) const {
    const Option* base = base_of(option);
    if (base == nullptr) return std::nullopt;
    Option own = *base;
    std::erase_if(own.nets, [&](const auto& net) { return !option.nets.contains(net.first); });
    if (own.nets.empty()) return *base;
    take_means(own);
    return own;
  }

  bool is_near_base(const Option& option) const {
    const std::optional<Option> base = own_base_of(option);
    return base && option.size(request_.size) < base->size(request_.size) && is_within(option.val, base->val, *request_.tolerance);
  }

  template <typename Accepts>
  const Option* smallest(const Accepts& accepts) const {
    std::vector<const Option*> accepted;
    for (const Option& each : options_)
      if (is_possible(each) && accepts(each)) accepted.push_back(&each);
    if (accepted.empty()) return nullptr;
    const auto size_of = [&](const Option* option) { return option->size(request_.size); };
    const double least =
        size_of(*std::min_element(accepted.begin(), accepted.end(), [&](auto* a, auto* b) { return size_of(a) < size_of(b); }));
    // Cuts to one budget and controls of that size differ by a channel or two: of these the accuracy decides.
    const Option* found = nullptr;
    for (const Option* each : accepted)
      if (size_of(each) <= kSameSize * least &&
          (found == nullptr || std::pair(-each->val, each->params) < std::pair(-found->val, found->params)))
        found = each;
    return found;
  }

  const Option* most_accurate() const {
    const Option* found = nullptr;
    for (const Option& each : options_) {
      if (!is_possible(each) || (!has_limits() && each.way.is_base())) continue;
      if (found == nullptr || std::pair(each.val, -each.size(request_.size)) > std::pair(found->val, -found->size(request_.size)))
        found = &each;
    }
    return found;
  }

  Best describe(const Option& chosen, const std::string& why) const {
    Best best{.task = chosen.way.group->task, .net = name_of(chosen), .why = why};
    const StoredNet* taken = nullptr;
    std::vector<double> tests;
    for (const auto& [replicate, net] : chosen.nets) {
      tests.push_back(*net->test);
      if (is_within_limits(*net) && (taken == nullptr || *net->val > *taken->val)) taken = net;
    }
    if (taken == nullptr) taken = chosen.nets.begin()->second;  // one limit holds of some seeds' nets, the other of others'
    const StoredTrial& trial = trial_with(*taken, chosen);
    best.trial = trial.number;
    best.step = step_of(*taken, trial).value();
    best.seeds = static_cast<int>(chosen.nets.size());
    best.params = chosen.params;
    best.macs = chosen.macs;
    best.latency_ms = chosen.latency_ms;
    best.accuracy_val = chosen.val;
    best.accuracy_test = eval::summarise(tests);
    if (const std::optional<Option> base = own_base_of(chosen)) {
      best.params_ratio = chosen.params / base->params;
      best.macs_ratio = chosen.macs / base->macs;
      if (!chosen.way.is_base()) add_control(best, chosen, *base);
    }
    // The controls from scratch; for one of these, the most accurate cut net that costs no more.
    const Option* cut = nullptr;
    for (const Option& each : options_) {
      if (each.way.group->role == "baseline" && &each != &chosen && best.controls.size() < kControls) add_control(best, chosen, each);
      if (each.way.is_cut() && each.macs <= kSameSize * chosen.macs && has_all_seeds(each) && (cut == nullptr || each.val > cut->val))
        cut = &each;
    }
    if (!chosen.way.is_cut() && cut != nullptr) add_control(best, chosen, *cut);
    return best;
  }

  /// Sizes are means over seeds elsewhere: of an option within the limits one seed's net at least is.
  bool is_within_limits(const StoredNet& net) const { return holds(request_.max_macs, net.macs) && holds(request_.max_params, net.params); }

  std::optional<int> step_of(const StoredNet& net, const StoredTrial& trial) const {
    for (std::size_t step = 0; step < trial.nets.size(); ++step)
      if (trial.nets[step] >= 0 && &run_.nets[static_cast<std::size_t>(trial.nets[step])] == &net) return static_cast<int>(step);
    return std::nullopt;
  }

  /// The trial of the chosen group that the net is a step of: others may share it.
  const StoredTrial& trial_with(const StoredNet& net, const Option& chosen) const {
    for (const std::size_t number : chosen.way.group->trials)
      if (step_of(net, run_.trials[number])) return run_.trials[number];
    return *run_.trial_of(net);
  }

  /// Adds nothing where the two share no seed.
  static void add_control(Best& best, const Option& chosen, const Option& other) {
    const std::optional<Lead> lead = lead_of(chosen.nets, other.nets);
    if (!lead) return;
    Control control{.name = name_of(other)};
    control.macs = other.macs;
    control.accuracy_test = lead->other;
    control.difference = lead->difference;
    const auto& interval = control.difference.interval;
    const bool is_decided = interval && interval->excludes_zero();
    control.verdict = !is_decided ? kUndecided : interval->low > 0 ? "better" : "worse";
    if (!is_decided) control.seeds_to_decide = eval::pairs_to_decide(control.difference);
    best.controls.push_back(std::move(control));
  }

  const Snapshot& run_;
  const BestRequest& request_;
  const Statuses& statuses_;
  std::vector<Option> options_;
  std::size_t seeds_ = 0, seeds_of_cuts_ = 0;  ///< the most that an option has
};

std::string export_command(const Best& best, const std::string& directory) {
  return fmt::format("nas-run export {} {} --step {} -o small.py", storage::shell_quoted(directory), best.trial, best.step);
}

std::string percent(double share) {
  return fmt::format("{:.1f} %", 100 * share);
}

std::string interval_of(const eval::Summary& summary, bool sign) {
  const std::optional<eval::Interval>& interval = summary.interval;
  if (!interval) return summary.n < 2 ? "one seed: no interval" : "no spread: no interval";
  return sign ? fmt::format("{:+.1f} to {:+.1f}", 100 * interval->low, 100 * interval->high)
              : fmt::format("95 %: {:.1f} to {:.1f}", 100 * interval->low, 100 * interval->high);
}

std::string verdict_of(const Control& control) {
  if (control.verdict != kUndecided) return control.verdict;
  if (!control.seeds_to_decide) return kUndecided;
  return fmt::format("undecided; about {} seeds would decide", *control.seeds_to_decide);
}

}  // namespace

std::vector<Best> best_nets(const storage::Repository& repository, const Snapshot& run, const BestRequest& request) {
  BestRequest asked = request;
  if (!asked.tolerance) asked.tolerance = stored_tolerance(repository);
  const Statuses statuses = repository.stage_statuses({"latency_ms"});
  const std::vector<Group> groups = groups_of(run);
  std::vector<std::string> tasks = tasks_of(run);
  if (!request.task.empty()) {
    tasks = {storage::find_named(tasks, request.task, "task", std::identity(), storage::ErrorKind::usage)};
  }
  std::vector<Best> all;
  for (const std::string& task : tasks)
    if (std::optional<Best> best = Choice(run, groups, statuses, task, asked).best()) all.push_back(std::move(*best));
  return all;
}

Json to_json(const Best& best, const std::string& directory) {
  const auto bounds = [](const std::optional<eval::Interval>& interval) { return interval ? Json{interval->low, interval->high} : Json(); };
  const auto maybe = [](const std::optional<double>& value) { return value ? Json(*value) : Json(); };
  Json controls = Json::array();
  for (const Control& each : best.controls) {
    const auto& interval = each.difference.interval;
    controls.push_back({{"name", each.name},
                        {"macs", each.macs},
                        {"accuracy_test", each.accuracy_test},
                        {"difference", each.difference.mean},
                        {"low", interval ? Json(interval->low) : Json()},
                        {"high", interval ? Json(interval->high) : Json()},
                        {"verdict", each.verdict},
                        {"seeds_to_decide", each.seeds_to_decide ? Json(*each.seeds_to_decide) : Json()}});
  }
  return {{"task", best.task},
          {"trial", best.trial},
          {"step", best.step},
          {"net", best.net},
          {"seeds", best.seeds},
          {"params", best.params},
          {"macs", best.macs},
          {"params_ratio", maybe(best.params_ratio)},
          {"macs_ratio", maybe(best.macs_ratio)},
          {"latency_ms", maybe(best.latency_ms)},
          {"accuracy_val", best.accuracy_val},
          {"accuracy_test", best.accuracy_test.mean},
          {"interval", bounds(best.accuracy_test.interval)},
          {"why", best.why},
          {"export", export_command(best, directory)},
          {"controls", std::move(controls)}};
}

std::string to_text(const Best& best, const std::string& directory) {
  std::string text = fmt::format("{}: take {} (trial {})\n", best.task, best.net, best.trial);
  const std::string latency = best.latency_ms ? fmt::format(", {:.3g} ms an image", *best.latency_ms) : "";
  if (best.macs_ratio && best.params_ratio)
    text += fmt::format("  {:.3g} of the MACs of its base ({}), {:.3g} of its parameters ({}){}\n", *best.macs_ratio,
                        short_number(best.macs), *best.params_ratio, short_number(best.params), latency);
  else
    text += fmt::format("  {} MACs, {} parameters{}\n", short_number(best.macs), short_number(best.params), latency);
  text += fmt::format("  {} of the test images right ({}), {} of the validation images; {} seed{}\n", percent(best.accuracy_test.mean),
                      interval_of(best.accuracy_test, false), percent(best.accuracy_val), best.seeds, best.seeds == 1 ? "" : "s");
  text += fmt::format("  chosen on validation data: {}\n", best.why);
  if (!best.controls.empty()) {
    std::vector<std::vector<std::string>> table{{"  against", "test", "MACs", "lead in points", "verdict"}};
    for (const Control& each : best.controls)
      table.push_back({"  " + each.name, percent(each.accuracy_test), short_number(each.macs),
                       fmt::format("{:+.1f} ({})", 100 * each.difference.mean, interval_of(each.difference, true)), verdict_of(each)});
    text += aligned(table, Side::left);
    text += "  (each comparison by itself; nas-run compare corrects for their number)\n";
  }
  return text + "  " + export_command(best, directory) + "\n";
}

std::string why_none(const Snapshot& run, const BestRequest& request) {
  if (std::none_of(run.nets.begin(), run.nets.end(), [](const StoredNet& net) { return net.test.has_value(); }))
    return "no net was measured on test data yet: nas-run status says what ran";
  const bool has_latency = std::any_of(run.stages.begin(), run.stages.end(),
                                       [](const StoredStage& stage) { return stage.kind == "latency" && stage.state == "done"; });
  if (request.max_latency_ms && !has_latency)
    return "the latency of no net was measured; valid: an experiment with evaluate: {latency: {}}, which measures it, also of nets that "
           "are there";
  if (request.max_macs || request.max_params || request.max_latency_ms || request.min_accuracy)
    return "no net that was tested is within these limits; nas-run pareto lists what there is";
  const bool has_more = std::any_of(run.nets.begin(), run.nets.end(), [&](const StoredNet& net) {
    const StoredTrial* trial = run.trial_of(net);
    return net.test && net.step > 0 && net.beyond && (trial == nullptr || !trial->outdated);
  });
  return has_more ? "no cut net that was tested is within the experiment's constraints; nas-run trials lists what there is"
                  : "no net but bases was measured on test data: nas-run status says what became of the others";
}

std::string what_is_missing(const Snapshot& run) {
  const auto all = std::count_if(run.stages.begin(), run.stages.end(), [](const StoredStage& stage) { return !stage.dropped; });
  const auto done =
      std::count_if(run.stages.begin(), run.stages.end(), [](const StoredStage& stage) { return !stage.dropped && stage.state == "done"; });
  return done == all ? "" : fmt::format("{} of {} stages are not done: with them the answer may be another", all - done, all);
}

}  // namespace search
