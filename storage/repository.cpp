#include "storage/repository.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/named.h"
#include "storage/database.h"
#include "storage/json_text.h"
#include "storage/schema.h"

namespace storage {

namespace {

constexpr const char* now = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";

constexpr std::array<std::pair<StageState, const char*>, 5> state_names = {{{StageState::pending, "pending"},
                                                                            {StageState::running, "running"},
                                                                            {StageState::done, "done"},
                                                                            {StageState::failed, "failed"},
                                                                            {StageState::interrupted, "interrupted"}}};

Value nullable(const std::optional<int>& number) {
  return number ? Value(std::int64_t{*number}) : Value();
}
Value nullable(const std::optional<double>& number) {
  return number ? Value(*number) : Value();
}

std::unique_ptr<Database> open_database(const std::filesystem::path& directory, Repository::Access access) {
  const std::filesystem::path file = directory / "experiment.db";
  std::error_code error;
  if (access == Repository::Access::write) {
    make_directory(directory);
    if (const std::string network = network_file_system(directory); !network.empty())
      throw Error(ErrorKind::environment,
                  fmt::format("{} lies on {}: SQLite's write-ahead log needs memory that its readers share, which a network file system "
                              "does not give; valid: a directory on a local disk, with -o",
                              directory.string(), network));
  } else if (!std::filesystem::exists(file, error)) {
    const char* why = std::filesystem::is_directory(directory, error) ? ""
                      : std::filesystem::exists(directory, error)     ? ", being a file"
                                                                      : ", as there is no such folder";
    throw Error(ErrorKind::invalid,
                fmt::format("{} holds no experiment.db{}: give the results directory of a run", directory.string(), why));
  }
  auto database =
      std::make_unique<Database>(file, access == Repository::Access::write ? Database::Access::write : Database::Access::read, "stage");
  database->migrate(migrations(), views());
  return database;
}

/// The row number of a stage that `referrer` names.
std::int64_t stage_number(Database& database, const std::string& fingerprint, const std::string& referrer) {
  const auto row = database.first("SELECT number FROM stage WHERE fingerprint = ?", {fingerprint});
  if (!row) throw Error(ErrorKind::internal, fmt::format("{} names stage '{}', which no plan has", referrer, fingerprint));
  return integer((*row)[0]);
}

/// Adds the experiment where it differs from the last one. Returns its number.
std::int64_t record_experiment(Database& database, const ExperimentRecord& experiment) {
  const std::string settings = to_text(experiment.settings);
  const auto last = database.first("SELECT number, name, yaml, settings FROM experiment ORDER BY number DESC LIMIT 1");
  if (last && text((*last)[1]) == experiment.name && text((*last)[2]) == experiment.yaml && text((*last)[3]) == settings) {
    return integer((*last)[0]);
  }
  const std::int64_t number = last ? integer((*last)[0]) + 1 : 1;
  database.run(fmt::format("INSERT INTO experiment (number, name, yaml, settings, recorded_at) VALUES (?, ?, ?, ?, {})", now),
               {number, experiment.name, experiment.yaml, settings});
  return number;
}

void record_task(Database& database, const TaskRecord& task) {
  database.run(
      "INSERT INTO task (name, dataset, target, classes) VALUES (?, ?, ?, ?) "
      "ON CONFLICT (name) DO UPDATE SET dataset = excluded.dataset, target = excluded.target, classes = excluded.classes",
      {task.name, task.dataset, task.target, std::int64_t{task.classes}});
}

/// Returns whether the stage is new.
bool record_stage(Database& database, const StageRecord& stage) {
  return database.run("INSERT INTO stage (fingerprint, kind, label, parameters) VALUES (?, ?, ?, ?) ON CONFLICT (fingerprint) DO NOTHING",
                      {stage.fingerprint, stage.kind, stage.label, stage.parameters}) > 0;
}

void record_inputs(Database& database, const StageRecord& stage) {
  const std::string referrer = fmt::format("stage '{}'", stage.label);
  const std::int64_t number = stage_number(database, stage.fingerprint, referrer);
  std::int64_t position = 0;
  for (const StageInput& input : stage.inputs) {
    database.run("INSERT INTO input (stage, position, role, source) VALUES (?, ?, ?, ?)",
                 {number, position++, input.role, stage_number(database, input.stage, referrer)});
  }
}

void record_trial(Database& database, const TrialRecord& trial, std::int64_t experiment) {
  const std::string referrer = fmt::format("trial '{}'", trial.name);
  if (!database.first("SELECT 1 FROM task WHERE name = ?", {trial.task})) {
    throw Error(ErrorKind::internal, fmt::format("{} names task '{}', which no plan has", referrer, trial.task));
  }
  const auto stored = database.first(
      "INSERT INTO trial (experiment, name, role, task, net, criterion, schedule, width, seed, fold) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (name) DO UPDATE SET experiment = excluded.experiment, role = excluded.role, task = excluded.task, net = excluded.net, "
      "criterion = excluded.criterion, schedule = excluded.schedule, width = excluded.width, seed = excluded.seed, fold = excluded.fold "
      "RETURNING number",
      {experiment, trial.name, trial.role, trial.task, trial.net, null_if_empty(trial.criterion), null_if_empty(trial.schedule),
       trial.width, std::int64_t{trial.seed}, nullable(trial.fold)});
  const std::int64_t number = integer(stored.value()[0]);
  for (const char* table : {"trial_step", "step_measurement"}) database.run(fmt::format("DELETE FROM {} WHERE trial = ?", table), {number});
  for (const TrialStep& step : trial.steps) {
    Row row = {number, std::int64_t{step.step}, stage_number(database, step.stage, referrer), {}};
    if (!step.evaluation.empty()) row[3] = stage_number(database, step.evaluation, referrer);
    database.run("INSERT INTO trial_step (trial, step, stage, evaluation) VALUES (?, ?, ?, ?)", row);
    for (const std::string& measurement : step.measurements)
      database.run("INSERT INTO step_measurement (trial, step, stage) VALUES (?, ?, ?)",
                   {number, std::int64_t{step.step}, stage_number(database, measurement, referrer)});
  }
}

/// What only a stage that is done leaves behind.
void record_results(Database& database, std::int64_t stage, const StageOutcome& outcome) {
  // Of a stage that was opened again. Metrics have two indices, and a deletion of all at once could use neither.
  for (const char* rows : {"metric WHERE epoch IS NULL AND", "metric WHERE epoch IS NOT NULL AND", "layer WHERE", "artifact WHERE"})
    database.run(fmt::format("DELETE FROM {} stage = ?", rows), {stage});
  if (outcome.architecture) {
    const ArchitectureRecord& net = *outcome.architecture;
    database.run("INSERT INTO architecture (hash, spec, params, macs) VALUES (?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING",
                 {net.hash, to_text(net.spec), net.params, net.macs});
    database.run("UPDATE stage SET architecture = ?, parent = ?, kept = ? WHERE number = ?",
                 {net.hash, null_if_empty(net.parent), to_text(net.kept), stage});
  }
  for (const LayerRecord& layer : outcome.layers) {
    database.run(
        "INSERT INTO layer (stage, layer, channels, base_channels, score_min, score_mean, score_max, threshold, floor_applied, "
        "cap_applied, fixed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {stage, layer.layer, std::int64_t{layer.channels}, std::int64_t{layer.base_channels}, nullable(layer.score_min),
         nullable(layer.score_mean), nullable(layer.score_max), nullable(layer.threshold), std::int64_t{layer.floor_applied},
         std::int64_t{layer.cap_applied}, null_if_empty(layer.fixed)});
  }
  for (const Metric& metric : outcome.metrics) {
    database.run("INSERT INTO metric (stage, split, name, epoch, value) VALUES (?, ?, ?, ?, ?)",
                 {stage, metric.split, metric.name, nullable(metric.epoch), metric.value});
  }
  for (const Artifact& artifact : outcome.artifacts) {
    database.run("INSERT INTO artifact (stage, name, hash, bytes) VALUES (?, ?, ?, ?)",
                 {stage, artifact.name, artifact.hash, artifact.bytes});
  }
}

/// Commits while it lives do not wait for the disk: of what a power cut may take. A later commit that waits takes them along.
class Unsynced {
 public:
  explicit Unsynced(Database& database) : database_(database) { database_.run("PRAGMA synchronous = NORMAL"); }
  ~Unsynced() { database_.run("PRAGMA synchronous = FULL"); }
  Unsynced(const Unsynced&) = delete;
  Unsynced& operator=(const Unsynced&) = delete;

