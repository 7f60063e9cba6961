// What a strategy decided and how its nets grew better: search_part of document.h.
#include <deque>

#include "search/report/html/columns.h"
#include "search/report/html/document.h"

namespace search::html {

namespace {

using Values = std::vector<Json>;

constexpr std::size_t kDecisions = 5000;

Json volumes(const storage::Repository& repository, const Snapshot& run) {
  DictionaryColumn tasks;
  Json part{{"epochs", Json::array()}, {"volume", Json::array()}, {"net", Json::array()}};
  repository.each_row("hypervolumes", {"task", "stage", "epochs", "hypervolume"}, [&](const Values& row) {
    if (!row[2].is_number() || !row[3].is_number()) return;
    tasks.add(text_of(row[0]));
    part["net"].push_back(run.net_of(text_of(row[1])));
    part["epochs"].push_back(rounded(row[2].get<double>()));
    part["volume"].push_back(rounded(row[3].get<double>()));
  });
  part["task"] = tasks.json();
  return part;
}

/// The last of them.
Json decisions(const storage::Repository& repository, const Snapshot& run) {
  std::deque<Values> kept;
  std::size_t count = 0;
  repository.each_row("decisions", {"subject", "choice", "reason"}, [&](const Values& row) {
    kept.push_back(row);
    if (++count > kDecisions) kept.pop_front();
  });
  std::unordered_map<std::string, int> trials;
  for (std::size_t i = 0; i < run.trials.size(); ++i) trials.emplace(run.trials[i].name, static_cast<int>(i));
  DictionaryColumn subjects, choices, reasons;
  Json of_trial = Json::array();
  for (const Values& row : kept) {
    const auto trial = trials.find(text_of(row[0]));
    of_trial.push_back(trial == trials.end() ? -1 : trial->second);
    subjects.add(text_of(row[0]));
    choices.add(text_of(row[1]));
    reasons.add(text_of(row[2]));
  }
  return {{"trial", std::move(of_trial)},
          {"subject", subjects.json()},
          {"choice", choices.json()},
          {"reason", reasons.json()},
          {"left_out", count - kept.size()}};
}

}  // namespace

Json search_part(const storage::Repository& repository, const Snapshot& run) {
  return {{"volumes", volumes(repository, run)}, {"decisions", decisions(repository, run)}};
}

}  // namespace search::html
