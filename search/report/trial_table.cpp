#include "search/report/trial_table.h"

#include <map>

namespace search {

using storage::Json;

namespace {

const std::vector<std::string> of_trial{"trial", "name", "role", "task", "net", "width", "criterion", "schedule", "seed", "fold", "state"};
const std::vector<std::string> of_step{"step",         "accuracy_val", "accuracy_test", "params", "macs",
                                       "params_ratio", "macs_ratio",   "wall_s",        "stage",  "architecture"};

Json row(const Json& trial, const Json& step) {
  Json row = Json::object();
  for (const std::string& column : of_trial) row[column] = trial.at(column);
  for (const std::string& column : of_step) row[column] = step.is_null() ? Json() : step.at(column);
  row["failure"] = trial.at("failure");
  return row;
}

}  // namespace

const std::vector<std::string>& trial_table_columns() {
  static const std::vector<std::string> columns = [] {
    std::vector<std::string> all = of_trial;
    all.insert(all.end(), of_step.begin(), of_step.end());
    all.push_back("failure");
    return all;
  }();
  return columns;
}

Json trial_table(const storage::Repository& repository, bool last_only) {
  std::map<int, std::vector<Json>> steps;
  for (const Json& step : repository.rows("steps")) steps[step.at("trial")].push_back(step);
  Json table = Json::array();
  for (const Json& trial : repository.rows("trials")) {
    const std::vector<Json>& made = steps[trial.at("trial")];
    if (made.empty()) table.push_back(row(trial, nullptr));
    for (std::size_t i = last_only && !made.empty() ? made.size() - 1 : 0; i < made.size(); ++i) table.push_back(row(trial, made[i]));
  }
  return table;
}

std::string to_json_lines(const Json& rows) {
  std::string lines;
  for (const Json& row : rows) lines += row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return lines;
}

}  // namespace search