 private:
  Database& database_;
};

[[noreturn]] void refuse_transition(Database& database, const std::string& fingerprint, const std::string& what) {
  const auto row = database.first("SELECT state FROM stage WHERE fingerprint = ?", {fingerprint});
  throw Error(ErrorKind::internal, fmt::format("stage '{}' cannot {}: {}", fingerprint, what,
                                               row ? fmt::format("it is {}", text((*row)[0])) : "no plan has it"));
}

}  // namespace

std::string to_string(StageState state) {
  for (const auto& [value, name] : state_names) {
    if (value == state) return name;
  }
  throw Error(ErrorKind::internal, "a stage state out of range");
}

StageState stage_state_from_string(const std::string& text) {
  return find_named(state_names, text, "stage state", [](const auto& state) { return state.second; }).first;
}

Repository::Repository(const std::filesystem::path& directory, Access access)
    : directory_(directory), database_(open_database(directory, access)) {
  if (access == Access::read) database_->run("BEGIN");  // ends with the connection
}

Repository::~Repository() = default;

void Repository::remove(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "experiment.db";
  if (!std::filesystem::exists(file)) return;
  if (is_foreign(file, "stage")) open_database(directory, Access::read);  // says so
  for (const char* name : {"experiment.db-wal", "experiment.db-shm", "artifacts", "checkpoints", "log", "experiment.db"})
    std::filesystem::remove_all(directory / name);
}

