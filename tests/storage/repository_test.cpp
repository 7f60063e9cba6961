#include "storage/repository.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <catch2/catch.hpp>
#include <memory>
#include <set>

#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/database.h"
#include "tests/support/small_plan.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/throws.h"

using namespace storage;
using namespace support;

namespace {

constexpr auto write_access = Repository::Access::write;
constexpr auto read_access = Repository::Access::read;

std::map<StageState, int> count_states(const Repository& repository) {
  std::map<StageState, int> counts;
  for (const auto& [fingerprint, status] : repository.stage_statuses()) ++counts[status.state];
  return counts;
}

}  // namespace

TEST_CASE("stage states have names") {
  for (const auto state : {StageState::pending, StageState::running, StageState::done, StageState::failed, StageState::interrupted}) {
    CHECK(stage_state_from_string(to_string(state)) == state);
  }
  CHECK(to_string(StageState::interrupted) == "interrupted");
  CHECK(error_of([] { stage_state_from_string("lost"); }).kind() == ErrorKind::invalid);
}

TEST_CASE("a new repository is empty, and reading needs one that exists") {
  const TemporaryDirectory directory;
  const auto results = directory.path() / "results" / "small";
  const Error missing = error_of([&] { Repository repository(results, read_access); });
  CHECK(missing.kind() == ErrorKind::invalid);
  CHECK_THAT(missing.what(), Catch::Contains(results.string()));
  CHECK_FALSE(std::filesystem::exists(results));

  const Repository repository(results, write_access);
  CHECK_FALSE(repository.experiment().has_value());
  CHECK(repository.stage_statuses().empty());
  CHECK(repository.rows("trials") == Json::array());
  CHECK(repository.check() == "ok");

  write_file(directory.path() / "file", "");
  CHECK(error_of([&] { Repository blocked(directory.path() / "file" / "x", write_access); }).kind() == ErrorKind::environment);
}

TEST_CASE("a corrupt file stops both kinds of access") {
  const TemporaryDirectory directory;
  write_file(directory.path() / "experiment.db", std::string(5000, 'x'));
  CHECK(error_of([&] { Repository repository(directory.path(), read_access); }).kind() == ErrorKind::storage);
  CHECK(error_of([&] { Repository repository(directory.path(), write_access); }).kind() == ErrorKind::storage);
}

TEST_CASE("a plan can grow, and a trial keeps its number") {
  const TemporaryDirectory directory;
  Repository repository(directory.path(), write_access);
  SmallPlan plan;
  plan.record(repository);
  CHECK(count_states(repository) == std::map<StageState, int>{{StageState::pending, 14}});
  run_stage(repository, "base", made_net("A0", 1000, 20000, 0.9));

  plan.stages.push_back({"cut3", "prune", "third cut", "{}", {{"net", "cut2"}}});
  plan.trials[0].steps.push_back({3, "cut3", ""});
  plan.trials.insert(plan.trials.begin(), plan.trials[1]);
  plan.trials[0].name = "newcomer";
  plan.tasks[0].classes = 5;
  plan.record(repository);

  CHECK(count_states(repository) == std::map<StageState, int>{{StageState::pending, 14}, {StageState::done, 1}});
  CHECK(repository.trial("long")["trial"] == 1);
  CHECK(repository.trial("long")["steps"] == 3);
  CHECK(repository.trial("narrow")["trial"] == 5);
  CHECK(repository.trial("newcomer")["trial"] == 6);
  CHECK(repository.rows("tasks")[0]["classes"] == 5);
  CHECK(repository.rows("inputs").size() == 14);
  CHECK(repository.rows("experiments").size() == 1);
}

TEST_CASE("the experiment is that of the last plan, and earlier contents stay") {
  const TemporaryDirectory directory;
  Repository repository(directory.path(), write_access);
  SmallPlan plan;
  plan.record(repository);
  const std::string first_yaml = plan.experiment.yaml;
  plan.experiment.yaml = "schema: 1\nseed: 2\n";
  plan.experiment.settings = {{"seed", 2}};
  plan.record(repository);
  CHECK(repository.experiment()->name == "small");
  CHECK(repository.experiment()->yaml == "schema: 1\nseed: 2\n");
  CHECK(repository.experiment()->settings == Json({{"seed", 2}}));
  CHECK(repository.rows("experiments")[0]["yaml"] == first_yaml);
  CHECK(repository.trial("1")["experiment"] == 2);
}

