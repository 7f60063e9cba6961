// What only a net's own page shows: detail_part of document.h.
#include <algorithm>
#include <map>

#include "search/report/html/columns.h"
#include "search/report/html/document.h"

namespace search::html {

namespace {

using Values = std::vector<Json>;

constexpr std::size_t kNets = 4000;        ///< read of at most so many nets
constexpr std::size_t kConfusions = 4096;  ///< pairs of classes

struct Detail {
  std::map<std::string, std::map<int, double>> curves;  ///< by "split/name", then epoch
  Json metrics = Json::object(), scores = Json::array();
};

/// For each net of the detail its place, -1 for the others.
std::vector<int> places(const Snapshot& run, const std::vector<int>& nets) {
  std::vector<int> place(run.nets.size(), -1);
  for (std::size_t i = 0; i < nets.size(); ++i) place[static_cast<std::size_t>(nets[i])] = static_cast<int>(i);
  return place;
}

void read_metrics(const storage::Repository& repository, const Snapshot& run, const std::vector<int>& place, std::vector<Detail>& details) {
  repository.each_row("metrics", {"stage", "split", "name", "epoch", "value"}, [&](const Values& row) {
    const auto stage = run.stage_index.find(row[0].get_ref<const std::string&>());
    if (stage == run.stage_index.end() || !row[4].is_number()) return;
    const int net = run.stages[static_cast<std::size_t>(stage->second)].net;
    if (net < 0 || place[static_cast<std::size_t>(net)] < 0) return;
    Detail& detail = details[static_cast<std::size_t>(place[static_cast<std::size_t>(net)])];
    const std::string name = row[1].get<std::string>() + "/" + row[2].get<std::string>();
    if (row[3].is_number())
      detail.curves[name][row[3].get<int>()] = row[4].get<double>();
    else
      detail.metrics[name] = rounded(row[4].get<double>());
  });
}

void read_scores(const storage::Repository& repository, const Snapshot& run, const std::vector<int>& place, std::vector<Detail>& details) {
  const auto number = [](const Json& value) { return value.is_number() ? rounded(value.get<double>(), 4) : Json(); };
  repository.each_row("layers", {"stage", "layer", "score_min", "score_mean", "score_max", "threshold", "floor_applied", "cap_applied"},
                      [&](const Values& row) {
                        const int net = run.net_of(row[0].get_ref<const std::string&>());
                        if (net < 0 || place[static_cast<std::size_t>(net)] < 0 || !row[4].is_number()) return;
                        details[static_cast<std::size_t>(place[static_cast<std::size_t>(net)])].scores.push_back(
                            {row[1], number(row[2]), number(row[3]), number(row[4]), number(row[5]), row[6] == 1, row[7] == 1});
                      });
}

Json curves_json(const std::map<std::string, std::map<int, double>>& curves) {
  Json json = Json::object();
  for (const auto& [name, points] : curves) {
    Json epochs = Json::array(), values = Json::array();
    for (const auto& [epoch, value] : points) {
      epochs.push_back(epoch);
      values.push_back(rounded(value, 4));
    }
    json[name] = {std::move(epochs), std::move(values)};
  }
  return json;
}

/// The stage that tested each net, or -1.
std::vector<int> tests_of(const Snapshot& run) {
  std::vector<int> tests(run.nets.size(), -1);
  for (std::size_t i = 0; i < run.stages.size(); ++i)
    if (run.stages[i].kind == "evaluate" && run.stages[i].state == "done" && run.stages[i].net >= 0)
      tests[static_cast<std::size_t>(run.stages[i].net)] = static_cast<int>(i);
  return tests;
}

/// Adds the confusion matrix of a test; `names` are the lists of classes so far.
void add_confusion(const storage::Repository& repository, const std::string& test, Json& names, Json& net) {
  const Json values = repository.outcome(test).values;
  if (!values.is_object() || !values.contains("confusion") || values.at("confusion").size() > kConfusions) return;
  const Json classes = values.value("class_names", Json::array());
  auto known = std::find(names.begin(), names.end(), classes);
  if (known == names.end()) {
    names.push_back(classes);
    known = names.end() - 1;
  }
  net["confusion"] = values.at("confusion");
  net["classes"] = known - names.begin();
}

}  // namespace

Json detail_part(const storage::Repository& repository, const Snapshot& run, const std::vector<int>& wanted, std::size_t bytes) {
  const std::vector<int> nets(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(std::min(wanted.size(), kNets)));
  const std::vector<int> place = places(run, nets), tests = tests_of(run);
  std::vector<Detail> details(nets.size());
  read_metrics(repository, run, place, details);
  read_scores(repository, run, place, details);
  Json part{{"nets", Json::object()}, {"class_names", Json::array()}};
  std::size_t used = 0;
  for (std::size_t i = 0; i < nets.size() && used < bytes; ++i) {
    Json net{{"curves", curves_json(details[i].curves)}, {"metrics", details[i].metrics}, {"scores", details[i].scores}};
    const int test = tests[static_cast<std::size_t>(nets[i])];
    if (test >= 0) add_confusion(repository, run.stages[static_cast<std::size_t>(test)].fingerprint, part["class_names"], net);
    used += net.dump(-1, ' ', false, Json::error_handler_t::replace).size();
    part["nets"][std::to_string(nets[i])] = std::move(net);
  }
  part["left_out"] = run.nets.size() - part["nets"].size();
  return part;
}

}  // namespace search::html
