#include "search/report/evidence.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "eval/statistics.h"
#include "search/plan/stage_kind.h"
#include "search/report/measured_nets.h"
#include "search/report/table_text.h"

namespace search {

namespace {

using Statuses = std::map<std::string, storage::StageStatus>;

/// Metrics of a cut before its net was trained. The first two are of cuts that were refitted.
constexpr const char* kAsCut = "val/accuracy_as_cut";
constexpr const char* kBatchNorm = "val/accuracy_batch_norm";
constexpr const char* kStart = "val/accuracy_before_retraining";  ///< refitted, or else with batch norm estimated anew

/// What is known of a cut net before its retraining.
enum class Known { as_cut, batch_norm, refitted };

/// One way to a net, over the replicates.
struct Row {
  std::string name;
  Way way;
  std::map<Replicate, const StoredNet*> nets;
};

std::string percent(const std::vector<double>& values) {
  return values.empty() ? "" : search::percent(eval::summarise(values), 1);
}

/// The comment that the file begins with, as one text.
std::string opening_comment(const std::string& yaml) {
  std::string text;
  for (std::size_t begin = 0; begin < yaml.size() && yaml[begin] == '#';) {
    const std::size_t end = std::min(yaml.find('\n', begin), yaml.size());
    std::string line = yaml.substr(begin + 1, end - begin - 1);
    text += line.starts_with(" ") && text.empty() ? line.substr(1) : line;
    begin = end + 1;
  }
  return text;
}

constexpr std::size_t kEnough = 4;  ///< criteria whose order says something

/// What several criteria made of the same cut of the same base.
using Rivals = std::map<Replicate, std::vector<const StoredNet*>>;

class Account {
 public:
  /// Borrows the run.
  Account(const storage::Repository& repository, const Snapshot& run, const std::vector<int>& epochs)
      : run_(run), statuses_(repository.stage_statuses({kAsCut, kBatchNorm, kStart})), groups_(groups_of(run)), asked_(epochs) {
    read_curves(repository);
    for (const StoredStage& stage : run.stages) {
      const storage::Json parameters = storage::Json::parse(repository.stage(stage.fingerprint).parameters);
      for (const char* part : {"train", "retrain"}) {
        if (!parameters.contains(part)) continue;
        const storage::Json& train = parameters[part];
        int last = train.value("stop_after", train.at("epochs").get<int>());
        const auto curve = curves_.find(stage.fingerprint);
        if (train.value("early_stop", 0) > 0 && curve != curves_.end()) last = std::min(last, curve->second.rbegin()->first);
        epochs_[stage.fingerprint] = last - parameters.value("from", 0);
        if (parameters.contains("spent") && stage.state == "done")
          epochs_[stage.fingerprint] = repository.outcome(stage.fingerprint).values.at("base").at("epochs");
      }
    }
  }

  std::string table(const std::string& task) const {
    const std::vector<Row> rows = rows_of(task);
    std::vector<const Row*> controls;
    for (const Row& row : rows)
      if (row.way.group->role == "baseline" && row.way.group->criterion.empty()) controls.push_back(&row);
    std::vector<std::string> columns{"net", "seeds", "MACs", "parameters", "epochs", "as cut", "batch norm", "refitted"};
    for (int epoch : asked_) columns.push_back(fmt::format("after {}", epoch));
    if (!asked_.empty()) columns.push_back("taken");
    columns.push_back("test");
    for (const Row* control : controls) columns.push_back("less " + control->name);
    std::string text = fmt::format("| {} |\n|", fmt::join(columns, " | "));
    for (std::size_t column = 0; column < columns.size(); ++column) text += "---|";
    text += "\n";
    for (const Row& row : rows) text += line(row, controls);
    return text;
  }

  /// How well what is known of cut nets before their retraining puts the criteria in the order of the test accuracies after it; "" where no
  /// cut was made by enough criteria.
  std::string orders(const std::string& task) const {
    std::vector<std::pair<std::string, Rivals>> cuts;
    for (const Group& group : groups_) {
      if (group.task != task || group.role != "pruned") continue;
      for (std::size_t step = 1; step < group.tested.size(); ++step) {
        const std::string name = fmt::format("{}, {} {}", group.net, group.schedule, step);
        auto cut = std::find_if(cuts.begin(), cuts.end(), [&](const auto& known) { return known.first == name; });
        if (cut == cuts.end()) cut = cuts.insert(cuts.end(), {name, {}});
        for (const auto& [unit, index] : group.tested[step]) cut->second[unit].push_back(&run_.nets[static_cast<std::size_t>(index)]);
      }
    }
    std::string rows;
    for (const auto& [name, nets] : cuts) {
      const std::vector<double> batch_norm = taus(nets, Known::batch_norm), refitted = taus(nets, Known::refitted);
      if (batch_norm.empty()) continue;
      rows += fmt::format("| {} | {} | {} | {} |\n", name, batch_norm.size(), mean_tau(batch_norm), mean_tau(refitted));
    }
    if (rows.empty()) return "";
    return "\nKendall's tau of the criteria's order before the retraining with that after it, by test accuracy, mean over seeds:\n\n"
           "| cut | seeds | by batch norm | by the refitted nets |\n|---|---|---|---|\n" +
           rows;
  }

