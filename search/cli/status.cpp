#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <ctime>
#include <map>
#include <memory>
#include <optional>

#include "search/cli/commands.h"
#include "search/cli/printable.h"
#include "search/cli/progress.h"
#include "search/cli/watch.h"
#include "search/report/snapshot.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/time.h"
#include "storage/repository.h"

namespace search::cli {

namespace {

using storage::Repository;

struct StatusOptions {
  std::filesystem::path directory;
  bool json = false;
  std::string watch;  ///< seconds, checked by the parser; "": look once
};

/// Seconds since a time of the database ("2024-05-01T12:00:00.000Z"); null where it is none.
Json age(const Json& time) {
  const std::optional<double> at = time.is_string() ? storage::seconds_of(time.get<std::string>()) : std::nullopt;
  return at ? Json(std::max<std::int64_t>(0, std::time(nullptr) - std::llround(*at))) : Json();
}

Json count(const Json& rows) {
  Json counts{{"pending", 0}, {"running", 0}, {"done", 0}, {"failed", 0}, {"interrupted", 0}};
  for (const Json& row : rows) {
    const std::string state = row.at("state");
    counts[state] = counts.value(state, 0) + 1;
  }
  return counts;
}

std::string counted(const Json& counts) {
  std::vector<std::string> parts;
  for (const char* state : {"done", "running", "pending", "interrupted", "failed"}) {
    if (counts.at(state) != 0) parts.push_back(fmt::format("{} {}", counts.at(state).get<int>(), state));
  }
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", "));
}

/// The lines after the first below the first.
std::string indented(const Json& text) {
  std::string lines;
  for (const char c : text.is_string() ? text.get<std::string>() : "") lines += c == '\n' ? std::string("\n        ") : std::string(1, c);
  return lines;
}

Json report(const std::filesystem::path& directory) {
  const bool goes_on = storage::is_locked(directory / "run.lock");  // before the look: what ends meanwhile is not taken for dead
  const Repository repository(directory, Repository::Access::read);
  const std::optional<storage::ExperimentRecord> experiment = repository.experiment();
  Json stages = Json::array();
  for (Json& stage : repository.rows("stages"))
    if (stage.at("dropped") == 0) stages.push_back(std::move(stage));
  std::map<std::string, Json> attempts;  // the last one of each stage
  for (const Json& attempt : repository.rows("attempts")) attempts[attempt.at("stage")] = attempt;
  Json report{{"experiment", experiment ? Json(experiment->name) : Json()},
              {"goes_on", goes_on},
              {"stages", count(stages)},
              {"trials", count(repository.rows("trials"))},
              {"running", Json::array()},
              {"failures", Json::array()}};
  for (const Json& stage : stages) {
    if (stage.at("state") == "running") {
      const Json& attempt = attempts[stage.at("stage")];  // null where somebody else wrote the state
      const auto said = [&attempt](const char* column) { return attempt.is_object() ? attempt.at(column) : Json(); };
      report["running"].push_back({{"stage", stage.at("stage")},
                                   {"label", stage.at("label")},
                                   {"device", stage.at("device")},
                                   {"age_s", age(stage.at("started_at"))},
                                   {"place", said("place")},
                                   {"host", said("host")},
                                   {"waits", attempt.is_object() && attempt.at("host").is_null()},
                                   {"fraction", said("fraction")},
                                   {"message", said("message")}});
    }
    if (stage.at("state") == "failed") {
      report["failures"].push_back({{"stage", stage.at("stage")},
                                    {"label", stage.at("label")},
                                    {"failure_kind", stage.at("failure_kind")},
                                    {"failure", stage.at("failure")}});
    }
  }
  return report;
}

/// ": epoch 3/8, loss 0.410, 31 %, about 2:10 min left" of a stage that has said so much.
std::string how_far(const Json& stage) {
  const Json& fraction = stage.at("fraction");
  const Json& seconds = stage.at("age_s");
  std::string text;
  if (stage.at("message").is_string()) text += ": " + stage.at("message").get<std::string>();
  if (!fraction.is_number() || fraction <= 0 || fraction > 1) return text;
  const double done = fraction;
  text += fmt::format(", {:.0f} %", 100 * done);
  if (seconds.is_number()) text += fmt::format(", about {} left", format_duration(seconds.get<double>() * (1 - done) / done));
  return text;
}

