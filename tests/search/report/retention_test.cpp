#include "search/report/retention.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "search/report/best.h"
#include "search/report/pareto.h"
#include "storage/base/file.h"
#include "tests/support/small_plan.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/two_seed_run.h"

using storage::Repository;

namespace {

/// The small plan with base, cut1 and cut2 done (cut2 is worse in all), l1cut1 done, l1cut2 still to run.
struct RetentionFixture {
  support::TemporaryDirectory directory;
  Repository repository{directory.path(), Repository::Access::write};
  storage::ArtifactStore store{directory.path() / "artifacts"};
  std::map<std::string, std::string> names;  ///< by hash

  RetentionFixture() {
    support::SmallPlan().record(repository);
    make("base", 100, 0.9);
    make("cut1", 50, 0.85);
    make("cut2", 60, 0.5);
    make("l1cut1", 70, 0.6);
    support::run_stage(repository, "test-cut1", support::measured(0.85));
    support::run_stage(repository, "test-cut2", support::measured(0.5));
    names[put("orphan").hash] = "orphan";
    std::filesystem::create_directories(directory.path() / "checkpoints");
    for (const char* stage : {"base", "l1cut2", "nobody"})
      storage::write_file(directory.path() / "checkpoints" / (std::string(stage) + ".pt"), "x");
  }

  storage::Artifact put(const std::string& content) const {
    return store.put("weights", [&](const std::filesystem::path& path) { storage::write_file(path, content); });
  }

  void make(const std::string& stage, std::int64_t size, double accuracy) {
    storage::StageOutcome outcome = support::made_net(stage, size, size, accuracy);
    outcome.artifacts.push_back(put(stage));
    names[outcome.artifacts[0].hash] = stage;
    support::run_stage(repository, stage, outcome);
  }

