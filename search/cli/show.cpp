#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "search/cli/commands.h"
#include "search/cli/trial.h"
#include "storage/base/error.h"

namespace search::cli {

namespace {

using storage::Repository;

struct Options {
  std::filesystem::path directory;
  std::string trial;
  bool json = false;
};

void print_trial(const Json& trial) {
  fmt::print("trial {}: {}, {}\n", trial.at("trial").get<int>(), trial.at("name").get<std::string>(), trial.at("state").get<std::string>());
  if (trial.at("failure").is_string()) fmt::print("failure: {}\n", trial.at("failure").get<std::string>());
  fmt::print("\n{}", to_text(trial.at("steps"),
                             {"step", "accuracy_val", "accuracy_test", "params", "params_ratio", "macs", "macs_ratio", "wall_s", "stage"}));
  if (!trial.at("decisions").empty()) fmt::print("\n{}", to_text(trial.at("decisions"), {"choice", "reason"}));
  for (const Json& step : trial.at("steps")) {
    if (step.at("layers").empty()) continue;
    fmt::print("\nstep {}\n{}", step.at("step").get<int>(),
               to_text(step.at("layers"), {"layer", "channels", "base_channels", "score_min", "score_mean", "score_max", "threshold",
                                           "floor_applied", "cap_applied", "fixed"}));
  }
}

int show(const Options& options) {
  const Repository repository(options.directory, Repository::Access::read);
  Json trial = find_trial(repository, options.trial);
  const Json layers = repository.rows("layers");
  for (Json& step : trial.at("steps")) step["layers"] = rows_where(layers, "stage", step.at("stage"));
  trial["decisions"] = rows_where(repository.rows("decisions"), "subject", trial.at("name"));
  if (options.json) {
    print_json(trial);
  } else {
    print_trial(trial);
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
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("show", "one trial: its steps, what the strategy decided, and what each cut did to each layer");
  add_directory_argument(*command, options->directory);
  command->add_option("TRIAL", options->trial, "number or name of the trial")->required();
  command->add_flag("--json", options->json, "one JSON document");
  command->footer(
      "Examples:\n"
      "  nas-run show results/fashion_mnist 3\n"
      "  nas-run show results/fashion_mnist clothes/vgg16_bn/lda-wilks/gradual/s1 --json");
  command->callback([options, &action] { action = [options] { return show(*options); }; });
}

}  // namespace search::cli