TEST_CASE("a plan that names what is not there is refused as a whole") {
  const TemporaryDirectory directory;
  Repository repository(directory.path(), write_access);
  SmallPlan plan;
  std::string missing;
  SECTION("a stage of a trial") {
    plan.trials[4].steps[0].stage = "nowhere";
    missing = "trial 'narrow' names stage 'nowhere'";
  }
  SECTION("an evaluation of a trial") {
    plan.trials[4].steps[0].evaluation = "nowhere";
    missing = "trial 'narrow' names stage 'nowhere'";
  }
  SECTION("an input of a stage") {
    plan.stages[3].inputs[0].stage = "nowhere";
    missing = "stage 'label of cut1' names stage 'nowhere'";
  }
  SECTION("a task") {
    plan.tasks.clear();
    missing = "trial 'long' names task 'clothes'";
  }
  const Error error = error_of([&] { plan.record(repository); });
  CHECK(error.kind() == ErrorKind::internal);
  CHECK_THAT(error.what(), Catch::Contains(missing));
  CHECK(repository.stage_statuses().empty());
  CHECK_FALSE(repository.experiment().has_value());
}

TEST_CASE("a stage runs, fails with any bytes as its reason, and runs again") {
  const TemporaryDirectory directory;
  Repository repository(directory.path(), write_access);
  SmallPlan().record(repository);
  repository.start_stage("base", {0, "cuda:0", 4, "here"});
  CHECK(repository.stage_statuses().at("base").state == StageState::running);
  CHECK(repository.stage_statuses().at("base").attempt == 1);

  StageOutcome failed;
  failed.failure_kind = "crash";
  failed.failure = "tail \xff of stderr";
  failed.metrics = {{"val", "accuracy", 0.5, {}}};
  repository.finish_stage("base", 1, failed);
  CHECK(repository.stage_statuses().at("base").state == StageState::failed);
  CHECK(repository.stage_statuses().at("base").failure_kind == "crash");
  CHECK(repository.outcome("base").failure == "tail \xef\xbf\xbd of stderr");  // U+FFFD
  CHECK(repository.rows("metrics").empty());

  run_stage(repository, "base", made_net("A0", 1000, 20000, 0.9));
  CHECK(repository.stage_statuses().at("base").state == StageState::done);
  CHECK(repository.stage_statuses().at("base").attempt == 2);
  CHECK(repository.stage_statuses().at("base").failure_kind.empty());
  CHECK(repository.outcome("base").failure.empty());
}

TEST_CASE("a result is accepted once, and only of a stage that runs") {
  const TemporaryDirectory directory;
  Repository repository(directory.path(), write_access);
  SmallPlan().record(repository);
  const auto refused = [&](const auto& work, const std::string& message) {
    const Error error = error_of(work);
    CHECK(error.kind() == ErrorKind::internal);
    CHECK_THAT(error.what(), Catch::Contains(message));
  };
  refused([&] { repository.finish_stage("base", 1, measured(0.5)); }, "stage 'base' cannot end attempt 1: it is pending");
  run_stage(repository, "base", measured(0.5));
  refused([&] { repository.finish_stage("base", 1, measured(0.6)); }, "stage 'base' cannot end attempt 1: it is done");
  refused([&] { repository.start_stage("base", {0, "cpu", 1, "here"}); }, "stage 'base' cannot start: it is done");
  CHECK(repository.rows("metrics").size() == 1);
  CHECK(repository.rows("metrics")[0]["value"] == 0.5);

  repository.start_stage("cut1", {0, "cpu", 1, "here"});
  refused([&] { repository.start_stage("cut1", {0, "cpu", 1, "here"}); }, "it is running");
  StageOutcome outcome;
  outcome.state = StageState::pending;
  refused([&] { repository.finish_stage("cut1", 1, outcome); }, "cannot finish as pending");
  refused([&] { repository.start_stage("nowhere", {0, "cpu", 1, "here"}); }, "no plan has it");
  refused([&] { repository.outcome("nowhere"); }, "no plan has stage 'nowhere'");

  StageOutcome doubled = measured(0.5);
  doubled.metrics.push_back(doubled.metrics[0]);
  refused([&] { repository.finish_stage("cut1", 1, doubled); }, "UNIQUE");
  CHECK(repository.stage_statuses().at("cut1").state == StageState::running);
  CHECK(repository.rows("metrics").size() == 1);
}