void Repository::record_plan(const ExperimentRecord& experiment, const std::vector<TaskRecord>& tasks,
                             const std::vector<StageRecord>& stages, const std::vector<TrialRecord>& trials) {
  Transaction transaction(*database_);
  const std::int64_t number = record_experiment(*database_, experiment);
  for (const TaskRecord& task : tasks) record_task(*database_, task);
  std::vector<const StageRecord*> added;
  for (const StageRecord& stage : stages) {
    if (record_stage(*database_, stage)) added.push_back(&stage);
  }
  for (const StageRecord* stage : added) record_inputs(*database_, *stage);
  for (const TrialRecord& trial : trials) record_trial(*database_, trial, number);
  transaction.commit();
}

void Repository::mark_dropped(const std::vector<std::string>& planned, bool is_whole) {
  database_->run(
      "WITH RECURSIVE need (stage) AS ("
      "  SELECT number FROM stage WHERE fingerprint IN (SELECT value FROM json_each(?))"
      "  UNION SELECT stage FROM trial_step UNION SELECT evaluation FROM trial_step UNION SELECT stage FROM step_measurement"
      "  UNION SELECT input.source FROM need JOIN input ON input.stage = need.stage) "
      "UPDATE stage SET dropped = NOT dropped "
      "WHERE dropped = (number IN (SELECT stage FROM need WHERE stage IS NOT NULL)) AND (dropped OR ?)",
      {Json(planned).dump(), std::int64_t{is_whole}});
}

int Repository::release_running_stages(const std::vector<Attempt>& kept) {
  Json pairs = Json::array();
  for (const Attempt& attempt : kept) pairs.push_back({attempt.stage, attempt.number});
  Transaction transaction(*database_);
  database_->run(
      fmt::format("UPDATE attempt SET end = 'interrupted', finished_at = {} WHERE end IS NULL AND (stage, number) NOT IN "
                  "(SELECT stage.number, kept.value ->> 1 FROM json_each(?) AS kept JOIN stage ON fingerprint = kept.value ->> 0)",
                  now),
      {pairs.dump()});
  const int released =
      database_->run(fmt::format("UPDATE stage SET state = 'interrupted', finished_at = {} "
                                 "WHERE state = 'running' AND number NOT IN (SELECT stage FROM attempt WHERE end IS NULL)",
                                 now));
  transaction.commit();
  return released;
}

bool Repository::is_running(const Attempt& attempt) const {
  return database_
      ->first(
          "SELECT 1 FROM attempt JOIN stage ON stage.number = attempt.stage "
          "WHERE fingerprint = ? AND attempt.number = ? AND state = 'running' AND end IS NULL",
          {attempt.stage, std::int64_t{attempt.number}})
      .has_value();
}

int Repository::start_stage(const std::string& fingerprint, const Place& place) {
  const Unsynced unsynced(*database_);
  Transaction transaction(*database_);
  const auto started = database_->first(
      fmt::format("UPDATE stage SET state = 'running', attempt = attempt + 1, device = ?, threads = ?, host = ?, started_at = {}, "
                  "finished_at = NULL, wall_s = NULL, failure_kind = NULL, failure = NULL "
                  "WHERE fingerprint = ? AND state IN ('pending', 'failed', 'interrupted') RETURNING number",
                  now),
      {place.device, std::int64_t{place.threads}, null_if_empty(place.host), fingerprint});
  if (!started) refuse_transition(*database_, fingerprint, "start");
  const std::int64_t stage = integer((*started)[0]);
  const auto attempt =
      database_->first(fmt::format("INSERT INTO attempt (stage, number, slot, host, device, threads, started_at) "
                                   "VALUES (?, 1 + (SELECT count(*) FROM attempt WHERE stage = ?), ?, ?, ?, ?, {}) RETURNING number",
                                   now),
                       {stage, stage, std::int64_t{place.slot}, null_if_empty(place.host), place.device, std::int64_t{place.threads}});
  transaction.commit();
  return static_cast<int>(integer(attempt.value()[0]));
}