 private:
  /// Validation accuracies during the training of each net, by fingerprint and epoch.
  void read_curves(const storage::Repository& repository) {
    repository.each_row("metrics", {"stage", "split", "name", "epoch", "value"}, [&](const std::vector<storage::Json>& row) {
      if (row[1] == "val" && row[2] == "accuracy" && row[3].is_number() && row[4].is_number())
        curves_[row[0].get<std::string>()][row[3].get<int>()] = row[4].get<double>();
    });
  }

  std::vector<Row> rows_of(const std::string& task) const {
    std::vector<Row> rows;
    for (const Way& way : ways_of(groups_)) {
      if (way.group->task != task) continue;
      Row row{name_of(way), way, {}};
      for (const auto& [unit, index] : way.nets)
        if (const StoredNet& net = run_.nets[static_cast<std::size_t>(index)]; net.test) row.nets.emplace(unit, &net);
      if (!row.nets.empty()) rows.push_back(std::move(row));
    }
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return macs(a) > macs(b) * kSameSize; });
    return rows;
  }

  /// Says the base net where the task has several.
  std::string name_of(const Way& way) const {
    const bool has_several = std::any_of(groups_.begin(), groups_.end(), [&](const Group& group) {
      return group.task == way.group->task && group.role == "pruned" && group.net != base_of(*way.group);
    });
    if (way.group->role == "baseline") {
      const std::string base = base_net(*way.group);
      return baseline_line(*way.group) + (has_several && !base.empty() ? " of " + base : "");
    }
    if (way.is_base()) return way.group->net + ", base";
    return (has_several ? way.group->net + ", " : "") + fmt::format("{}, {}", way.group->criterion, way.group->schedule) +
           (way.step ? fmt::format(" {}", *way.step) : "");
  }

  /// The base net that a group's nets are made of; that of a baseline which is none's control is its own.
  static std::string base_of(const Group& group) {
    const std::string base = base_net(group);
    return base.empty() ? group.net : base;
  }

  template <typename Value>
  static std::vector<double> each(const Row& row, const Value& value) {
    std::vector<double> values;
    for (const auto& [unit, net] : row.nets)
      if (const std::optional<double> found = value(*net)) values.push_back(*found);
    return values;
  }

  static double macs(const Row& row) {
    return eval::summarise(each(row, [](const StoredNet& net) { return std::optional(net.macs); })).mean;
  }

  /// Of the training that led to a net, its teacher's and its pretraining's included.
  double epochs(int stage, std::set<int>& seen) const {
    if (!seen.insert(stage).second) return 0;
    const StoredStage& made = run_.stages[static_cast<std::size_t>(stage)];
    const auto own = epochs_.find(made.fingerprint);
    double sum = own == epochs_.end() ? 0 : own->second;
    for (const Input& input : made.inputs)
      if (brings_artifacts(input.role)) sum += epochs(input.stage, seen);
    return sum;
  }

  std::optional<double> before(const StoredNet& net, Known what) const {
    const auto& metrics = statuses_.at(run_.stages[static_cast<std::size_t>(net.stage)].fingerprint).metrics;
    const auto value = [&](const char* name) {
      const auto found = metrics.find(name);
      return found == metrics.end() ? std::nullopt : std::optional(found->second);
    };
    const bool is_refitted = metrics.contains(kBatchNorm);
    switch (what) {
      case Known::as_cut:
        return value(kAsCut);
      case Known::batch_norm:
        return value(is_refitted ? kBatchNorm : kStart);
      case Known::refitted:
        return is_refitted ? value(kStart) : std::nullopt;
    }
    return std::nullopt;
  }

  std::string before(const Row& row, Known what) const {
    return percent(each(row, [&](const StoredNet& net) { return before(net, what); }));
  }

  /// Of each replicate that has enough nets; 0 where one of the two puts them in no order.
  std::vector<double> taus(const Rivals& nets, Known what) const {
    std::vector<double> values;
    for (const auto& [unit, of_unit] : nets) {
      std::vector<double> known, tested;
      for (const StoredNet* net : of_unit) {
        const std::optional<double> accuracy = before(*net, what);
        if (!accuracy || !net->test) continue;
        known.push_back(*accuracy);
        tested.push_back(*net->test);
      }
      if (known.size() >= kEnough) values.push_back(eval::kendall_tau(known, tested).value_or(0));
    }
    return values;
  }

  static std::string mean_tau(const std::vector<double>& values) {
    return values.empty() ? "" : fmt::format("{:.2f}", eval::summarise(values).mean);
  }