TEST_CASE("every start of a stage is an attempt with its place and its end") {
  const TemporaryDirectory directory;
  Repository repository(directory.path(), write_access);
  SmallPlan().record(repository);
  CHECK(repository.start_stage("base", {2, "cuda:1", 4, "there"}) == 1);
  repository.record_progress("base", 1, 0.25, "epoch 1/4, loss 0.410");
  const auto running = repository.rows("attempts").at(0);
  CHECK(running["stage"] == "base");
  CHECK(running["attempt"] == 1);
  CHECK(running["place"] == 2);
  CHECK(running["device"] == "cuda:1");
  CHECK(running["host"] == "there");
  CHECK(running["fraction"] == 0.25);
  CHECK(running["message"] == "epoch 1/4, loss 0.410");
  CHECK(running["end"].is_null());
  StageOutcome failed;
  failed.failure_kind = "oom";
  failed.failure = "no memory";
  repository.finish_stage("base", 1, failed);
  CHECK(repository.reset_failures() == 1);
  CHECK(repository.start_stage("base", {0, "cpu", 1, "here"}) == 2);  // counted on, so that the first is not taken for it
  repository.record_progress("base", 1, 0.5, "too late");
  CHECK_THROWS_WITH(repository.finish_stage("base", 1, measured(0.4)), "stage 'base' cannot end attempt 1: it is running");
  CHECK(repository.rows("attempts").at(1)["fraction"].is_null());
  CHECK(repository.release_running_stages() == 1);
  run_stage(repository, "base", measured(0.5));
  const auto attempts = repository.rows("attempts");
  REQUIRE(attempts.size() == 3);  // also those before the reset
  CHECK(attempts[0]["end"] == "failed");
  CHECK(attempts[0]["failure_kind"] == "oom");
  CHECK(attempts[0]["failure"] == "no memory");
  CHECK(attempts[0]["message"] == "epoch 1/4, loss 0.410");
  CHECK(attempts[1]["attempt"] == 2);
  CHECK(attempts[1]["end"] == "interrupted");
  CHECK(attempts[2]["attempt"] == 3);
  CHECK(attempts[2]["end"] == "done");
  CHECK_FALSE(attempts[2]["finished_at"].is_null());
}

TEST_CASE("a stage and the hypervolumes that it leads to are stored together or not at all") {
  TemporaryDirectory directory;
  Repository repository(directory.path(), Repository::Access::write);
  SmallPlan().record(repository);
  repository.start_stage("base", {0, "cpu", 1, "here"});
  const StageOutcome made = support::made_net("base", 100, 1000, 0.9);
  const auto of_none = [] { return std::vector<HypervolumeRecord>{{"clothes", "nowhere", 2, 0.5}}; };
  CHECK_THROWS_WITH(repository.finish_stage("base", 1, made, of_none), Catch::Contains("nowhere"));
  CHECK(repository.stage_status("base").state == StageState::running);
  CHECK(repository.rows("metrics").empty());
  repository.finish_stage("base", 1, made, [&] {
    const storage::StageStatus status = repository.stage_status("base", {"val/loss"});
    CHECK(status.params == 100);
    CHECK(status.accuracy_val == 0.9);
    return std::vector<storage::HypervolumeRecord>{{"clothes", "base", 2, status.metrics.at("val/loss")}};
  });
  REQUIRE(repository.rows("hypervolumes").size() == 1);
  CHECK(repository.rows("hypervolumes")[0].at("hypervolume") == 0.5);
  CHECK_THROWS_WITH(repository.stage_status("nowhere"), Catch::Contains("no plan has stage 'nowhere'"));
}

TEST_CASE("of what a dead run left, attempts that workers still hold go on; one that waited for a place starts when it has it") {
  const TemporaryDirectory directory;
  Repository repository(directory.path(), write_access);
  SmallPlan().record(repository);
  run_stage(repository, "base", measured(0.5));
  repository.start_stage("cut1", {0, "cpu", 1, ""});
  repository.start_stage("cut2", {1, "cpu", 1, "here"});
  CHECK(repository.release_running_stages({{"cut1", 1}, {"cut2", 7}, {"nowhere", 1}}) == 1);
  CHECK(repository.is_running({"cut1", 1}));
  CHECK_FALSE(repository.is_running({"cut1", 2}));
  CHECK_FALSE(repository.is_running({"cut2", 1}));
  CHECK_FALSE(repository.is_running({"nowhere", 1}));
  const auto of_cut1 = [&] {
    for (const auto& attempt : repository.rows("attempts"))
      if (attempt.at("stage") == "cut1") return attempt;
    return storage::Json();
  };
  CHECK(of_cut1().at("host").is_null());
  repository.record_place({"cut1", 1}, {"node7", "slurm 12_3"});
  CHECK(of_cut1().at("host") == "node7");
  CHECK(of_cut1().at("handle") == "slurm 12_3");
}

