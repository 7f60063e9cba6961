#include "search/plan/stage.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "search/experiment/experiment.h"
#include "storage/base/error.h"

using search::Json;
using search::StageKind;

TEST_CASE("a stage's fingerprint is the hash of its kind, parameters, inputs and format") {
  // Reference: the first 32 digits that sha256sum gives for
  // {"format":2,"inputs":{"net":"abc"},"kind":"evaluate","parameters":{"split":"test"}}
  const auto stage = search::make_stage(StageKind::evaluate, "any label", Json{{"split", "test"}}, {{"net", "abc"}}, 5);
  CHECK(stage.fingerprint == "0bca4616e6e2b11a9d69170c97ecad56");
}

TEST_CASE("what decides a stage's result changes its fingerprint, and nothing else does") {
  const auto make = [](StageKind kind, const Json& parameters, const std::vector<storage::StageInput>& inputs, const char* label,
                       double work) { return search::make_stage(kind, label, parameters, inputs, work).fingerprint; };
  const Json parameters{{"seed", 1}};
  const std::string one = make(StageKind::prune, parameters, {{"net", "a"}, {"widths", "b"}}, "x", 1);
  CHECK(make(StageKind::prune, parameters, {{"widths", "b"}, {"net", "a"}}, "y", 2) == one);
  CHECK(make(StageKind::train, parameters, {{"net", "a"}, {"widths", "b"}}, "x", 1) != one);
  CHECK(make(StageKind::prune, Json{{"seed", 2}}, {{"net", "a"}, {"widths", "b"}}, "x", 1) != one);
  CHECK(make(StageKind::prune, parameters, {{"net", "b"}, {"widths", "a"}}, "x", 1) != one);
  CHECK(make(StageKind::prune, parameters, {{"net", "a"}}, "x", 1) != one);
}

TEST_CASE("where the data lie does not enter the fingerprint, how they are read does") {
  const auto with = [](const Json& settings) {
    const search::Located data = search::located(search::Data{settings, 7, {}});
    return search::make_stage(StageKind::train, "", std::vector<search::Parameter>{{"data", data.full, data.identity}}, {}, 1);
  };
  const auto here = with({{"format", "idx"}, {"root", "/here"}, {"pad", 2}});
  CHECK(here.parameters.json()["data"]["settings"]["root"] == "/here");
  CHECK(with({{"format", "idx"}, {"root", "/there"}, {"pad", 2}}).fingerprint == here.fingerprint);
  CHECK(with({{"format", "idx"}, {"root", "/here"}, {"pad", 0}}).fingerprint != here.fingerprint);
}

TEST_CASE("parameters from shared parts are those from one object") {
  const Json data{{"settings", {{"format", "idx"}, {"pad", 2}}}, {"identity", 7}};
  const search::Parameter shared("data", data);
  const search::StageParameters parts({{"seed", 1}, shared, {"\"odd\" name", nullptr}});
  const search::StageParameters whole(Json{{"data", data}, {"seed", 1}, {"\"odd\" name", nullptr}});
  CHECK(parts.text() == Json({{"data", data}, {"seed", 1}, {"\"odd\" name", nullptr}}).dump());
  CHECK(parts.text() == whole.text());
  CHECK(parts.identity() == whole.identity());
  CHECK(parts.text() == parts.identity());
  CHECK(search::StageParameters().text() == "{}");
}

TEST_CASE("a stage cannot have two inputs of one role") {
  CHECK_THROWS_AS(search::make_stage(StageKind::prune, "x", {}, {{"net", "a"}, {"net", "b"}}, 1), storage::Error);
}

TEST_CASE("stage kinds have names") {
  for (const StageKind kind : {StageKind::probe, StageKind::latency_table, StageKind::train, StageKind::prune, StageKind::extend,
                               StageKind::transfer, StageKind::scratch, StageKind::evaluate, StageKind::latency, StageKind::robustness})
    CHECK(search::stage_kind_from_string(search::to_string(kind)) == kind);
  CHECK(search::to_string(StageKind::prune) == "prune");
  CHECK_THROWS_WITH(search::stage_kind_from_string("prun"), Catch::Contains("'prune'"));
}

TEST_CASE("an outcome goes through JSON unchanged") {
  storage::StageOutcome outcome;
  outcome.state = storage::StageState::done;
  outcome.wall_s = 1.5;
  outcome.values = {{"precision", "bf16"}};
  outcome.architecture = storage::ArchitectureRecord{"h", {{"layers", 3}}, "p", {{"conv1", {0, 2}}}, 123'456'789'012, 5};
  outcome.layers.push_back({"conv1", 2, 3, -1.0, std::nullopt, std::numeric_limits<double>::infinity(), 0.5, true, false});
  outcome.metrics.push_back({"val", "accuracy", 0.875, std::nullopt});
  outcome.metrics.push_back({"train", "loss", std::nan(""), 4});
  outcome.artifacts.push_back({"weights", "abc", 99});

  const auto again = search::outcome_from_json(Json::parse(search::to_json(outcome).dump()));
  CHECK(again.state == storage::StageState::done);
  CHECK(again.wall_s == 1.5);
  CHECK(again.values == outcome.values);
  REQUIRE(again.architecture);
  CHECK(again.architecture->hash == "h");
  CHECK(again.architecture->parent == "p");
  CHECK(again.architecture->spec == Json{{"layers", 3}});
  CHECK(again.architecture->kept == Json{{"conv1", {0, 2}}});
  CHECK(again.architecture->params == 123'456'789'012);
  CHECK(again.architecture->macs == 5);
  REQUIRE(again.layers.size() == 1);
  CHECK(again.layers[0].layer == "conv1");
  CHECK(again.layers[0].channels == 2);
  CHECK(again.layers[0].base_channels == 3);
  CHECK(again.layers[0].score_min == -1.0);
  CHECK_FALSE(again.layers[0].score_mean);
  CHECK(std::isinf(again.layers[0].score_max.value()));
  CHECK(again.layers[0].threshold == 0.5);
  CHECK(again.layers[0].floor_applied);
  CHECK_FALSE(again.layers[0].cap_applied);
  REQUIRE(again.metrics.size() == 2);
  CHECK(again.metrics[0].split == "val");
  CHECK(again.metrics[0].value == 0.875);
  CHECK_FALSE(again.metrics[0].epoch);
  CHECK(std::isnan(again.metrics[1].value));
  CHECK(again.metrics[1].epoch == 4);
  REQUIRE(again.artifacts.size() == 1);
  CHECK(again.artifacts[0].name == "weights");
  CHECK(again.artifacts[0].hash == "abc");
  CHECK(again.artifacts[0].bytes == 99);
}

TEST_CASE("JSON that is no outcome is refused") {
  Json json = search::to_json(storage::StageOutcome{});
  SECTION("a key is missing") {
    json.erase("metrics");
  }
  SECTION("a value has another type") {
    json["wall_s"] = "long";
  }
  SECTION("the state is unknown") {
    json["state"] = "finished";
  }
  CHECK_THROWS_AS(search::outcome_from_json(json), storage::Error);
}
