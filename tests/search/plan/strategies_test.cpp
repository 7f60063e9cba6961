// The strategies that find their own steps, over the real run loop with scripted results; `target` has a file of its own.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "search/experiment/strategy_catalog.h"
#include "search/plan/plan_builder.h"
#include "storage/database.h"
#include "tests/support/scripted_search.h"

using search::Json;
using search::RunSummary;

namespace {

using Fixture = support::ScriptedSearch;

std::string criterion_of(const Json& parameters) {
  return parameters.at("criterion").at("name");
}

/// The base has 0.9, a net cut by taylor loses 0.001 a cut to less, one cut by anything else 0.03.
double taylor_holds(const Json& parameters) {
  if (!parameters.contains("request")) return 0.9;
  return criterion_of(parameters) == "taylor" && parameters["request"]["keep"] >= 0.2 ? 0.895 : 0.85;
}

std::vector<std::string> names(const Json& rows, const std::string& column) {
  std::vector<std::string> all;
  for (const Json& row : rows) all.push_back(row.at(column));
  return all;
}

/// Names of the trials of which a net other than the base is measured on test data.
std::set<std::string> measured_cuts(const search::Plan& plan) {
  std::set<std::string> measured;
  for (const storage::TrialRecord& trial : plan.trials)
    if (trial.steps.size() > 1 && !trial.steps.back().evaluation.empty()) measured.insert(trial.name);
  return measured;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "every strategy is pure, and goes on from what is stored", "[conformance]") {
  const std::string name = GENERATE(from_range(search::strategy_names()));
  CAPTURE(name);
  choose(name);
  experiment.criteria = {criterion("l1"), criterion("taylor")};
  experiment.retrain.epochs = 4;
  if (search::strategy_info(name).takes_schedules)
    experiment.schedules = {{"half", {{prune::PruneRequest::Kind::keep, 0.5, prune::Budget::macs}}}};
  const RunSummary first = go(taylor_holds);
  CHECK(first.end == RunSummary::End::finished);
  CHECK(first.failed == 0);
  const auto history = repository.stage_statuses();
  const auto strategy = search::make_strategy(name);
  const search::Plan one = strategy->next(experiment, history), other = strategy->next(experiment, history);
  REQUIRE(one.stages.size() == other.stages.size());
  for (std::size_t i = 0; i < one.stages.size(); ++i) CHECK(one.stages[i].fingerprint == other.stages[i].fingerprint);
  CHECK(one.stages.size() == history.size());  // what was planned once is planned still
  std::set<std::string> trials;
  for (const storage::TrialRecord& trial : one.trials) trials.insert(trial.name);
  CHECK(trials.size() == one.trials.size());
  CHECK(go(taylor_holds).executed == 0);
}

TEST_CASE_METHOD(Fixture, "beam: the smallest nets of a level that hold are cut further, and the last of them are measured") {
  choose("beam", {{"width", 1}, {"factors", {0.5, 0.8}}});
  experiment.criteria = {criterion("l1"), criterion("taylor")};
  go(taylor_holds);
  // Each level tries l1 and taylor at 0.5 and 0.8 of the net. Taylor holds at 0.5, at 0.25, then at 0.2 (0.8 of 0.25), but not below.
  CHECK(asked_shares() == std::vector<double>{0.8, 0.8, 0.5, 0.5, 0.4, 0.4, 0.25, 0.25, 0.2, 0.2, 0.125, 0.125, 0.16, 0.16, 0.1, 0.1});
  const search::Plan plan = search::make_strategy("beam")->next(experiment, repository.stage_statuses());
  CHECK(measured_cuts(plan) == std::set<std::string>{"fashion/vgg11_bn/taylor/beam-3-4/s1"});
  const std::vector<std::string> choices = names(repository.rows("decisions"), "choice");
  CHECK(std::count(choices.begin(), choices.end(), "cut further") == 3);
  CHECK(std::count(choices.begin(), choices.end(), "leave") == 2);  // taylor at 0.8 on the first two levels
  CHECK(std::count(choices.begin(), choices.end(), "drop") == 2 * 3 + 1 + 4);
}

TEST_CASE_METHOD(Fixture, "beam: where nothing holds, only the base is measured") {
  choose("beam");
  go([](const Json& parameters) { return parameters.contains("request") ? 0.5 : 0.9; });
  CHECK(asked.size() == 3);
  CHECK(count("evaluate") == 1);
}

TEST_CASE_METHOD(Fixture, "halving: one in two trains on, from its checkpoint, until one has all epochs") {
  choose("halving", {{"reduction", 2}});
  experiment.criteria = {criterion("l1"), criterion("taylor"), criterion("random"), criterion("lda")};
  experiment.schedules = {{"half", {{prune::PruneRequest::Kind::keep, 0.5, prune::Budget::macs}}}};
  experiment.retrain.epochs = 4;
  experiment.objectives = {{"accuracy_val", true}};
  go([](const Json& parameters) {
    if (!parameters.contains("criterion")) return 0.9;
    const std::string name = criterion_of(parameters);
    return name == "taylor" ? 0.88 : name == "l1" ? 0.86 : name == "random" ? 0.7 : 0.6;
  });
  CHECK(asked.size() == 4);
  for (const Json& cut : asked) CHECK(cut.at("retrain").at("stop_after") == 1);
  const search::Plan plan = search::make_strategy("halving")->next(experiment, repository.stage_statuses());
  std::vector<Json> extensions;
  for (const search::Stage& stage : plan.stages)
    if (stage.kind == search::StageKind::extend) extensions.push_back(stage.parameters.json());
  REQUIRE(extensions.size() == 3);  // two to the second epoch, one of them to the fourth
  CHECK(extensions[0].at("from") == 1);
  CHECK(extensions[0].at("train").at("stop_after") == 2);
  CHECK(extensions[2].at("from") == 2);
  CHECK_FALSE(extensions[2].at("train").contains("stop_after"));
  CHECK(extensions[2].at("train").at("epochs") == 4);
  // The base and the net at the top are measured; that one still says how its layers were cut.
  CHECK(count("evaluate") == 2);
  CHECK(measured_cuts(plan).size() == 1);
  for (const Json& step : repository.rows("steps"))
    if (step.at("criterion") == "taylor" && step.at("step") == 1) CHECK(rows_of_layers(step.at("stage")) == 1);
  // Epochs: one for the base, four times one, twice one more, two more for the last.
  double epochs = 0;
  for (const search::Stage& stage : plan.stages) epochs += stage.epochs;
  CHECK(epochs == 1 + 4 + 2 + 2);
}

TEST_CASE_METHOD(Fixture, "halving: a cut that another follows is retrained to its end") {
  choose("halving", {{"reduction", 2}});
  experiment.criteria = {criterion("l1"), criterion("taylor")};
  using prune::PruneRequest;
  experiment.schedules = {
      {"slow", {{PruneRequest::Kind::keep, 0.5, prune::Budget::macs}, {PruneRequest::Kind::keep, 0.25, prune::Budget::macs}}}};
  experiment.retrain.epochs = 4;
  experiment.objectives = {{"accuracy_val", true}};
  go([](const Json& parameters) { return parameters.contains("criterion") && criterion_of(parameters) == "taylor" ? 0.88 : 0.86; });
  REQUIRE(asked.size() == 4);
  int whole = 0;
  for (const Json& cut : asked) whole += cut.at("retrain").contains("stop_after") ? 0 : 1;
  CHECK(whole == 2);
}

TEST_CASE_METHOD(Fixture, "widths: candidates are refitted as cut nets are, but on images of their own") {
  choose("widths", {{"keep", 0.25}, {"candidates", 10}, {"rounds", 1}, {"finalists", 3}});
  const auto refit_of_candidates = [&] {
    const search::Plan plan = search::make_strategy("widths")->next(experiment, {});
    const auto made =
        std::find_if(plan.stages.begin(), plan.stages.end(), [](const auto& stage) { return stage.kind == search::StageKind::candidates; });
    REQUIRE(made != plan.stages.end());
    return made->parameters.json().value("refit", Json());
  };
  CHECK(refit_of_candidates().is_null());
  experiment.refit = prune::RefitOptions{.images = 500};
  CHECK(refit_of_candidates().is_null());
  experiment.refit->ridge = 0.01;
  CHECK(refit_of_candidates() == Json{{"images", 2000}, {"places", nullptr}, {"ridge", 0.01}});
}

TEST_CASE_METHOD(Fixture, "widths: rounds of candidates, the best of them retrained shortly, the best of these to the end") {
  choose("widths", {{"keep", 0.25}, {"candidates", 10}, {"rounds", 2}, {"finalists", 3}});
  experiment.retrain.epochs = 4;
  go([](const Json& parameters) {
    if (!parameters.contains("candidate")) return 0.9;
    return std::vector<double>{0.7, 0.8, 0.75}.at(parameters.at("candidate"));
  });
  REQUIRE(asked.size() == 3);
  for (const Json& cut : asked) CHECK(cut.at("retrain").at("stop_after") == 1);
  CHECK(asked_shares() == std::vector<double>(3, 0.25));
  CHECK(count("candidates") == 2);
  CHECK(count("evaluate") == 2);  // the base and what was found
  const search::Plan plan = search::make_strategy("widths")->next(experiment, repository.stage_statuses());
  const auto found =
      std::find_if(plan.stages.begin(), plan.stages.end(), [](const auto& stage) { return stage.kind == search::StageKind::extend; });
  REQUIRE(found != plan.stages.end());
  CHECK(found->parameters.json().at("from") == 1);
  const auto from =
      std::find_if(plan.stages.begin(), plan.stages.end(), [&](const auto& stage) { return stage.fingerprint == found->inputs[0].stage; });
  CHECK(from->parameters.json().at("candidate") == 1);
  CHECK(measured_cuts(plan) == std::set<std::string>{"fashion/vgg11_bn/l1/widths/s1"});
  // In the untrained order 0.7, 0.8, 0.75: of three pairs one agrees and two do not.
  const std::vector<std::string> choices = names(repository.rows("decisions"), "choice"),
                                 reasons = names(repository.rows("decisions"), "reason");
  CHECK(choices == std::vector<std::string>{"take finalist 2"});
  CHECK_THAT(reasons.at(0), Catch::Contains("the best of 3 after 1 epochs; Kendall's tau of the untrained order with theirs: -0.33"));
}

TEST_CASE_METHOD(Fixture, "pareto: slots and the order in which they end change nothing") {
  choose("pareto", {{"children", 8}, {"in_flight", 3}});
  experiment.criteria = {criterion("l1"), criterion("taylor")};
  go(taylor_holds);
  Fixture other;
  other.choose("pareto", {{"children", 8}, {"in_flight", 3}});
  other.experiment.criteria = experiment.criteria;
  other.go(taylor_holds, /*slots=*/3, /*in_order=*/false);
  const auto stages = [](const Fixture& run) {
    std::set<std::string> all;
    for (const Json& row : run.repository.rows("stages")) all.insert(row.at("stage"));
    return all;
  };
  CHECK(stages(*this) == stages(other));
  CHECK(asked.size() <= 8);  // two children may be the same cut
  CHECK(repository.rows("trials").size() == 9);
}

TEST_CASE_METHOD(Fixture, "pareto: of the cuts that are drawn the one that could add most is made") {
  // One criterion and no loss. The base alone dominates nothing, and a cut to f of it would add 0.9 (1 - f): of hundreds of draws the first
  // is the smallest factor, 0.5. A quarter adds 0.9 / 4 then, more than any other net's cut; an eighth 0.9 / 8.
  choose("pareto", {{"children", 3}, {"in_flight", 1}, {"draws", 500}});
  experiment.criteria = {criterion("l1")};
  go([](const Json&) { return 0.9; });
  CHECK(asked_shares() == std::vector<double>{0.5, 0.25, 0.125});
}

TEST_CASE_METHOD(Fixture, "pareto: a criterion that was seen to lose is left for one that was not") {
  // A cut by l1 leaves 0.5, one by taylor 0.9 as before. Once both were tried, taylor has the better name: each later cut is its.
  choose("pareto", {{"children", 8}, {"in_flight", 1}, {"draws", 500}, {"factors", {0.5}}});
  experiment.criteria = {criterion("l1"), criterion("taylor")};
  go([](const Json& parameters) { return parameters.contains("request") && criterion_of(parameters) == "l1" ? 0.5 : 0.9; });
  std::set<std::string> tried;
  int later = 0;
  for (const Json& cut : asked) {
    if (tried.size() == 2) CHECK(criterion_of(cut) == "taylor");
    if (tried.size() == 2) ++later;
    tried.insert(criterion_of(cut));
  }
  CHECK(later >= 3);
}

TEST_CASE_METHOD(Fixture, "pareto: while nothing is known, each criterion has its turn") {
  choose("pareto", {{"children", 4}, {"in_flight", 4}, {"draws", 500}});
  for (const char* name : {"taylor", "random", "lda"}) experiment.criteria.push_back(criterion(name));
  go([](const Json&) { return 0.9; });
  std::set<std::string> tried;
  for (const Json& cut : asked) tried.insert(criterion_of(cut));
  CHECK(tried == std::set<std::string>{"l1", "taylor", "random", "lda"});
}

TEST_CASE_METHOD(Fixture, "a net beyond a constraint is not what a search ends with") {
  const std::string name = GENERATE("target", "beam");
  CAPTURE(name);
  choose(name);
  experiment.constraints = {search::parse_constraint("macs <= 1000")};  // a hundredth of the base
  go([](const Json& parameters) { return parameters.contains("request") && parameters["request"]["keep"] < 0.3 ? 0.5 : 0.9; });
  CHECK(measured_cuts(search::make_strategy(name)->next(experiment, repository.stage_statuses())).empty());
  const std::vector<std::string> reasons = names(repository.rows("decisions"), "reason");
  CHECK(std::count(reasons.begin(), reasons.end(), "beyond a constraint") >= 1);
}

TEST_CASE_METHOD(Fixture, "pareto: the front is measured, and nets beyond a constraint are kept but not reported") {
  choose("pareto", {{"children", 8}});
  experiment.criteria = {criterion("l1"), criterion("taylor")};
  experiment.constraints = {search::parse_constraint("macs <= 60000")};
  go(taylor_holds);
  const search::Plan plan = search::make_strategy("pareto")->next(experiment, repository.stage_statuses());
  const std::set<std::string> measured = measured_cuts(plan);
  REQUIRE_FALSE(measured.empty());
  for (const Json& step : repository.rows("steps")) {
    const Json trial = repository.trial(std::to_string(step.at("trial").get<int>()));
    const bool last = step.at("step") == trial.at("steps");
    if (last && measured.contains(trial.at("name"))) CHECK(step.at("macs") <= 60000);
  }
  const std::vector<std::string> choices = names(repository.rows("decisions"), "choice");
  CHECK(std::count(choices.begin(), choices.end(), "report") == static_cast<int>(measured.size()));
  CHECK(std::count(choices.begin(), choices.end(), "leave") >= 1);  // the base at least
}

TEST_CASE_METHOD(Fixture, "every strategy times its nets before it decides on them, where an objective is latency", "[conformance]") {
  const std::string name = GENERATE(from_range(search::strategy_names()));
  CAPTURE(name);
  const auto prepare = [&](Fixture& search) {
    search.choose(name);
    search.experiment.criteria = {criterion("l1"), criterion("taylor")};
    search.experiment.retrain.epochs = 4;
    if (search::strategy_info(name).takes_schedules)
      search.experiment.schedules = {{"half", {{prune::PruneRequest::Kind::keep, 0.5, prune::Budget::macs}}}};
    search.experiment.evaluate.latency = search::LatencyOptions{.batch = {1}};
    search.experiment.objectives = {{"accuracy_val", true}, {"latency_ms", false}};
    search.experiment.constraints = {search::parse_constraint("latency_ms <= 6")};
  };
  prepare(*this);
  CHECK(go(taylor_holds).end == RunSummary::End::finished);
  CHECK(count("latency") == count("train") + count("prune") + count("extend"));
  const auto history = repository.stage_statuses({"latency_ms"});
  for (const Json& row : repository.rows("stages")) {
    if (row.at("kind") != "prune") continue;
    const storage::StageStatus& net = history.at(row.at("stage"));
    CHECK(net.metrics.at("latency_ms") == static_cast<double>(net.params.value()) / 100);
  }
  const search::Plan plan = search::make_strategy(name)->next(experiment, history);
  CHECK(plan.stages.size() == history.size());  // what was planned once is planned still
  CHECK(go(taylor_holds).executed == 0);

  Fixture other;
  prepare(other);
  CHECK(other.go(taylor_holds, /*slots=*/3, /*in_order=*/false).end == RunSummary::End::finished);
  if (name == "pareto") {
    for (const std::string& measured : measured_cuts(plan)) {
      const Json trial = repository.trial(measured);
      for (const Json& step : repository.rows("steps"))
        if (step.at("trial") == trial.at("trial") && step.at("step") == trial.at("steps")) CHECK(step.at("params") <= 600);
    }
    CHECK_FALSE(measured_cuts(plan).empty());
    CHECK(other.count("prune") == count("prune"));  // slots and the order in which stages end change nothing
  }
}

TEST_CASE_METHOD(Fixture, "the volume that the nets dominate is stored as it grows") {
  choose("target", {{"of", "macs"}});
  experiment.objectives = {{"accuracy_val", true}, {"macs", false}};
  go([](const Json& parameters) { return parameters.contains("request") && parameters["request"]["keep"] < 0.5 ? 0.5 : 0.9; });
  const Json rows = repository.rows("hypervolumes");
  REQUIRE(rows.size() >= 2);
  // The base alone costs as much as the reference: nothing. Half of it at 0.9: a box of 0.9 x 0.5. A quarter at 0.5 adds 0.5 x 0.25.
  CHECK(rows[0].at("hypervolume") == Approx(0.9 * 0.5));
  CHECK(rows[1].at("hypervolume") == Approx(0.9 * 0.5 + 0.5 * 0.25));
  CHECK(rows[0].at("epochs") == 2);
  CHECK(rows[1].at("epochs") == 3);
}

TEST_CASE_METHOD(Fixture, "the volume of latencies is stored once a net is timed") {
  choose("target", {{"of", "macs"}});
  experiment.evaluate.latency = search::LatencyOptions{.batch = {1}};
  experiment.objectives = {{"accuracy_val", true}, {"latency_ms", false}};
  go([](const Json& parameters) { return parameters.contains("request") && parameters["request"]["keep"] < 0.5 ? 0.5 : 0.9; });
  const Json rows = repository.rows("hypervolumes");
  REQUIRE(rows.size() >= 2);  // the same boxes: the base takes 10 ms, its half 5, a quarter 2.5
  CHECK(rows[0].at("hypervolume") == Approx(0.9 * 0.5));
  CHECK(rows[1].at("hypervolume") == Approx(0.9 * 0.5 + 0.5 * 0.25));
  CHECK(rows[1].at("epochs") == 3);
  CHECK(search::stored_history(repository, experiment).at(rows[0].at("stage")).metrics.at("latency_ms") == Approx(5));  // it names the net
}

TEST_CASE_METHOD(Fixture, "hypervolumes that a run lacks are recorded when it is resumed, once") {
  choose("target", {{"of", "macs"}});
  experiment.evaluate.latency = search::LatencyOptions{.batch = {1}};
  experiment.objectives = {{"accuracy_val", true}, {"latency_ms", false}};
  const auto accuracy = [](const Json& parameters) {
    return parameters.contains("request") && parameters["request"]["keep"] < 0.5 ? 0.5 : 0.9;
  };
  go(accuracy);
  const Json whole = repository.rows("hypervolumes");
  const auto forget = [&](const std::string& which) {
    storage::Database(results.path() / "experiment.db", storage::Database::Access::write).run("DELETE FROM hypervolume WHERE " + which);
  };
  const auto equals_whole = [&] {
    const Json rows = repository.rows("hypervolumes");
    bool equal = rows.size() == whole.size();
    for (std::size_t i = 0; equal && i < rows.size(); ++i)
      for (const char* column : {"task", "stage", "epochs", "hypervolume"}) equal = equal && rows[i].at(column) == whole[i].at(column);
    return equal;
  };
  SECTION("all of them") {
    forget("true");
  }
  SECTION("the last, whose run died before it was recorded") {
    forget("number = (SELECT max(number) FROM hypervolume)");
  }
  CHECK_FALSE(equals_whole());
  for (int start = 0; start < 2; ++start) {
    CHECK(go(accuracy).executed == 0);
    CHECK(equals_whole());
  }
}

TEST_CASE_METHOD(Fixture, "a plan that is made of what is stored sees what the run saw") {
  choose("beam");
  experiment.objectives = {{"val/loss", false}};
  experiment.constraints = {search::parse_constraint("latency_ms <= 6")};
  experiment.evaluate.latency = search::LatencyOptions{.batch = {1}};
  CHECK(go([](const Json&) { return 0.9; }).end == RunSummary::End::finished);
  const search::Plan plan = search::make_strategy("beam")->next(experiment, search::stored_history(repository, experiment));
  CHECK(plan.stages.size() == repository.rows("stages").size());
}

TEST_CASE_METHOD(Fixture, "a cut that holds but is beyond a constraint is a step of its trial, though nothing is left to run") {
  choose("target", {{"max_cuts", 1}});
  experiment.constraints = {search::parse_constraint("params <= 100")};
  CHECK(go([](const Json&) { return 0.9; }).end == RunSummary::End::finished);
  CHECK(repository.rows("steps").size() == 2);
}

TEST_CASE_METHOD(Fixture, "a budget ends the search, and a larger one lets it go on") {
  choose("target", {{"max_cuts", 5}});
  experiment.budget.epochs = 3;
  const auto holds = [](const Json&) { return 0.9; };
  CHECK(go(holds).end == RunSummary::End::budget);
  CHECK(asked.size() == 2);  // and one epoch went into the base
  experiment.budget.epochs = 0;
  CHECK(go(holds).end == RunSummary::End::finished);
  CHECK(asked.size() == 5);
}

TEST_CASE_METHOD(Fixture, "beam: a cut that takes nothing is no way on") {
  choose("beam", {{"max_cuts", 9}, {"factors", {0.5}}, {"width", 1}});
  floor = 0.2;
  go([](const Json&) { return 0.9; });
  CHECK(asked_shares() == std::vector<double>{0.5, 0.25, 0.125, 0.0625});  // the third leaves 0.2, the fourth too
  CHECK(count("evaluate") == 2);
}

TEST_CASE("a stage is lost where one that it is made from has failed, unless it is done") {
  search::PlanBuilder builder;
  const auto add = [&](const std::string& name, const std::vector<storage::StageInput>& inputs) {
    return builder.add(search::make_stage(search::StageKind::train, name, Json{{"name", name}}, inputs, 1));
  };
  const std::string table = add("table", {}), base = add("base", {}), cut = add("cut", {{"net", base}, {"table", table}}),
                    next = add("next", {{"net", cut}});
  search::History history;
  CHECK_FALSE(builder.is_lost(history, next));
  history[table].state = storage::StageState::failed;
  CHECK(builder.is_lost(history, next));
  CHECK_FALSE(builder.is_lost(history, base));
  history[cut].state = storage::StageState::done;  // before the table failed in a later attempt
  CHECK_FALSE(builder.is_lost(history, next));
}

TEST_CASE("a net that is wanted once more is done as long as it is not made, and lost where it fails then") {
  search::History history;
  history["again"].accuracy_val = 0.9;  // its weights went with `gc`
  history["broken"] = history["again"];
  history["broken"].state = storage::StageState::failed;
  const search::History settled = search::settled(history);
  CHECK(settled.at("again").state == storage::StageState::done);
  CHECK(settled.at("broken").state == storage::StageState::failed);
}

TEST_CASE("the schedules of searches of one seed are told from others") {
  CHECK(search::is_of_one_search(search::pareto_schedule(12)));
  CHECK(search::is_of_one_search(search::beam_schedule(2, 3)));
  for (const char* schedule : {"pareto-", "pareto-fine", "beam", "slow", "target", ""}) CHECK_FALSE(search::is_of_one_search(schedule));
}

TEST_CASE_METHOD(Fixture, "halving: the best of fewer configurations than leave a rung goes on to the top") {
  choose("halving");  // one in three
  experiment.criteria = {criterion("l1"), criterion("taylor")};
  experiment.schedules = {{"half", {{prune::PruneRequest::Kind::keep, 0.5, prune::Budget::macs}}}};
  experiment.retrain.epochs = 4;
  experiment.objectives = {{"accuracy_val", true}};
  go([](const Json& parameters) { return !parameters.contains("criterion") ? 0.9 : criterion_of(parameters) == "taylor" ? 0.88 : 0.86; });
  const search::Plan plan = search::make_strategy("halving")->next(experiment, repository.stage_statuses());
  CHECK(measured_cuts(plan) == std::set<std::string>{"fashion/vgg11_bn/taylor/half/s1"});
}

TEST_CASE_METHOD(Fixture, "beam: of two cuts of one size the more accurate is cut further") {
  choose("beam", {{"width", 1}, {"factors", {0.5}}, {"max_cuts", 1}});
  experiment.criteria = {criterion("l1"), criterion("taylor")};
  experiment.tolerance = 0.1;
  go([](const Json& parameters) { return !parameters.contains("criterion") ? 0.9 : criterion_of(parameters) == "taylor" ? 0.88 : 0.86; });
  const search::Plan plan = search::make_strategy("beam")->next(experiment, repository.stage_statuses());
  REQUIRE(measured_cuts(plan).size() == 1);
  CHECK_THAT(*measured_cuts(plan).begin(), Catch::Contains("taylor"));
}
