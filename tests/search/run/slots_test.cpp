#include "search/run/machine.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "storage/base/error.h"

using search::plan_slots;
using search::Resources;

namespace {

/// "cpu:1 cpu:1": device and threads of every slot.
std::string slots(const Resources& resources, int cores, int gpus) {
  std::string text;
  for (const search::Slot& slot : plan_slots(resources, search::Machine{cores, gpus}))
    text += (text.empty() ? "" : " ") + slot.device + "/" + std::to_string(slot.threads);
  return text;
}

storage::ErrorKind kind_of_error(const Resources& resources, int cores, int gpus) {
  try {
    plan_slots(resources, search::Machine{cores, gpus});
  } catch (const storage::Error& error) {
    return error.kind();
  }
  FAIL("no error");
  return storage::ErrorKind::internal;
}

}  // namespace

TEST_CASE("memory bounds the slots that are counted by themselves") {
  constexpr std::int64_t GiB = std::int64_t{1} << 30;
  const auto count = [](const Resources& resources, const search::Machine& machine) { return plan_slots(resources, machine).size(); };
  CHECK(count({.memory_per_trial = 6 * GiB}, {8, 0, 20 * GiB, 0}) == 3);
  CHECK(count({.memory_per_trial = 6 * GiB}, {2, 0, 20 * GiB, 0}) == 2);
  CHECK(count({.memory_per_trial = 6 * GiB}, {8, 0, 4 * GiB, 0}) == 1);
  CHECK(count({.slots = 5, .memory_per_trial = 6 * GiB}, {8, 0, 20 * GiB, 0}) == 5);
  // Two GPUs of 20 GiB hold three each, in turn.
  const std::vector<search::Slot> packed = plan_slots({.memory_per_trial = 6 * GiB}, {12, 2, 64 * GiB, 20 * GiB});
  REQUIRE(packed.size() == 6);
  CHECK(packed[0].device == "cuda:0");
  CHECK(packed[1].device == "cuda:1");
  CHECK(packed[5].device == "cuda:1");
  CHECK(packed[5].threads == 2);
}

TEST_CASE("slots on a CPU are one thread each, as many as there are cores") {
  CHECK(slots({}, 3, 0) == "cpu/1 cpu/1 cpu/1");
  CHECK(slots({.threads_per_slot = 2}, 5, 0) == "cpu/2 cpu/2");
  CHECK(slots({.threads_per_slot = 8}, 2, 0) == "cpu/8");
  CHECK(slots({.slots = 2}, 8, 0) == "cpu/1 cpu/1");
  CHECK(slots({.slots = 2, .threads_per_slot = 4}, 2, 0) == "cpu/4 cpu/4");
  CHECK(slots({.device = "cpu"}, 1, 4) == "cpu/1");
}

TEST_CASE("slots on GPUs are one each, the cores dealt out") {
  CHECK(slots({}, 8, 2) == "cuda:0/4 cuda:1/4");
  CHECK(slots({.device = "cuda"}, 1, 2) == "cuda:0/1 cuda:1/1");
  CHECK(slots({.device = "cuda:1"}, 8, 2) == "cuda:1/8");
  CHECK(slots({.device = "cuda:2,0"}, 8, 3) == "cuda:2/4 cuda:0/4");
  CHECK(slots({.slots = 3, .threads_per_slot = 1}, 8, 2) == "cuda:0/1 cuda:1/1 cuda:0/1");
}

TEST_CASE("devices that are not there are an error of the environment, others of the input") {
  CHECK(kind_of_error({.device = "cuda"}, 8, 0) == storage::ErrorKind::environment);
  CHECK(kind_of_error({.device = "cuda:0"}, 8, 0) == storage::ErrorKind::environment);
  CHECK(kind_of_error({.device = "cuda:0,2"}, 8, 2) == storage::ErrorKind::environment);
  for (const char* device : {"gpu", "cuda:", "cuda:x", "cuda:0,", "cuda:99999999999", "cuda0"})
    CHECK(kind_of_error({.device = device}, 8, 2) == storage::ErrorKind::invalid);
}

TEST_CASE("CUDA_VISIBLE_DEVICES can hide all GPUs") {
  ::setenv("CUDA_VISIBLE_DEVICES", "", 1);
  CHECK(search::usable_gpus("/no/such/worker") == 0);  // the worker is not even asked
  ::unsetenv("CUDA_VISIBLE_DEVICES");
}

TEST_CASE("NAS_WORKER names the worker, else it is beside the program") {
  ::setenv("NAS_WORKER", "/somewhere/nas-worker", 1);
  CHECK(search::find_worker() == "/somewhere/nas-worker");
  ::unsetenv("NAS_WORKER");
  CHECK(search::find_worker() == std::filesystem::read_symlink("/proc/self/exe").parent_path() / "nas-worker");
}