TEST_CASE("what a dead run left is released, and failures can be reset") {
  const TemporaryDirectory directory;
  Repository repository(directory.path(), write_access);
  SmallPlan().record(repository);
  run_stage(repository, "base", measured(0.5));
  repository.start_stage("cut1", {0, "cpu", 1, "here"});
  repository.start_stage("cut2", {0, "cpu", 1, "here"});
  run_stage(repository, "narrow", StageOutcome{});
  CHECK(repository.release_running_stages() == 2);
  CHECK(repository.release_running_stages() == 0);
  CHECK(count_states(repository) ==
        std::map<StageState, int>{{StageState::pending, 10}, {StageState::done, 1}, {StageState::failed, 1}, {StageState::interrupted, 2}});
  CHECK(repository.reset_failures() == 3);
  CHECK(count_states(repository) == std::map<StageState, int>{{StageState::pending, 13}, {StageState::done, 1}});
  CHECK(repository.stage_statuses().at("cut1").attempt == 0);
  CHECK(repository.stage_statuses().at("base").attempt == 1);
}

TEST_CASE("a reader beside a writer sees one moment and cannot write") {
  const TemporaryDirectory directory;
  Repository writer(directory.path(), write_access);
  SmallPlan().record(writer);
  Repository reader(directory.path(), read_access);
  CHECK(reader.rows("trials").size() == 5);
  run_stage(writer, "base", made_net("A0", 1000, 20000, 0.9));
  CHECK(reader.stage_statuses().at("base").state == StageState::pending);
  CHECK(Repository(directory.path(), read_access).stage_statuses().at("base").state == StageState::done);
  CHECK(error_of([&] { reader.reset_failures(); }).kind() == ErrorKind::environment);
}

TEST_CASE("decisions are kept once, in order") {
  support::TemporaryDirectory directory;
  Repository repository(directory.path(), Repository::Access::write);
  repository.record_decisions({{"a/s1", "keep", "0.9 is enough"}, {"a/s1", "stop", "no more"}});
  repository.record_decisions({{"a/s1", "keep", "another reason"}, {"b/s1", "keep", "0.8"}});
  const Json rows = repository.rows("decisions");
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].at("reason") == "0.9 is enough");
  CHECK(rows[2].at("subject") == "b/s1");
}

TEST_CASE("a stage whose files are gone can be run again") {
  support::TemporaryDirectory directory;
  Repository repository(directory.path(), Repository::Access::write);
  support::SmallPlan().record(repository);
  storage::StageOutcome outcome = support::made_net("net", 10, 20, 0.5);
  const storage::ArtifactStore store(directory.path() / "artifacts");
  outcome.artifacts.push_back(store.put("weights", [](const std::filesystem::path& path) { storage::write_file(path, "abc"); }));
  support::run_stage(repository, "base", outcome);
  CHECK(repository.has_artifacts("base"));
  std::filesystem::remove(store.path(outcome.artifacts[0].hash));
  CHECK_FALSE(repository.has_artifacts("base"));
  repository.reopen("base");
  CHECK(repository.stage_statuses().at("base").state == storage::StageState::pending);
  // What is known of the net stays while it is made once more: its size may be an objective.
  CHECK(repository.stage_statuses({"size"}).at("base").metrics.at("size") == 3);
  support::run_stage(repository, "base", outcome);
  CHECK(repository.rows("artifacts").size() == outcome.artifacts.size());
  CHECK(repository.stage_statuses({"val/loss"}).at("base").metrics.at("val/loss") == 0.5);
  CHECK_THROWS_WITH(repository.reopen("cut1"), Catch::Contains("cannot be run again: it is pending"));
}

