#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "search/cli/commands.h"
#include "search/cli/printable.h"
#include "search/cli/trial.h"
#include "search/plan/strategy.h"
#include "search/report/snapshot.h"
#include "storage/base/error.h"
#include "storage/base/shell.h"

namespace search::cli {

namespace {

using storage::Repository;

struct ShowOptions {
  std::filesystem::path directory;
  std::string trial;
  bool json = false, yaml = false;
};

/// What was timed of all steps' nets.
Json timed_steps(const Json& trial) {
  Json timed = Json::array();
  for (const Json& step : trial.at("steps"))
    for (Json row : step.at("latencies")) {
      row["step"] = step.at("step");
      timed.push_back(std::move(row));
    }
  return timed;
}

void print_trial(const Json& trial) {
  fmt::print("trial {}: {}, {}\n", trial.at("trial").get<int>(), trial.at("name").get<std::string>(), trial.at("state").get<std::string>());
  if (trial.at("failure").is_string()) fmt::print("failure: {}\n", printable(trial.at("failure").get<std::string>()));
  fmt::print("\n{}", to_text(trial.at("steps"),
                             {"step", "accuracy_val", "accuracy_test", "params", "params_ratio", "macs", "macs_ratio", "wall_s", "stage"}));
  if (!trial.at("decisions").empty()) fmt::print("\n{}", to_text(trial.at("decisions"), {"choice", "reason"}));
  if (const Json timed = timed_steps(trial); !timed.empty())
    fmt::print("\n{}", to_text(timed, {"step", "batch", "p50_ms", "p95_ms", "least_ms", "estimate_ms", "format", "device", "threads"}));
  for (const Json& step : trial.at("steps")) {
    if (step.at("layers").empty()) continue;
    fmt::print("\nstep {}\n{}", step.at("step").get<int>(),
               to_text(step.at("layers"), {"layer", "channels", "base_channels", "score_min", "score_mean", "score_max", "threshold",
                                           "floor_applied", "cap_applied", "fixed"}));
  }
}

/// "0.286, 0.5": with four digits.
std::string short_numbers(const Json& numbers) {
  std::vector<std::string> texts;
  for (const Json& number : numbers) texts.push_back(fmt::format("{:.4g}", number.get<double>()));
  return fmt::format("{}", fmt::join(texts, ", "));
}

/// "0 cat, 1 dog": what the scores stand for; of many classes the first.
std::string numbered(const Json& names) {
  constexpr std::size_t shown = 20;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < std::min(shown, names.size()); ++i)
    texts.push_back(fmt::format("{} {}", i, printable(names[i].get<std::string>())));
  return fmt::format("{}{}", fmt::join(texts, ", "), names.size() > shown ? fmt::format(" and {} more", names.size() - shown) : "");
}

/// The lines on how to get the trial's net, and to make it again.
void print_again(const std::filesystem::path& directory, const Json& trial) {
  const std::string where = storage::shell_quoted(directory.string());
  const int number = trial.at("trial");
  if (!trial.at("steps").empty()) fmt::print("\nits net   nas-run export {} {} -o net.py\n", where, number);
  if (const Json& taken = trial.at("normalisation"); !taken.is_null())
    fmt::print("          takes (byte / 255 - mean) / deviation, by channel: mean {}, deviation {}\n", short_numbers(taken.at("mean")),
               short_numbers(taken.at("deviation")));
  if (const Json& names = trial.at("class_names"); !names.empty()) fmt::print("          says {}\n", numbered(names));
  const Json& again = trial.at("again");
  if (again.at("command").is_null()) {
    fmt::print("again     {}: nas-run show {} --yaml > again.yaml has all of it\n", again.at("reason").get<std::string>(), where);
    return;
  }
  fmt::print("again     {}\n", again.at("command").get<std::string>());
  fmt::print("          (where the experiment's file lies: the relative paths in it start there)\n");
  fmt::print("          gives the stages above: the same nets bit for bit, where training runs in the same precision and threads ({})\n",
             again.at("arithmetic").get<std::string>());
}

/// In what the base was trained, as in "bf16, 1 thread": as its probe found, or as it was asked for.
std::string arithmetic(const Repository& repository, const std::string& base) {
  const storage::StageRecord stage = repository.stage(base);
  std::string precision = Json::parse(stage.parameters).at("train").at("precision");
  for (const storage::StageInput& input : stage.inputs)
    if (input.role == "precision") precision = repository.outcome(input.stage).values.value("precision", precision);
  const Json rows = rows_where(repository.rows("stages"), "stage", base);
  if (rows.empty() || rows[0].at("threads").is_null()) return precision;
  const int threads = rows[0].at("threads");
  return fmt::format("{}, {} thread{}", precision, threads, threads == 1 ? "" : "s");
}

/// How the trial is made again, by itself, from the experiment as it was run.
Json again(const Repository& repository, const std::filesystem::path& directory, const Json& trial) {
  Json again{{"command", nullptr}, {"reason", nullptr}, {"arithmetic", ""}};
  const std::string strategy = experiment_of(repository).settings.at("search").at("strategy");
  if (trial.at("steps").empty()) {
    again["reason"] = "none of its steps is done yet";
  } else if (trial.at("role") == "pruned" && !make_strategy(strategy)->makes_trials_apart()) {
    again["reason"] = strategy + " found it by what other trials came to";
  } else {
    again["command"] =
        fmt::format("nas-run show {} --yaml > again.yaml && nas-run again.yaml --only {} -o again",
                    storage::shell_quoted(std::filesystem::absolute(directory).string()), storage::shell_quoted(trial.at("name")));
    again["arithmetic"] = arithmetic(repository, trial.at("steps")[0].at("stage"));
  }
  return again;
}

int show_yaml(const Repository& repository, const ShowOptions& options) {
  if (!options.trial.empty())
    throw storage::Error(
        storage::ErrorKind::usage,
        fmt::format("--yaml is of the whole experiment, not of trial '{}'; valid: DIR --yaml, and of what that prints one trial "
                    "with nas-run FILE --only NAME",
                    options.trial));
  fmt::print("{}", experiment_of(repository).yaml);
  return exit_done;
}

int show(const ShowOptions& options) {
  const Repository repository(options.directory, Repository::Access::read);
  if (options.yaml) return show_yaml(repository, options);
  if (options.trial.empty())
    throw storage::Error(storage::ErrorKind::usage, "no trial is named; valid: DIR TRIAL, or DIR --yaml for the experiment");
  Json trial = find_trial(repository, options.trial);
  const Json layers = repository.rows("layers");
  const Json latencies = repository.rows("latencies");
  for (Json& step : trial.at("steps")) {
    step["layers"] = rows_where(layers, "stage", step.at("stage"));
    step["latencies"] = rows_where(latencies, "stage", step.at("stage"));
  }
  trial["decisions"] = rows_where(repository.rows("decisions"), "subject", trial.at("name"));
  const Json values = trial.at("steps").empty() ? Json() : repository.outcome(trial.at("steps").back().at("stage")).values;
  trial["normalisation"] = values.is_object() ? values.value("normalisation", Json()) : Json();
  trial["class_names"] = values.is_object() ? values.value("class_names", Json::array()) : Json::array();
  trial["again"] = again(repository, options.directory, trial);
  if (options.json) {
    print_json(trial);
  } else {
    print_trial(trial);
    print_again(options.directory, trial);
  }
  return exit_done;
}

}  // namespace

