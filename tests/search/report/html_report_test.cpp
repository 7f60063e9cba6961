// The report's document and page over support/report_run.h, and the pieces that place things in it.
#include "search/report/html/html_report.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "search/report/html/document.h"
#include "tests/support/report_run.h"
#include "tests/support/small_plan.h"
#include "tests/support/temporary_directory.h"

using namespace search::html;
using search::Json;
using search::read_snapshot;
using search::Snapshot;

namespace {

class Run {
 public:
  Run() { support::ReportRun().record(repository); }

  support::TemporaryDirectory directory;
  storage::Repository repository{directory.path(), storage::Repository::Access::write};
};

}  // namespace

TEST_CASE("a document tells what ran and what sharing saved") {
  Run run;
  const Json overview = document(run.repository, {}).at("overview");
  CHECK(overview["trials"] == Json({{"done", 20}, {"failed", 1}}));
  CHECK(overview["stages"] == Json({{"done", 88}, {"failed", 1}}));
  CHECK(overview["failures"][0]["kind"] == "oom");
  CHECK(overview["failures"][0]["count"] == 1);
  // Of a task and seed: gradual runs 3 nets and tests, 2 robustness; one-shot 2, 2 and 1; narrow 1, 1, 1. With seed 1 latencies 2, 1, 1.
  // Two criteria: 2 * (8 + 5) + 3 = 29, and 2 * (2 + 1) + 1 = 7 for seed 1; twice 2 * 29 + 7; and base and test of `random`.
  CHECK(overview["without_sharing"]["stages"] == 2 * (2 * 29 + 7) + 2);
  CHECK(overview["done"] == Json({{"stages", 88}, {"wall_s", 32 * 2 + 32 * 0.5 + 16 * 1 + 8 * 0.25}}));
}

TEST_CASE("a document tells nothing of stages that no trial needs any more") {
  Run run;
  const Json before = document(run.repository, {}).at("overview");
  run.repository.record_plan(*run.repository.experiment(), {}, {{"old", "train", "of a rate that was changed", "{}", {}}}, {});
  storage::StageOutcome failed;
  failed.failure_kind = "diverged";
  support::run_stage(run.repository, "old", failed);
  run.repository.mark_dropped({}, true);
  CHECK(run.repository.rows("stages").size() == 90);
  CHECK(document(run.repository, {}).at("overview") == before);
}

TEST_CASE("a document has the experiment's tolerance, by which the page finds the smallest net") {
  Run run;
  CHECK(document(run.repository, {}).at("experiment").at("tolerance") == 0.02);
}

TEST_CASE("the fronts of a document are the nets that no other beats") {
  Run run;
  const Json page = document(run.repository, {}), steps = run.repository.rows("steps");
  for (const Json& task : page.at("tasks"))
    for (const char* size : {"params", "macs"}) {
      std::set<std::string> front, expected;
      for (const Json& net : page.at("fronts").at(task.at("task").get<std::string>()).at(size))
        front.insert(page.at("nets").at("stage").at(net.get<std::size_t>()));
      const auto beats = [&](const Json& one, const Json& other) {
        return one.at("task") == other.at("task") && one.at(size) <= other.at(size) && one.at("accuracy_val") >= other.at("accuracy_val") &&
               (one.at(size) < other.at(size) || one.at("accuracy_val") > other.at("accuracy_val"));
      };
      for (const Json& step : steps)
        if (step.at("task") == task.at("task") &&
            std::none_of(steps.begin(), steps.end(), [&](const Json& other) { return beats(other, step); }))
          expected.insert(step.at("stage"));
      CHECK(front == expected);
    }
  CHECK(page.at("fronts").at("clothes").at("latency, batch 1, torchscript, cpu, 1 thread") == Json({5, 0}));
}

TEST_CASE("a timeline has each attempt in its slot") {
  const support::TemporaryDirectory directory;
  storage::Repository repository(directory.path(), storage::Repository::Access::write);
  support::SmallPlan plan;
  plan.record(repository);
  repository.start_stage("base", {0, "cpu", 1, "h"});
  storage::StageOutcome interrupted;
  interrupted.state = storage::StageState::interrupted;
  repository.finish_stage("base", 1, interrupted);
  repository.start_stage("base", {1, "cpu", 1, "h"});
  repository.finish_stage("base", 2, support::made_net("base", 100, 1000, 0.9));
  repository.start_stage("narrow", {0, "cpu", 1, "h"});
  const Json timeline = document(repository, {}).at("timeline");
  CHECK(timeline.at("lanes") == Json({{{"device", "h, cpu"}, {"slot", 0}}, {{"device", "h, cpu"}, {"slot", 1}}}));
  CHECK(timeline.at("lane") == Json({0, 1, 0}));
  CHECK(timeline.at("state").at("names") == Json({"interrupted", "done", "running"}));
}

TEST_CASE("kept channels come in the net's order, and the base has all") {
  Run run;
  const Json widths = document(run.repository, {}).at("widths");
  REQUIRE(widths["sets"].size() == 1);
  CHECK(widths["sets"][0]["layers"] == Json({"conv1", "conv2", "conv3"}));
  CHECK(widths["sets"][0]["channels"] == Json({16, 32, 48}));
  CHECK(widths["kept"][5] == Json({4, 8, 12}));
  CHECK(widths["kept"][0].is_null());
  CHECK(widths["set"][0] == 0);
  CHECK(widths["set"][7] == -1);  // the baseline
}

TEST_CASE("groups give means over seeds with their intervals") {
  Run run;
  const Json group = document(run.repository, {}).at("groups")[0];
  CHECK(group["criterion"] == "l1");
  CHECK(group["schedule"] == "gradual");
  const Json& last = group["steps"][2];
  CHECK(last["val"]["n"] == 2);
  CHECK(last["val"]["mean"] == 0.861);
  CHECK(last["val"]["low"].get<double>() == Approx(0.861 - 12.7062 * 0.001).margin(1e-5));
  CHECK(last["params"] == 63);
  CHECK(last["params_ratio"] == 0.063);
}

TEST_CASE("details are left out where they do not fit, those of the fronts last") {
  Run run;
  const Snapshot stored = read_snapshot(run.repository);
  const Json all = detail_part(run.repository, stored, {5, 1, 2}, 1 << 20), some = detail_part(run.repository, stored, {5, 1, 2}, 10);
  CHECK(all["nets"].size() == 3);
  CHECK(all["left_out"] == 29);
  REQUIRE(some["nets"].size() == 1);
  CHECK(some["nets"]["5"]["curves"]["val/accuracy"] == Json({{1, 2}, {0.83, 0.88}}));
  CHECK(some["nets"]["5"]["scores"][0] == Json({"conv3", 0.125, 0.5, 3, 0.75, false, false}));
  CHECK(some["nets"]["5"]["confusion"].size() == 6);
}

TEST_CASE("a page is markup of its own only, and may ask its server while a run goes on") {
  Run run;
  const std::string page = search::html_report(run.repository, {0, "results/</script>"});
  CHECK(page.find("<img") == std::string::npos);
  CHECK(page.find("<b>bag") == std::string::npos);
  CHECK(page.find("\\u003c/script\\u003e\\u003cimg src=x") != std::string::npos);
  CHECK(page.find("connect-src 'none'") != std::string::npos);
  CHECK(page.find("unsafe") == std::string::npos);
  CHECK(search::html_report(run.repository, {5, ""}).find("connect-src 'self'") != std::string::npos);
}