void Repository::record_place(const Attempt& attempt, const RunningPlace& place) {
  const Unsynced unsynced(*database_);
  Transaction transaction(*database_);
  const auto running = database_->first(
      fmt::format(
          "UPDATE attempt SET started_at = iif(host IS NULL, {}, started_at), host = ?, handle = ? "
          "WHERE stage = (SELECT number FROM stage WHERE fingerprint = ?) AND number = ? AND end IS NULL RETURNING stage, started_at",
          now),
      {place.host, null_if_empty(place.handle), attempt.stage, std::int64_t{attempt.number}});
  if (running) database_->run("UPDATE stage SET host = ?, started_at = ? WHERE number = ?", {place.host, (*running)[1], (*running)[0]});
  transaction.commit();
}

void Repository::record_progress(const std::string& fingerprint, int attempt, double fraction, const std::string& message) {
  const Unsynced unsynced(*database_);
  database_->run(
      "UPDATE attempt SET fraction = ?, message = ? "
      "WHERE stage = (SELECT number FROM stage WHERE fingerprint = ?) AND number = ? AND end IS NULL",
      {fraction, valid_utf8(message), fingerprint, std::int64_t{attempt}});
}

void Repository::finish_stage(const std::string& fingerprint, int attempt, const StageOutcome& outcome,
                              const std::function<std::vector<HypervolumeRecord>()>& grown) {
  if (outcome.state == StageState::pending || outcome.state == StageState::running) {
    throw Error(ErrorKind::internal, fmt::format("stage '{}' cannot finish as {}", fingerprint, to_string(outcome.state)));
  }
  Transaction transaction(*database_);
  const Value state = to_string(outcome.state), kind = null_if_empty(outcome.failure_kind),
              failure = null_if_empty(valid_utf8(outcome.failure));
  const auto ended = database_->first(
      fmt::format("UPDATE attempt SET end = ?, failure_kind = ?, failure = ?, finished_at = {} "
                  "WHERE stage = (SELECT number FROM stage WHERE fingerprint = ?) AND number = ? AND end IS NULL RETURNING stage",
                  now),
      {state, kind, failure, fingerprint, std::int64_t{attempt}});
  if (!ended) refuse_transition(*database_, fingerprint, fmt::format("end attempt {}", attempt));
  const std::int64_t stage = integer((*ended)[0]);
  database_->run(fmt::format("UPDATE stage SET state = ?, failure_kind = ?, failure = ?, wall_s = ?, result = ?, finished_at = {} "
                             "WHERE number = ?",
                             now),
                 {state, kind, failure, outcome.wall_s, to_text(outcome.values), stage});
  if (outcome.state == StageState::done) record_results(*database_, stage, outcome);
  if (outcome.state == StageState::done && grown)
    for (const HypervolumeRecord& record : grown()) record_hypervolume(record);
  transaction.commit();
}

void Repository::record_decisions(const std::vector<Decision>& decisions) {
  if (decisions.empty()) return;
  Transaction transaction(*database_);
  for (const Decision& decision : decisions)
    database_->run(fmt::format("INSERT INTO decision (recorded_at, subject, choice, reason) VALUES ({}, ?, ?, ?) "
                               "ON CONFLICT (subject, choice) DO NOTHING",
                               now),
                   {decision.subject, decision.choice, decision.reason});
  transaction.commit();
}

void Repository::record_hypervolume(const HypervolumeRecord& record) {
  database_->run(fmt::format("INSERT INTO hypervolume (recorded_at, task, stage, epochs, value) VALUES ({}, ?, ?, ?, ?)", now),
                 {record.task, stage_number(*database_, record.stage, "a hypervolume"), record.epochs, record.value});
}

void Repository::reopen(const std::string& fingerprint) {
  if (database_->run("UPDATE stage SET state = 'pending', result = NULL WHERE fingerprint = ? AND state = 'done'", {fingerprint}) == 0)
    refuse_transition(*database_, fingerprint, "be run again");
}

int Repository::reset_failures() {
  return database_->run(
      "UPDATE stage SET state = 'pending', attempt = 0, failure_kind = NULL, failure = NULL WHERE state IN ('failed', 'interrupted')");
}

}  // namespace storage