Json find_trial(const Repository& repository, const std::string& number_or_name) {
  Json trial = repository.trial(number_or_name);
  if (trial.is_null()) {
    const std::size_t count = repository.rows("trials").size();
    throw storage::Error(
        storage::ErrorKind::usage,
        fmt::format("there is no trial '{}'; valid: a number from 1 to {} or a name, as listed by nas-run trials", number_or_name, count));
  }
  trial["steps"] = rows_where(repository.rows("steps"), "trial", trial.at("trial"));
  return trial;
}

void add_show(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ShowOptions>();
  CLI::App* command = app.add_subcommand(
      "show", "one trial: its steps, what the strategy decided, what each cut did to each layer, and how to make it again");
  add_directory_argument(*command, options->directory);
  command->add_option("TRIAL", options->trial, "number or name of the trial");
  CLI::Option* json = command->add_flag("--json", options->json, "one JSON document");
  command
      ->add_flag("--yaml", options->yaml,
                 "without a trial: the experiment as it was run, -s included; its relative paths start at the file")
      ->excludes(json);
  command->footer(
      "Examples:\n"
      "  nas-run show results/fashion_mnist 3\n"
      "  nas-run show results/fashion_mnist --yaml > again.yaml && nas-run again.yaml --only tops/vgg16_bn/l1/early/s1 -o again\n"
      "  nas-run show results/fashion_mnist tops/vgg16_bn/lda-wilks/early/s1 --json");
  command->callback([options, &action] { action = [options] { return show(*options); }; });
}

}  // namespace search::cli
