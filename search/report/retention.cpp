#include "search/report/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "search/plan/pareto.h"
#include "search/report/best.h"
#include "search/report/groups.h"
#include "search/report/pareto.h"
#include "storage/base/error.h"
#include "storage/base/option.h"

namespace search {

using storage::Json;

namespace {

using Fingerprints = std::set<std::string>;

/// What `nas-run best` may answer with where it is given limits: of ways to a net that no other beats in mean validation accuracy and a
/// mean size, of those with as many seeds as any of their kind, the best seed's.
std::vector<const StoredNet*> best_of_means(const Snapshot& run) {
  struct Means {
    const StoredNet* best = nullptr;
    double nets = 0, accuracy = 0, macs = 0, params = 0;  ///< sums
  };
  std::map<std::tuple<std::string, std::string, bool>, std::vector<Means>> kinds;  // by task, net, and whether it is cut
  const std::vector<Group> groups = groups_of(run);
  for (const Way& way : ways_of(groups)) {
    Means means;
    for (const auto& [replicate, index] : way.nets) {
      const StoredNet& net = run.nets[static_cast<std::size_t>(index)];
      if (!net.val || net.beyond) continue;
      if (means.best == nullptr || *net.val > *means.best->val) means.best = &net;
      ++means.nets;
      means.accuracy += *net.val;
      means.macs += net.macs;
      means.params += net.params;
    }
    if (means.best != nullptr) kinds[{way.group->task, way.group->net, way.is_cut()}].push_back(means);
  }
  std::vector<const StoredNet*> found;
  for (auto& [kind, all] : kinds) {
    const double most = std::max_element(all.begin(), all.end(), [](const Means& a, const Means& b) { return a.nets < b.nets; })->nets;
    std::erase_if(all, [&](const Means& means) { return means.nets < most; });
    for (const auto size : {&Means::macs, &Means::params}) {
      std::vector<Candidate> candidates;
      for (const Means& means : all) candidates.push_back({{-means.accuracy / means.nets, means.*size / means.nets}, 0});
      for (const std::size_t member : pareto_front(candidates)) found.push_back(all[member].best);
    }
  }
  return found;
}

/// Stages whose nets the rule keeps.
Fingerprints kept_stages(const storage::Repository& repository, const Json& stages, const std::string& keep) {
  Fingerprints kept;
  if (keep == "all")
    for (const Json& stage : stages) kept.insert(stage.at("stage"));
  if (keep != "pareto" && keep != "reported") return kept;
  const Snapshot run = read_snapshot(repository);
  const auto add = [&](const StoredNet& net) { kept.insert(run.stages[static_cast<std::size_t>(net.stage)].fingerprint); };
  for (const StoredNet& net : run.nets)
    if (keep == "reported" && net.test) add(net);
  if (keep != "pareto") return kept;
  for (const auto& [task, measures] : fronts_of(run, sizes_of(run)))
    for (const auto& [measure, front] : measures)
      for (const int net : front) add(run.nets[static_cast<std::size_t>(net)]);
  for (const StoredNet* net : best_of_means(run)) add(*net);
  for (const Best& best : best_nets(repository, run, {}))
    for (const StoredTrial& trial : run.trials)
      if (trial.number == best.trial) add(run.nets[static_cast<std::size_t>(trial.nets[static_cast<std::size_t>(best.step)])]);
  return kept;
}

/// Stages that one which is still to run reads.
Fingerprints awaited_stages(const storage::Repository& repository, const Json& stages) {
  Fingerprints waiting, awaited;
  for (const Json& stage : stages)
    if (stage.at("state") != "done" && stage.at("dropped") == 0) waiting.insert(stage.at("stage"));
  for (const Json& input : repository.rows("inputs"))
    if (waiting.contains(input.at("stage"))) awaited.insert(input.at("source"));
  return awaited;
}

void add_files(const std::filesystem::path& folder, const std::function<std::string(const std::string& name)>& why,
               std::vector<RemovableFile>& files) {
  if (!std::filesystem::exists(folder)) return;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.is_symlink()) continue;
    const std::string what = why(entry.path().filename());
    if (!what.empty()) files.push_back({entry.path(), static_cast<std::int64_t>(entry.file_size()), what});
  }
}

}  // namespace

const std::vector<std::string>& keep_rules() {
  static const std::vector<std::string> names{"all", "pareto", "reported", "none"};
  return names;
}

std::vector<RemovableFile> removable_files(const storage::Repository& repository, const std::filesystem::path& directory,
                                           const std::string& keep) {
  if (std::find(keep_rules().begin(), keep_rules().end(), keep) == keep_rules().end())
    throw storage::Error(storage::ErrorKind::usage,
                         fmt::format("'{}' is no rule of what to keep{}", keep, storage::suggestion(keep, keep_rules())));
  const Json stages = repository.rows("stages");
  std::map<std::string, std::string> states, labels;
  for (const Json& stage : stages) {
    states[stage.at("stage")] = stage.at("state");
    labels[stage.at("stage")] = stage.at("label");
  }
  // Where a run died its workers may go on, and a file be there before its row is.
  const bool is_running = std::any_of(states.begin(), states.end(), [](const auto& each) { return each.second == "running"; });
  const std::string of_no_stage = is_running ? "" : "left by no stage";
  const Fingerprints kept = kept_stages(repository, stages, keep), awaited = awaited_stages(repository, stages);
  std::map<std::string, std::string> owners;  // by hash; "": to be kept
  for (const Json& artifact : repository.rows("artifacts")) {
    const std::string stage = artifact.at("stage");
    std::string& owner = owners.try_emplace(artifact.at("hash"), "?").first->second;
    if (kept.contains(stage) || awaited.contains(stage))
      owner.clear();
    else if (!owner.empty())
      owner = fmt::format("{} of {}", artifact.at("name").get<std::string>(), labels.at(stage));
  }
  std::vector<RemovableFile> files;
  add_files(
      directory / "artifacts",
      [&](const std::string& hash) {
        const auto owner = owners.find(hash);
        return owner == owners.end() ? of_no_stage : owner->second;
      },
      files);
  add_files(
      directory / "checkpoints",
      [&](const std::string& name) -> std::string {
        const auto state = states.find(std::filesystem::path(name).stem());
        if (state == states.end()) return of_no_stage;
        return state->second == "done" || state->second == "failed" ? "checkpoint of a stage that is " + state->second : "";
      },
      files);
  return files;
}

}  // namespace search
