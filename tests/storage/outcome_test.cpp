// What a stage leaves behind comes back from the repository unchanged.
#include <catch2/catch.hpp>
#include <cmath>

#include "storage/repository.h"
#include "tests/support/small_plan.h"
#include "tests/support/temporary_directory.h"

using namespace storage;
using namespace support;

namespace {

StageOutcome full_outcome() {
  StageOutcome outcome;
  outcome.state = StageState::done;
  outcome.wall_s = 0.1;
  outcome.values = {{"images", 12000}, {"precision", "bf16"}, {"speedup", 0.1}};
  outcome.architecture =
      ArchitectureRecord{"A1", {{"layers", {"conv", "relu"}}}, "A0", {{"conv1", {0, 2, 5}}}, 9223372036854775807, 19600000};
  outcome.layers = {{"conv2", 3, 8, 0.1, 0.2, 0.3, 0.15, true, false}, {"conv1", 2, 4, {}, {}, {}, {}, false, true, "output of the net"}};
  outcome.metrics = {{"val", "accuracy", 0.1 + 0.2, {}}, {"train", "loss", std::nan(""), 1}, {"", "throughput", 1234.5, {}}};
  outcome.artifacts = {{"weights", std::string(64, 'a'), 9007199254740993}, {"checkpoint", std::string(64, 'b'), 0}};
  return outcome;
}

}  // namespace

TEST_CASE("an outcome comes back as it was recorded") {
  const TemporaryDirectory directory;
  const StageOutcome given = full_outcome();
  {
    Repository repository(directory.path(), Repository::Access::write);
    SmallPlan().record(repository);
    run_stage(repository, "cut1", given);
  }
  const Repository repository(directory.path(), Repository::Access::read);
  const StageOutcome found = repository.outcome("cut1");
  CHECK(found.state == StageState::done);
  CHECK(found.failure.empty());
  CHECK(found.failure_kind.empty());
  CHECK(found.wall_s == 0.1);
  CHECK(found.values == given.values);

  REQUIRE(found.architecture.has_value());
  CHECK(found.architecture->hash == "A1");
  CHECK(found.architecture->spec == given.architecture->spec);
  CHECK(found.architecture->parent == "A0");
  CHECK(found.architecture->kept == given.architecture->kept);
  CHECK(found.architecture->params == 9223372036854775807);
  CHECK(found.architecture->macs == 19600000);

  REQUIRE(found.layers.size() == 2);
  CHECK(found.layers[0].layer == "conv2");
  CHECK(found.layers[0].channels == 3);
  CHECK(found.layers[0].base_channels == 8);
  CHECK(found.layers[0].score_min == 0.1);
  CHECK(found.layers[0].score_mean == 0.2);
  CHECK(found.layers[0].score_max == 0.3);
  CHECK(found.layers[0].threshold == 0.15);
  CHECK(found.layers[0].floor_applied);
  CHECK_FALSE(found.layers[0].cap_applied);
  CHECK_FALSE(found.layers[1].threshold.has_value());
  CHECK(found.layers[1].cap_applied);
  CHECK(found.layers[0].fixed.empty());
  CHECK(found.layers[1].fixed == "output of the net");

  REQUIRE(found.metrics.size() == 3);
  CHECK(found.metrics[0].value == 0.1 + 0.2);
  CHECK_FALSE(found.metrics[0].epoch.has_value());
  CHECK(std::isnan(found.metrics[1].value));
  CHECK(found.metrics[1].epoch == 1);
  CHECK(found.metrics[2].split.empty());
  CHECK(found.metrics[2].name == "throughput");

  REQUIRE(found.artifacts.size() == 2);
  CHECK(found.artifacts[0].name == "weights");
  CHECK(found.artifacts[0].hash == std::string(64, 'a'));
  CHECK(found.artifacts[0].bytes == 9007199254740993);
  CHECK(found.artifacts[1].name == "checkpoint");
}

TEST_CASE("two stages that make the same architecture keep their own lineage") {
  const TemporaryDirectory directory;
  Repository repository(directory.path(), Repository::Access::write);
  SmallPlan().record(repository);
  StageOutcome outcome = full_outcome();
  run_stage(repository, "cut1", outcome);
  outcome.architecture->parent = "B0";
  outcome.architecture->kept = {{"conv1", {1, 3, 4}}};
  run_stage(repository, "l1cut1", outcome);
  CHECK(repository.rows("architectures").size() == 1);
  CHECK(repository.outcome("cut1").architecture->parent == "A0");
  CHECK(repository.outcome("cut1").architecture->kept == Json({{"conv1", {0, 2, 5}}}));
  CHECK(repository.outcome("l1cut1").architecture->parent == "B0");
  CHECK(repository.outcome("l1cut1").architecture->kept == Json({{"conv1", {1, 3, 4}}}));
}

TEST_CASE("values hold no number that JSON would lose") {
  const TemporaryDirectory directory;
  Repository repository(directory.path(), Repository::Access::write);
  SmallPlan().record(repository);
  StageOutcome outcome = measured(0.5);
  outcome.values = {{"loss", std::nan("")}, {"curve", {1.5, -INFINITY}}};
  run_stage(repository, "test-base", outcome);
  CHECK(repository.outcome("test-base").values == Json({{"loss", "nan"}, {"curve", {1.5, "-inf"}}}));
}
