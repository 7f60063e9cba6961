// All that a run leaves behind, in SQLite: plans, stages, results. The parent process is its only writer.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/base/json.h"
#include "storage/records.h"

namespace storage {

class Database;

/// A start of a stage: the first is attempt 1.
struct Attempt {
  std::string stage;  ///< fingerprint
  int number = 1;
};

class Repository {
 public:
  enum class Access { read, write };

  /// Opens DIR/experiment.db; with `write` makes it and migrates it. With `read` all that it says is of one moment, that of the first
  /// question, whatever a run records meanwhile. Throws Error(storage) where it is corrupt, locked or of a newer
  /// schema, Error(invalid) where `read` finds none.
  Repository(const std::filesystem::path& directory, Access access);
  ~Repository();

  /// Deletes what an earlier run left: its database and its artifacts, checkpoints and logs. Leaves a directory alone that holds no
  /// experiment.db. Throws Error(storage) where that is another program's.
  static void remove(const std::filesystem::path& directory);

  const std::filesystem::path& directory() const { return directory_; }  ///< of the results

  /// Adds what is new of a plan, in one transaction; rows that are there stay as they are. Trials and tasks are replaced by name, and a
  /// replaced trial keeps its number. Throws Error(internal) where a trial or an input names a stage or task that no plan has.
  void record_plan(const ExperimentRecord& experiment, const std::vector<TaskRecord>& tasks, const std::vector<StageRecord>& stages,
                   const std::vector<TrialRecord>& trials);

  /// Marks the stages that are among these fingerprints of a plan, or that a trial needs, as not dropped, and where the plan is whole the
  /// others as dropped.
  void mark_dropped(const std::vector<std::string>& planned, bool is_whole);

  /// The settings stored by the last record_plan, or nothing in a new database.
  std::optional<ExperimentRecord> experiment() const;

  /// Of every stage. `metrics`: names of StageStatus::metrics to be filled in.
  std::map<std::string, StageStatus> stage_statuses(const std::vector<std::string>& metrics = {}) const;

  /// Of one stage. Throws Error(internal) for one that no plan has.
  StageStatus stage_status(const std::string& fingerprint, const std::vector<std::string>& metrics = {}) const;

  /// Stages left `running` by a run that died become `interrupted`, but for attempts that are `kept`: a worker still holds them. Returns
  /// how many.
  int release_running_stages(const std::vector<Attempt>& kept = {});

  /// Whether this attempt at the stage is under way.
  bool is_running(const Attempt& attempt) const;

  /// Marks the stage running and records an attempt there; not waited for the disk, as record_progress: a power cut may take it. Returns
  /// the attempt's number: 1 for the stage's first, and never the same again. Throws Error(internal) where the stage is running already,
  /// done or unknown.
  int start_stage(const std::string& fingerprint, const Place& place);

  /// Where an attempt that is under way runs, and that it does from now on where it had waited for a place; as start_stage not waited for.
  void record_place(const Attempt& attempt, const RunningPlace& place);

  /// How far an attempt has come: a fraction of the stage's work, and what it says. Nothing happens where it is not under way.
  void record_progress(const std::string& fingerprint, int attempt, double fraction, const std::string& message);

  /// Records how an attempt at a stage ended (done, failed or interrupted), with all its rows, in one transaction. Throws Error(internal)
  /// where the attempt is not under way: the result of one that was given up is never taken for that of the next. `grown` is asked for a
  /// stage that is done, when its rows can be read; what it gives is recorded in the same transaction.
  void finish_stage(const std::string& fingerprint, int attempt, const StageOutcome& outcome,
                    const std::function<std::vector<HypervolumeRecord>()>& grown = {});

  /// A stage as it was planned. Throws Error(internal) for one that no plan has.
  StageRecord stage(const std::string& fingerprint) const;

  /// The outcome of a stage as it was recorded. Throws Error(internal) for a stage that no plan has.
  StageOutcome outcome(const std::string& fingerprint) const;

  /// Adds the decisions that are not stored yet.
  void record_decisions(const std::vector<Decision>& decisions);

  void record_hypervolume(const HypervolumeRecord& record);

  /// Whether the files of all artifacts of a stage are there: `nas-run gc` may have removed them.
  bool has_artifacts(const std::string& fingerprint) const;

  /// A stage that is done is to be run again: it is pending, and its files are forgotten; what was measured stays until then. Throws
  /// Error(internal) where it is not done.
  void reopen(const std::string& fingerprint);

  /// Failed and interrupted stages become pending again with no attempts counted. Returns how many.
  int reset_failures();

  /// All rows of a view (trials, steps, stages, nets, layers, baselines, metrics, experiments, tasks, architectures, lineage, inputs,
  /// artifacts, decisions, hypervolumes, latencies, robustness, attempts, needs) as objects of numbers, texts and nulls. Throws
  /// Error(usage) for another name.
  Json rows(const std::string& view) const;

  /// Hands the values of some columns of each row of a view to `take`, for views of millions of rows. Throws Error(usage) for another view
  /// or a column that it does not have.
  void each_row(const std::string& view, const std::vector<std::string>& columns,
                const std::function<void(const std::vector<Json>&)>& take) const;

  /// A trial by number or by name, as its row of `trials`; null where there is none.
  Json trial(const std::string& number_or_name) const;

  /// SQLite's own check of the whole file: "ok" or what is wrong.
  std::string check() const;

 private:
  std::filesystem::path directory_;
  std::unique_ptr<Database> database_;
};

}  // namespace storage
