// A study file that Optuna opens (optuna.load_study, optuna-dashboard), written whole. Used by `nas-run export --to optuna`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "storage/base/json.h"

namespace storage {

enum class OptunaState { waiting, running, complete, fail };

struct OptunaTrial {
  OptunaState state = OptunaState::waiting;
  std::vector<std::size_t> choices;  ///< one a parameter of the study: an index of its choices
  std::vector<double> values;        ///< of a complete trial, one an objective; no NaN
  std::string started, finished;     ///< as the database has times ("2024-05-01T12:00:00.000Z"), or "" for none
  Json attributes = Json::object();  ///< the user attributes
  std::vector<double> constraints;   ///< each positive where it does not hold
};

/// A categorical parameter.
struct OptunaParameter {
  std::string name;
  std::vector<Json> choices;  ///< texts, numbers, or null
};

struct OptunaObjective {
  std::string name;
  bool maximize = false;
};

struct OptunaStudy {
  std::string name;  ///< unique in the file
  std::vector<OptunaObjective> objectives;
  std::vector<OptunaParameter> parameters;
  Json attributes = Json::object();  ///< the user attributes
  std::vector<OptunaTrial> trials;   ///< numbered from 0
};

/// Replaces the file. A waiting trial is stored as Study.enqueue_trial does it, so that Study.ask gives it out.
/// Throws Error(environment) where the file cannot be written.
void write_optuna_file(const std::filesystem::path& file, const std::vector<OptunaStudy>& studies);

}  // namespace storage
