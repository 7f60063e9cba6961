// The subcommands of nas-run, a file each. main() adds them to its parser and runs the one that was chosen.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eval/data/dataset.h"
#include "search/plan/strategy.h"

namespace CLI {
class App;
}

namespace search::cli {

/// What the chosen command does; returns the exit code.
using Action = std::function<int()>;

/// Each adds a subcommand whose parse sets `action`.
void add_run(CLI::App& app, Action& action);
void add_plan(CLI::App& app, Action& action);
void add_validate(CLI::App& app, Action& action);
void add_status(CLI::App& app, Action& action);
void add_best(CLI::App& app, Action& action);
void add_evidence(CLI::App& app, Action& action);
void add_trials(CLI::App& app, Action& action);
void add_pareto(CLI::App& app, Action& action);
void add_compare(CLI::App& app, Action& action);
void add_show(CLI::App& app, Action& action);
void add_lineage(CLI::App& app, Action& action);
void add_report(CLI::App& app, Action& action);
void add_export(CLI::App& app, Action& action);
void add_retry(CLI::App& app, Action& action);
void add_nets(CLI::App& app, Action& action);
void add_net(CLI::App& app, Action& action);
void add_convert(CLI::App& app, Action& action);
void add_score(CLI::App& app, Action& action);
void add_prune(CLI::App& app, Action& action);
void add_evaluate(CLI::App& app, Action& action);
void add_data(CLI::App& app, Action& action);
void add_sample(CLI::App& app, Action& action);
void add_init(CLI::App& app, Action& action);
void add_demo(CLI::App& app, Action& action);
void add_gc(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_serve(CLI::App& app, Action& action);
void add_reference(CLI::App& app, Action& action);

/// These two describe all subcommands that were added to `app` before they run.
void add_completion(CLI::App& app, Action& action);
void add_man(CLI::App& app, Action& action);

/// Exit codes besides those of storage::exit_code.
constexpr int exit_done = 0, exit_some_failed = 4, exit_max_failures = 7, exit_budget = 75;

/// What names an experiment on the command line.
struct ExperimentArguments {
  std::filesystem::path file;
  std::vector<std::string> overrides;  ///< "key.path=value"
  std::filesystem::path output;        ///< empty: the default directory
  std::string only;                    ///< name of the one trial that is planned; empty: all
};

/// Adds -s.
void add_override_option(CLI::App& command, ExperimentArguments& arguments);

/// Adds EXPERIMENT.yaml, -s and -o.
void add_experiment_arguments(CLI::App& command, ExperimentArguments& arguments);
Experiment load(const ExperimentArguments& arguments);

/// What `nas-run run` does with these arguments; returns the exit code.
int run_experiment(const ExperimentArguments& arguments);

/// Adds --only.
void add_only_option(CLI::App& command, ExperimentArguments& arguments);

/// The experiment's, of one trial where --only names it.
std::unique_ptr<Strategy> strategy_of(const ExperimentArguments& arguments, const Experiment& experiment);

/// `-o`, or results/<name>: beside the folder of the file where that is called `experiments`, else in the current directory. Throws
/// storage::Error(usage) as check_output_folder().
std::filesystem::path results_directory(const ExperimentArguments& arguments, const Experiment& experiment);

/// Adds the argument DIR: a results directory.
void add_directory_argument(CLI::App& command, std::filesystem::path& directory);

/// Opens data by one target of its tasks; decodes what the cache (of at most so many bytes; 0: no limit) does not have, with progress on
/// stderr. Throws storage::Error(invalid) where something is broken and must not be.
std::unique_ptr<eval::Dataset> open_with_progress(const std::string& name, const Json& settings, const std::string& target,
                                                  std::int64_t cache_limit);
std::unique_ptr<eval::Dataset> open_data(const Experiment& experiment, const std::string& data, const std::string& target);

/// What is left out of the data, on stderr: how many, and the first 20.
void log_left_out(const std::string& data, std::span<const eval::LeftOut> left_out);

/// Opens all data, decoding what consists of image files, tells what is left out, and notes what they hold (Data::content).
void prepare_data(Experiment& experiment);

/// Reads the weights that nets start from, against the nets: {"task", "net", "fresh_layer"} of each whose head starts anew. Throws
/// storage::Error(invalid) naming the file where they do not fit.
Json check_weights(const Experiment& experiment);

/// Throws storage::Error(environment) where latency is wanted of ONNX Runtime and this machine's worker finds none.
void check_runtime(const Experiment& experiment);

/// The worker program. Throws storage::Error(environment) where it is none.
std::filesystem::path require_worker();

/// Throws storage::Error(invalid) where a run of the experiment cannot go on with what is stored.
void refuse_contradiction(const storage::Repository& repository, const Experiment& experiment, const std::filesystem::path& directory);

/// Prints what `nas-run plan` does: text, or one JSON document. `fresh`: as if nothing were stored.
void print_plan(const Experiment& experiment, const Strategy& strategy, const std::filesystem::path& directory, bool json,
                bool fresh = false);

/// One JSON document on stdout; text that is not UTF-8 is mended.
void print_json(const Json& json);

/// Throws storage::Error(environment) where something for stdout could not be written.
void flush_stdout();

/// Throws storage::Error(usage) where `-o` names what a command must not write, a folder or a database, Error(environment) where it is to
/// lie in a folder that is not there.
void check_output(const std::filesystem::path& output);

/// Throws storage::Error(usage) where `-o` is to be a folder and names something that is there and is none.
void check_output_folder(const std::filesystem::path& output);

/// What is wrong with an option's text that is to be a finite number above 0; nothing where it is one.
std::string refuse_unless_above_zero(const std::string& text);

/// The rows as an aligned table or as CSV (RFC 4180) with these columns, under a line of their names. Null is empty.
std::string to_text(const Json& rows, const std::vector<std::string>& columns);
std::string to_csv(const Json& rows, const std::vector<std::string>& columns);

/// The rows whose `key` is `value`.
Json rows_where(const Json& rows, const std::string& key, const Json& value);

/// "nas-run: ..." on stderr.
void log(const std::string& text);

}  // namespace search::cli