  /// The columns of a cut net's retraining; empty for other nets.
  std::string retraining(const Row& row) const {
    std::string text;
    for (int epoch : asked_) {
      const auto after = [&](const StoredNet& net) -> std::optional<double> {
        const auto curve = curves_.find(run_.stages[static_cast<std::size_t>(net.stage)].fingerprint);
        if (!row.way.is_cut() || curve == curves_.end() || !curve->second.contains(epoch)) return std::nullopt;
        return curve->second.at(epoch);
      };
      text += fmt::format(" {} |", percent(each(row, after)));
    }
    if (!asked_.empty()) text += fmt::format(" {} |", percent(each(row, [](const StoredNet& net) { return net.val; })));
    return text;
  }

  std::string line(const Row& row, const std::vector<const Row*>& controls) const {
    const auto trained = [&](const StoredNet& net) {
      std::set<int> seen;
      return std::optional(epochs(net.stage, seen));
    };
    const auto mean = [&](const auto& value) { return eval::summarise(each(row, value)).mean; };
    std::string text = fmt::format("| {} | {} | {} | {} | {:g} | {} | {} | {} |{} {} |", row.name, row.nets.size(),
                                   short_number(mean([](const StoredNet& net) { return std::optional(net.macs); })),
                                   short_number(mean([](const StoredNet& net) { return std::optional(net.params); })), mean(trained),
                                   before(row, Known::as_cut), before(row, Known::batch_norm), before(row, Known::refitted),
                                   retraining(row), percent(each(row, [](const StoredNet& net) { return net.test; })));
    for (const Row* control : controls) text += fmt::format(" {} |", control == &row ? "" : lead(row, *control));
    return text + "\n";
  }

  /// The mean difference in points with its interval, in bold where that excludes 0.
  static std::string lead(const Row& row, const Row& control) {
    const std::optional<Lead> lead = lead_of(row.nets, control.nets);
    if (!lead) return "";
    const eval::PairedDifference& difference = lead->difference;
    if (!difference.interval) return fmt::format("{:+.1f}", 100 * difference.mean);
    const auto& [low, high] = *difference.interval;
    const std::string text = fmt::format("{:+.1f} ({:+.1f} to {:+.1f})", 100 * difference.mean, 100 * low, 100 * high);
    return difference.interval->excludes_zero() ? fmt::format("**{}**", text) : text;
  }

  const Snapshot& run_;
  Statuses statuses_;
  std::vector<Group> groups_;
  std::map<std::string, double> epochs_;  ///< of each stage that trains, by fingerprint
  std::vector<int> asked_;                ///< epochs of retraining after which accuracies are told
  std::map<std::string, std::map<int, double>> curves_;
};

/// By stage: it made a net of such a trial, or led there.
std::vector<bool> stages_behind(const Snapshot& run, bool outdated) {
  std::vector<bool> behind(run.stages.size());
  for (const StoredTrial& trial : run.trials)
    for (const int net : trial.nets)
      if (trial.outdated == outdated && net >= 0) behind[static_cast<std::size_t>(run.nets[static_cast<std::size_t>(net)].stage)] = true;
  for (std::size_t stage = run.stages.size(); stage-- > 0;)  // inputs stand before
    for (const Input& input : run.stages[stage].inputs)
      if (behind[stage]) behind[static_cast<std::size_t>(input.stage)] = true;
  return behind;
}

/// Those that count for the run as it is now: what made or measured nets of outdated trials alone does not.
std::vector<const StoredStage*> present_stages(const Snapshot& run) {
  const std::vector<bool> before = stages_behind(run, /*outdated=*/true), now = stages_behind(run, /*outdated=*/false);
  std::vector<const StoredStage*> present;
  for (std::size_t i = 0; i < run.stages.size(); ++i) {
    const StoredStage& stage = run.stages[i];
    const std::size_t made = stage.net < 0 ? i : static_cast<std::size_t>(run.nets[static_cast<std::size_t>(stage.net)].stage);
    if (!stage.dropped && (now[made] || !before[made])) present.push_back(&stage);
  }
  return present;
}

}  // namespace

std::string evidence(const storage::Repository& repository, const Snapshot& run, const std::vector<int>& epochs) {
  const storage::ExperimentRecord experiment = experiment_of(repository);
  std::string text = fmt::format("## {}\n\n{}\n", experiment.name, opening_comment(experiment.yaml));
  const Account account(repository, run, epochs);
  for (const std::string& task : tasks_of(run))
    text += fmt::format("\nTask `{}`:\n\n{}{}", task, account.table(task), account.orders(task));
  int failed = 0;
  double hours = 0;
  const std::vector<const StoredStage*> stages = present_stages(run);
  for (const StoredStage* stage : stages) {
    failed += stage->state == "failed" ? 1 : 0;
    hours += stage->wall_s / 3600;
  }
  return text + fmt::format("\n{} stages, {} failed, {:.2f} hours of one slot.\n", stages.size(), failed, hours);
}

}  // namespace search
