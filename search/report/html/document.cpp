#include "search/report/html/document.h"

#include <algorithm>
#include <ctime>

#include "search/report/best.h"
#include "search/report/comparison.h"
#include "search/report/html/columns.h"

namespace search::html {

namespace {

constexpr std::size_t kDetailBytes = 5 << 20;

std::string now() {
  const std::time_t time = std::time(nullptr);
  std::tm fields{};
  char text[32] = "";
  if (gmtime_r(&time, &fields) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &fields);
  return text;
}

Json experiment_part(const storage::Repository& repository) {
  const std::optional<storage::ExperimentRecord> experiment = repository.experiment();
  if (!experiment) return nullptr;
  const Json& settings = experiment->settings;
  Json part{{"name", experiment->name}, {"yaml", experiment->yaml}};
  if (settings.is_object())
    for (const char* key : {"search", "objectives", "constraints"})
      if (settings.contains(key)) part[key] = settings.at(key);
  part["tolerance"] = stored_tolerance(repository);
  return part;
}

/// Of each task the net to take, as `nas-run best` says it.
Json best_part(const storage::Repository& repository, const Snapshot& run, const std::string& directory) {
  Json part = Json::array();
  for (const Best& best : best_nets(repository, run, {})) part.push_back(to_json(best, directory));
  return part;
}

/// The nets whose pages matter most first: those of the fronts with the nets that they come from, those that were tested, the others.
std::vector<int> by_importance(const Snapshot& run, const Fronts& fronts) {
  std::vector<int> order;
  std::vector<bool> taken(run.nets.size(), false);
  const auto take = [&](int net) {
    if (!taken[static_cast<std::size_t>(net)]) order.push_back(net);
    taken[static_cast<std::size_t>(net)] = true;
  };
  for (const auto& [task, measures] : fronts)
    for (const auto& [measure, front] : measures)
      for (const int member : front)
        for (int net = member; net >= 0; net = run.nets[static_cast<std::size_t>(net)].parent) take(net);
  for (std::size_t i = 0; i < run.nets.size(); ++i)
    if (run.nets[i].test) take(static_cast<int>(i));
  for (std::size_t i = 0; i < run.nets.size(); ++i) take(static_cast<int>(i));
  return order;
}

}  // namespace

Json document(const storage::Repository& repository, const HtmlOptions& options) {
  const Snapshot run = read_snapshot(repository);
  const std::vector<Group> groups = groups_of(run);
  Json latency_rows;
  Costs costs = sizes_of(run);
  costs.merge(latencies_of(repository, run, latency_rows));
  const Fronts fronts = fronts_of(run, costs);
  const std::vector<int> wanted = by_importance(run, fronts);
  Json document{{"format", 1},
                {"generated_at", now()},
                {"results", options.results},
                {"refresh_s", options.refresh_s},
                {"experiment", experiment_part(repository)},
                {"tasks", repository.rows("tasks")},
                {"overview", overview_part(repository, run)},
                {"nets", nets_part(run)},
                {"trials", trials_part(run)},
                {"fronts", fronts},
                {"groups", to_json(groups, run)},
                {"best", best_part(repository, run, options.results)},
                {"comparison", to_json(compare(measured_nets(run), ""))},
                {"latencies", std::move(latency_rows)},
                {"widths", widths_part(repository, run)},
                {"robustness", robustness_part(repository, run, groups)},
                {"lineage", lineage_part(run, wanted)},
                {"search", search_part(repository, run)},
                {"timeline", timeline_part(repository, run)},
                {"detail", detail_part(repository, run, wanted, kDetailBytes)}};
  return document;
}

}  // namespace search::html