TEST_CASE("a row that was edited into what is no JSON is refused as storage's fault") {
  const TemporaryDirectory directory;
  {
    Repository repository(directory.path(), write_access);
    SmallPlan().record(repository);
    run_stage(repository, "base", made_net("A0", 1000, 20000, 0.9));
  }
  const std::string broken = "{half\x01";
  {
    Database database(directory.path() / "experiment.db", Database::Access::write);
    database.run("UPDATE stage SET parameters = ?, result = ? WHERE fingerprint = 'base'", {broken, broken});
    database.run("UPDATE experiment SET settings = ?", {broken});
  }
  const Repository repository(directory.path(), read_access);
  const auto check = [](const Error& error) {
    CHECK(error.kind() == ErrorKind::storage);
    CHECK_THAT(error.what(), Catch::Contains("experiment.db") && Catch::Contains("\"{half\\u0001\""));
  };
  check(error_of([&] { repository.stage("base"); }));
  check(error_of([&] { repository.outcome("base"); }));
  check(error_of([&] { repository.experiment(); }));
}

TEST_CASE("JSON that the views look into and that is none is storage's fault too") {
  const TemporaryDirectory directory;
  {
    Repository repository(directory.path(), write_access);
    SmallPlan().record(repository);
    run_stage(repository, "base", made_net("A0", 1000, 20000, 0.9));
    Database(directory.path() / "experiment.db", Database::Access::write)
        .run("UPDATE stage SET result = 'nope' WHERE fingerprint = 'base'");
  }
  const Error error = error_of([&] { Repository(directory.path(), read_access).rows("nets"); });
  CHECK(error.kind() == ErrorKind::storage);
  CHECK_THAT(error.what(), Catch::Contains("experiment.db: a row holds no JSON where it belongs"));
}

TEST_CASE("stages that neither a plan nor a trial needs are dropped, and may come back") {
  const TemporaryDirectory directory;
  Repository repository(directory.path(), write_access);
  SmallPlan plan;
  plan.stages.push_back({"tried", "prune", "a cut that no trial kept", "{}", {{"net", "cut1"}}});
  plan.stages.push_back({"old", "prune", "with other settings", "{}", {{"net", "cut1"}}});
  plan.record(repository);
  const auto dropped = [&] {
    std::set<std::string> stages;
    for (const Json& row : repository.rows("stages"))
      if (row.at("dropped") == 1) stages.insert(row.at("stage").get<std::string>());
    return stages;
  };
  using Stages = std::set<std::string>;
  CHECK(dropped() == Stages());
  repository.mark_dropped({"base", "tried"}, true);  // those of trials stay
  CHECK(dropped() == Stages{"old"});
  repository.mark_dropped({"old"}, true);
  CHECK(dropped() == Stages{"tried"});
  repository.mark_dropped({"tried"}, false);
  CHECK(dropped() == Stages());
  repository.mark_dropped({}, false);
  CHECK(dropped() == Stages());
}

TEST_CASE("what an earlier run left is deleted, not another program's database and what lies beside it") {
  const TemporaryDirectory directory;
  const auto run = directory.path() / "run", foreign = directory.path() / "foreign", none = directory.path() / "none";
  { SmallPlan().record(*std::make_unique<Repository>(run, write_access)); }
  for (const auto& folder : {run, foreign, none}) {
    std::filesystem::create_directories(folder / "artifacts");
    write_file(folder / "artifacts" / "one", "1");
    write_file(folder / "notes.txt", "mine");
  }
  SQLite::Database((foreign / "experiment.db").string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
      .exec("CREATE TABLE contact (name TEXT)");
  Repository::remove(run);
  CHECK_FALSE(std::filesystem::exists(run / "experiment.db"));
  CHECK_FALSE(std::filesystem::exists(run / "artifacts"));
  CHECK(std::filesystem::exists(run / "notes.txt"));
  const Error error = error_of([&] { Repository::remove(foreign); });
  CHECK(error.kind() == ErrorKind::storage);
  CHECK_THAT(error.what(), Catch::Contains("another program"));
  {
    SQLite::Database other((foreign / "experiment.db").string(), SQLite::OPEN_READWRITE);
    other.exec("BEGIN EXCLUSIVE");
    CHECK_THAT(error_of([&] { Repository::remove(foreign); }).what(), Catch::Contains("is locked by another process"));
  }
  Repository::remove(none);
  for (const auto& folder : {foreign, none}) CHECK(read_file(folder / "artifacts" / "one") == "1");
  write_file(run / "experiment.db", std::string(5000, 'x'));  // damaged: whose it was cannot be told
  Repository::remove(run);
  CHECK_FALSE(std::filesystem::exists(run / "experiment.db"));
}