  std::vector<std::string> removed(const std::string& keep) const {
    std::vector<std::string> found;
    for (const search::RemovableFile& each : search::removable_files(repository, directory.path(), keep)) {
      const auto name = names.find(each.file.filename());
      found.push_back(name == names.end() ? each.file.filename().string() : name->second);
    }
    std::sort(found.begin(), found.end());
    return found;
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(RetentionFixture, "the nets that are kept as a front are those within the constraints that nas-run pareto lists") {
  support::SmallPlan plan;
  plan.experiment.settings = {{"constraints", {"params <= 65"}}};
  plan.record(repository);
  CHECK(removed("pareto") == Names{"base.pt", "cut2", "nobody.pt", "orphan"});  // the base is beyond, but random1 and its test read it
  support::run_stage(repository, "test-base", support::measured(0.9));
  support::run_stage(repository, "random1", support::made_net("random1", 40, 40, 0.3));
  CHECK(removed("pareto") == Names{"base", "base.pt", "cut2", "nobody.pt", "orphan"});
  const search::Snapshot run = search::read_snapshot(repository);
  Names front;
  for (const auto& [task, measures] : search::fronts_of(run, search::sizes_of(run)))
    for (const int net : measures.at("params"))
      front.push_back(run.stages.at(static_cast<std::size_t>(run.nets.at(static_cast<std::size_t>(net)).stage)).fingerprint);
  CHECK(front == Names{"random1", "cut1"});
}

TEST_CASE_METHOD(RetentionFixture, "what can be removed depends on the rule, and never on it what a stage waits for") {
  // l1cut2 and random1 are to run: they read l1cut1 and the base.
  CHECK(removed("all") == Names{"base.pt", "nobody.pt", "orphan"});
  CHECK(removed("pareto") == Names{"base.pt", "cut2", "nobody.pt", "orphan"});  // base and cut1 are the front
  CHECK(removed("reported") == Names{"base.pt", "nobody.pt", "orphan"});        // both cuts are measured
  CHECK(removed("none") == Names{"base.pt", "cut1", "cut2", "nobody.pt", "orphan"});
  // A worker that outlived its run may have written what no row tells of yet.
  repository.start_stage("random1", {});
  CHECK(removed("all") == Names{"base.pt"});
  CHECK_THROWS_WITH(removed("some"), Catch::Contains("'some' is no rule of what to keep"));
}

TEST_CASE_METHOD(support::TwoSeedRun, "the weights that nas-run best says to export are kept") {
  const std::vector<search::Best> answers = search::best_nets(repository, search::read_snapshot(repository), {});
  REQUIRE(answers.at(0).trial == 3);  // of seed 2, after one cut; a cut of one seed alone is smaller and more accurate
  REQUIRE(answers.at(0).step == 1);
  std::set<std::string> removed;
  for (const search::RemovableFile& each : search::removable_files(repository, directory.path(), "pareto"))
    removed.insert(storage::read_file(each.file));
  CHECK_FALSE(removed.contains("half2"));
  CHECK(removed.contains("half1"));
}

TEST_CASE_METHOD(support::TwoSeedRun, "the answer's weights are kept also where another net of the task is smaller and more accurate") {
  outcomes.clear();
  for (const int seed : {1, 2}) {
    const std::string s = std::to_string(seed);
    net("great" + s, "", 2000, 20000, 0.99, 0.97);
    net("small" + s, "great" + s, 400, 4000, 0.95, 0.93);  // too far below its own base
    trial("m", "pruned", "lda", seed, {"great" + s, "small" + s});
  }
  record();
  const search::Best answer = search::best_nets(repository, search::read_snapshot(repository), {}).at(0);
  REQUIRE(answer.net == "n, lda, slow, step 1");
  std::set<std::string> removed;
  for (const search::RemovableFile& each : search::removable_files(repository, directory.path(), "pareto"))
    removed.insert(storage::read_file(each.file));
  CHECK_FALSE(removed.contains("half2"));
}

TEST_CASE("what a stage of changed settings waited for is not kept for it") {
  const support::TemporaryDirectory directory;
  Repository repository(directory.path(), Repository::Access::write);
  const storage::ArtifactStore store(directory.path() / "artifacts");
  support::SmallPlan plan;
  std::erase_if(plan.trials, [](const storage::TrialRecord& trial) { return trial.name == "l1" || trial.name == "random"; });
  plan.record(repository);
  std::vector<std::string> planned;
  for (const storage::StageRecord& stage : plan.stages)
    if (stage.fingerprint.find("l1cut") == std::string::npos && stage.fingerprint.find("random1") == std::string::npos)
      planned.push_back(stage.fingerprint);
  for (const char* stage : {"base", "l1cut1"}) {
    storage::StageOutcome outcome = support::made_net(stage, 100, 100, 0.9);
    outcome.artifacts.push_back(store.put("weights", [&](const std::filesystem::path& path) { storage::write_file(path, stage); }));
    support::run_stage(repository, stage, outcome);
  }
  const auto removed = [&] {
    std::set<std::string> found;
    for (const search::RemovableFile& each : search::removable_files(repository, directory.path(), "none"))
      found.insert(storage::read_file(each.file));
    return found;
  };
  CHECK_FALSE(removed().contains("l1cut1"));  // l1cut2 is to be made of it
  repository.mark_dropped(planned, true);
  CHECK(removed().contains("l1cut1"));
}

TEST_CASE_METHOD(support::TwoSeedRun,
                 "of the rules to keep, `reported` leaves nets that were not measured on test data, and `all` keeps them") {
  stages.push_back({"silent", "prune", "silent", R"({"retrain": {"epochs": 2}})", {{"net", "base1"}}});
  storage::StageOutcome made = outcome("val", 0.5);
  made.artifacts.push_back(store.put("weights", [&](const std::filesystem::path& path) { storage::write_file(path, "silent"); }));
  made.architecture = storage::ArchitectureRecord{"silent", {{"net", "silent"}}, "", storage::Json::object(), 10, 10};
  outcomes = {{"silent", made}};
  record();
  const auto removed = [&](const std::string& keep) {
    std::set<std::string> found;
    for (const search::RemovableFile& each : search::removable_files(repository, directory.path(), keep))
      found.insert(storage::read_file(each.file));
    return found;
  };
  CHECK(removed("reported") == std::set<std::string>{"silent"});
  CHECK(removed("all").empty());
}
