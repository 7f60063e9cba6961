#include "storage/optuna_file.h"

#include <cmath>

#include "storage/base/file.h"
#include "storage/database.h"
#include "storage/json_text.h"
#include "storage/schema.h"

namespace storage {

namespace {

const char* to_string(OptunaState state) {
  switch (state) {
    case OptunaState::waiting:
      return "WAITING";
    case OptunaState::running:
      return "RUNNING";
    case OptunaState::complete:
      return "COMPLETE";
    case OptunaState::fail:
      return "FAIL";
  }
  return "";
}

/// "2024-05-01T12:00:00.000Z" as SQLAlchemy's SQLite dialect has it: "2024-05-01 12:00:00.000000".
Value datetime(const std::string& time) {
  std::string text = time;
  if (text.size() != 24) return {};
  text[10] = ' ';
  text.replace(23, 1, "000");
  return text;
}

class Writer {
 public:
  explicit Writer(Database& database) : database_(database) {}

  void write(const OptunaStudy& study) {
    ++study_;
    database_.run("INSERT INTO studies VALUES (?, ?)", {study_, valid_utf8(study.name)});
    Json names = Json::array();
    for (std::size_t i = 0; i < study.objectives.size(); ++i) {
      names.push_back(study.objectives[i].name);
      database_.run("INSERT INTO study_directions (direction, study_id, objective) VALUES (?, ?, ?)",
                    {study.objectives[i].maximize ? "MAXIMIZE" : "MINIMIZE", study_, static_cast<std::int64_t>(i)});
    }
    database_.run("INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (?, 'study:metric_names', ?)",
                  {study_, to_text(names)});
    for (const auto& [key, value] : study.attributes.items())
      database_.run("INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (?, ?, ?)", {study_, key, to_text(value)});
    std::int64_t number = 0;
    for (const OptunaTrial& trial : study.trials) write(study, trial, number++);
  }

 private:
  void write(const OptunaStudy& study, const OptunaTrial& trial, std::int64_t number) {
    ++trial_;
    const bool waits = trial.state == OptunaState::waiting;
    const bool ended = trial.state == OptunaState::complete || trial.state == OptunaState::fail;
    database_.run("INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?)",
                  {trial_, number, study_, to_string(trial.state), waits ? Value() : datetime(trial.started),
                   ended ? datetime(trial.finished) : Value()});
    Json fixed = Json::object();
    for (std::size_t i = 0; i < study.parameters.size(); ++i) {
      const OptunaParameter& parameter = study.parameters[i];
      fixed[parameter.name] = parameter.choices.at(trial.choices.at(i));
      const Json distribution{{"name", "CategoricalDistribution"}, {"attributes", {{"choices", parameter.choices}}}};
      if (!waits)
        database_.run("INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?, ?, ?, ?)",
                      {trial_, parameter.name, static_cast<double>(trial.choices[i]), to_text(distribution)});
    }
    if (waits) write_system_attribute("fixed_params", fixed);
    if (!trial.constraints.empty()) write_system_attribute("constraints", trial.constraints);
    for (const auto& [key, value] : trial.attributes.items())
      database_.run("INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, ?, ?)", {trial_, key, to_text(value)});
    if (trial.state != OptunaState::complete) return;
    for (std::size_t i = 0; i < trial.values.size(); ++i) {
      const double value = trial.values[i];
      const bool finite = std::isfinite(value);
      database_.run("INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, ?, ?, ?)",
                    {trial_, static_cast<std::int64_t>(i), finite ? Value(value) : Value(),
                     finite      ? "FINITE"
                     : value > 0 ? "INF_POS"
                                 : "INF_NEG"});
    }
  }

  void write_system_attribute(const char* key, const Json& value) {
    database_.run("INSERT INTO trial_system_attributes (trial_id, key, value_json) VALUES (?, ?, ?)", {trial_, key, to_text(value)});
  }

  Database& database_;
  std::int64_t study_ = 0, trial_ = 0;
};

}  // namespace

void write_optuna_file(const std::filesystem::path& file, const std::vector<OptunaStudy>& studies) {
  const TemporaryNeighbour temporary(file);
  {
    Database database(temporary.path(), Database::Access::write);
    database.migrate({optuna_schema()}, "");
    Transaction transaction(database);
    Writer writer(database);
    for (const OptunaStudy& study : studies) writer.write(study);
    transaction.commit();
    database.first("PRAGMA journal_mode = DELETE");  // one file, without neighbours
  }
  commit_file(temporary.path(), file);
}

}  // namespace storage