/// "node1 2, node2 1, 5 stages wait for a worker", where it is more than one host, or a queue.
std::string where(const Json& running) {
  std::map<std::string, int> hosts;
  int waiting = 0;
  for (const Json& stage : running) {
    if (stage.at("host").is_string()) ++hosts[stage.at("host").get<std::string>()];
    if (stage.at("waits") == true) ++waiting;
  }
  if (hosts.size() < 2 && waiting == 0) return "";
  std::string text = "hosts   ";
  for (const auto& [host, count] : hosts) text += fmt::format("{} {}, ", host, count);
  return text + fmt::format("{} stages wait for a worker\n", waiting);
}

std::string in_words(const Json& status) {
  std::string text = fmt::format("trials  {}\nstages  {}\n", counted(status.at("trials")), counted(status.at("stages")));
  text += where(status.at("running"));
  for (const Json& stage : status.at("running")) {
    if (stage.at("waits") == true) continue;
    const Json& seconds = stage.at("age_s");
    text += fmt::format("running {}{}\n", stage.at("label").get<std::string>(),
                        seconds.is_null() ? "" : ", " + format_duration(seconds.get<double>()));
    text.insert(text.size() - 1, how_far(stage));
  }
  if (!status.at("running").empty() && !status.at("goes_on"))
    text += "stale   no nas-run is at work here, the one that ran these was killed: the same command takes them up again\n";
  for (const Json& stage : status.at("failures")) {
    text += fmt::format("failed  {}: {}\n", stage.at("label").get<std::string>(), indented(stage.at("failure")));
  }
  return text;
}

std::string to_line(const Json& status) {
  return fmt::format("stages {} | trials {}", counted(status.at("stages")), counted(status.at("trials")));
}

int status(const StatusOptions& options) {
  const auto look = [&options] { return report(options.directory); };
  if (!options.watch.empty()) {
    const double pause = std::fmax(0.1, std::stod(options.watch));  // also of a NaN
    watch({options.directory, std::chrono::duration<double>(pause), options.json, look, in_words, to_line});
  } else if (options.json) {
    print_json(look());
  } else {
    fmt::print("{}", printable(in_words(look())));
  }
  return exit_done;
}

int retry(const StatusOptions& options) {
  if (!std::filesystem::exists(options.directory / "experiment.db")) {
    throw storage::Error(storage::ErrorKind::invalid,
                         fmt::format("{}: there is no experiment.db in it; valid: a results directory", options.directory.string()));
  }
  const storage::FileLock lock(options.directory / "run.lock");
  const int stages = Repository(options.directory, Repository::Access::write).reset_failures();
  log(fmt::format("{} stages will run again with the next nas-run of this experiment", stages));
  return exit_done;
}

}  // namespace

void add_status(CLI::App& app, Action& action) {
  const auto options = std::make_shared<StatusOptions>();
  CLI::App* command = app.add_subcommand("status", "how far a run is: counts by state, what is running, what has failed and why");
  add_directory_argument(*command, options->directory);
  command->add_flag("--json", options->json, "one JSON document; with --watch one a line");
  command->add_flag("--watch{2}", options->watch, "look again every 2 seconds, or as in --watch=10, until no run goes on")
      ->check(CLI::Range(0.1, 86400.0));
  command->footer(
      "Examples:\n"
      "  nas-run status results/fashion_mnist\n"
      "  nas-run status results/fashion_mnist --watch\n"
      "  nas-run status results/fashion_mnist --watch=60 --json >> status.jsonl");
  command->callback([options, &action] { action = [options] { return status(*options); }; });
}

void add_retry(CLI::App& app, Action& action) {
  const auto options = std::make_shared<StatusOptions>();
  CLI::App* command = app.add_subcommand("retry", "let failed and interrupted stages run again, with all their attempts");
  add_directory_argument(*command, options->directory);
  command->footer(
      "Example:\n"
      "  nas-run retry results/fashion_mnist && nas-run experiments/fashion_mnist.yaml");
  command->callback([options, &action] { action = [options] { return retry(*options); }; });
}

}  // namespace search::cli
