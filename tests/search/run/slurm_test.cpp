// The executor slurm with a stand-in for Slurm's commands, and what each of these is told and answers.
#include "search/run/executors/slurm.h"

#include <catch2/catch.hpp>
#include <csignal>

#include "search/run/executors/node_record.h"
#include "search/run/executors/probe.h"
#include "search/run/executors/registry.h"
#include "search/run/executors/slurm_commands.h"
#include "search/run/machine.h"
#include "storage/base/error.h"
#include "tests/support/fake_slurm.h"
#include "tests/support/temporary_directory.h"

using search::Allocation;
using search::Event;
using search::Json;
using search::NodeRecord;
using search::SlurmRequest;
using search::WorkerEnd;
using storage::StageState;

namespace {

using State = Allocation::State;

struct SlurmFixture {
  support::TemporaryDirectory directory;
  support::FakeSlurm slurm{directory.path()};
  search::Resources resources{.executor = "slurm",
                              .slurm = {.seats = 3, .worker = FAKE_WORKER, .idle_s = 20, .poll_s = 1, .delay_s = 1},
                              .shared = directory.path() / "shared"};
  std::vector<std::string> notes;
  std::unique_ptr<search::Executor> executor = make();

  std::unique_ptr<search::Executor> make() const {
    return search::make_executor(resources,
                                 {directory.path() / "results", "", search::plan_slots(resources, ""), std::chrono::seconds(60)});
  }

  void start(int slot, const std::string& stage, const std::string& order, int attempt = 1) {
    executor->start(slot, {stage, attempt, search::StageKind::train, {{"do", order}}, Json::object()});
  }

  int requests() const {
    int count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path() / "shared/results/workers"))
      count += entry.path().filename() == "request-1.json" ? 1 : 0;
    return count;
  }

  /// Starts it, and waits until its pilot has the request.
  void give(int slot, const std::string& stage, const std::string& order) {
    const int before = requests();
    start(slot, stage, order);
    for (int i = 0; i < 300 && requests() == before; ++i) executor->wait(std::chrono::milliseconds{100});
  }

  /// The next event that says something of a stage.
  Event next() {
    for (int i = 0; i < 300; ++i) {
      const auto event = executor->wait(std::chrono::milliseconds{100});
      if (event && event->kind == Event::Kind::note) notes.push_back(event->message);
      if (event && event->kind != Event::Kind::note) return *event;
    }
    FAIL("no event within half a minute");
    return {};
  }

  Event next_finish() {
    Event event = next();
    while (event.kind != Event::Kind::finished) event = next();
    return event;
  }

  /// The job's process dies, and the queue says so.
  void fail(const std::string& job, const std::string& state, int status) const {
    const std::string line = slurm.read(job + ".job");
    slurm.put(job + ".job", line.substr(0, line.find("RUNNING")) + state + "|" + std::to_string(status) + "|node0|\n");
    ::kill(slurm.process(job), SIGKILL);
  }

  /// nas-run is gone from one moment to the next, and another one is started.
  void restart() {
    static_cast<void>(executor.release());  // what a killed process does not tidy up
    executor = make();
  }

  std::string error() {
    try {
      next();
    } catch (const storage::Error& error) {
      CHECK(error.kind() == storage::ErrorKind::environment);
      return error.what();
    }
    return "";
  }
};

}  // namespace

TEST_CASE_METHOD(SlurmFixture, "all that is wanted is asked for in one array, and the pilots run what comes") {
  start(0, "a", "finish");
  start(1, "b", "finish");
  std::set<Json> pids;
  for (int i = 0; i < 2; ++i) {
    const Event event = next_finish();
    CHECK(event.outcome.state == StageState::done);
    pids.insert(event.outcome.values.at("surroundings").at("pid"));
    CHECK(event.outcome.values.at("request").at("directory") == (directory.path() / "shared/results").string());
  }
  CHECK(pids == std::set<Json>{slurm.process("1_0"), slurm.process("1_1")});
  start(2, "c", "finish");  // another slot, and a worker that is there
  CHECK(pids.contains(next_finish().outcome.values.at("surroundings").at("pid")));
  executor.reset();
  CHECK(std::filesystem::is_empty(directory.path() / "shared/results/workers"));
  CHECK(slurm.read("next") == "1\n");
}

TEST_CASE_METHOD(SlurmFixture, "a stage that a worker has been handed is waited for until it says that it has begun") {
  start(0, "a", "finish");
  CHECK(next_finish().outcome.state == StageState::done);
  CHECK_FALSE(
      executor->start(1, {"b", 1, search::StageKind::train, {{"do", "finish"}}, Json::object()}));  // the worker is there, and may leave
  CHECK(next_finish().outcome.state == StageState::done);
}

TEST_CASE_METHOD(SlurmFixture, "fewer jobs are asked for where Slurm refuses as many") {
  slurm.put("most", "1");
  for (int slot = 0; slot < 3; ++slot) start(slot, std::to_string(slot), "finish");
  for (int i = 0; i < 3; ++i) CHECK(next_finish().outcome.state == StageState::done);
  CHECK_THAT(slurm.read("calls"), Catch::Contains("--array=0-2 ") && Catch::Contains("--array=0-0 "));
}

TEST_CASE_METHOD(SlurmFixture, "jobs are asked for later where their folders cannot be made for a moment") {
  const std::filesystem::path workers = directory.path() / "shared/results/workers", kept = directory.path() / "kept";
  std::filesystem::rename(workers, kept);
  std::ofstream(workers) << "";
  start(0, "a", "finish");
  const auto note = executor->wait(std::chrono::milliseconds{0});
  REQUIRE(note.has_value());
  CHECK(note->kind == Event::Kind::note);
  CHECK_THAT(note->message, Catch::StartsWith("slurm: cannot make the directory " + workers.string()));
  std::filesystem::remove(workers);
  std::filesystem::rename(kept, workers);
  CHECK(next_finish().outcome.state == StageState::done);
  CHECK(slurm.read("next") == "1\n");
}

TEST_CASE_METHOD(SlurmFixture, "a job that Slurm refuses alone, with no other there, is an error that says why") {
  slurm.put("refuse", "sbatch: error: invalid partition specified: nowhere");
  start(0, "a", "finish");
  CHECK_THAT(error(), Catch::Contains("sbatch refuses a job") && Catch::Contains("invalid partition specified: nowhere"));
}

TEST_CASE_METHOD(SlurmFixture, "a job whose sbatch had no answer is found by its name") {
  slurm.put("deaf", GENERATE("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
                             "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"));
  start(0, "a", "finish");
  CHECK(next_finish().outcome.state == StageState::done);
  slurm.remove("deaf");
  executor->interrupt();
  executor.reset();
  CHECK(slurm.read("next") == "1\n");
}

TEST_CASE_METHOD(SlurmFixture, "a queue that forgets its jobs does not end what they run") {
  start(0, "a", "stay alive");
  CHECK(next_finish().outcome.state == StageState::done);  // warm
  slurm.put("forget", "");
  start(0, "b", "stay alive");
  CHECK(next_finish().outcome.state == StageState::done);
}

TEST_CASE_METHOD(SlurmFixture, "a forgotten job that says nothing any more gives its stage back, uncounted") {
  give(0, "a", "wait for SIGTERM");
  slurm.put("forget", "");
  ::kill(slurm.process("1_0"), SIGKILL);
  const Event event = next_finish();
  CHECK(event.outcome.state == StageState::interrupted);
  CHECK(event.outcome.failure_kind == "preempted");
  slurm.remove("forget");
  start(0, "b", "finish");
  CHECK(next_finish().outcome.state == StageState::done);
}

TEST_CASE_METHOD(SlurmFixture, "how a job ended says what its stage failed of") {
  const auto [state, status, kind] = GENERATE(table<std::string, int, std::string>({{"FAILED", 9, "lost"},
                                                                                    {"FAILED", 768, "crash"},
                                                                                    {"OUT_OF_MEMORY", 9, "oom"},
                                                                                    {"TIMEOUT", 15, "preempted"},
                                                                                    {"PREEMPTED", 15, "preempted"},
                                                                                    {"NODE_FAIL", 0, "preempted"},
                                                                                    {"CANCELLED", 15, "preempted"}}));
  give(0, "a", "wait for SIGTERM");
  fail("1_0", state, status);
  const Event event = next_finish();
  CHECK(event.outcome.failure_kind == kind);
  CHECK(event.outcome.state == (kind == "preempted" ? StageState::interrupted : StageState::failed));
}

TEST_CASE_METHOD(SlurmFixture, "a nas-run that was killed finds its pilots, their stages and their results again") {
  start(0, "a", "stay alive", 4);
  start(1, "b", "finish");
  while (next_finish().fingerprint != "b") continue;
  restart();
  const auto adopted = executor->adopted();
  REQUIRE(adopted.size() == 2);  // of b too: whether its result was recorded is for the run to say
  const auto a = std::find_if(adopted.begin(), adopted.end(), [](const search::Adopted& each) { return each.fingerprint == "a"; });
  REQUIRE(a != adopted.end());
  CHECK(a->attempt == 4);
  CHECK(next_finish().fingerprint == "b");
  const Event event = next_finish();
  CHECK(event.fingerprint == "a");
  CHECK(event.attempt == 4);
  CHECK(event.slot == a->slot);
  start(2, "c", "finish");  // by one of them
  CHECK(next_finish().outcome.state == StageState::done);
  CHECK(slurm.read("next") == "1\n");
}

TEST_CASE_METHOD(SlurmFixture, "a worker that is gone when it is looked for gives its stage back") {
  give(0, "a", "wait for SIGTERM");
  fail("1_0", "NODE_FAIL", 0);
  restart();
  CHECK(executor->adopted().size() == 1);
  const Event event = next_finish();
  CHECK(event.fingerprint == "a");
  CHECK(event.outcome.failure_kind == "preempted");
}

TEST_CASE_METHOD(SlurmFixture, "a request that a worker no longer takes goes to another") {
  start(0, "a", "finish");
  CHECK(next_finish().outcome.state == StageState::done);
  ::kill(slurm.process("1_0"), SIGTERM);
  start(0, "b", "finish");
  CHECK(next_finish().outcome.state == StageState::done);
  CHECK(slurm.read("next") == "2\n");
}

TEST_CASE_METHOD(SlurmFixture, "stages are told to write a checkpoint, and jobs that are killed are cancelled") {
  give(0, "a", "wait for SIGTERM");
  SECTION("checkpoint") {
    executor->interrupt();
    const Event event = next_finish();
    CHECK(event.outcome.state == StageState::interrupted);
    CHECK(event.outcome.failure_kind.empty());
  }
  SECTION("kill") {
    executor->kill();
    executor.reset();
    CHECK_THAT(slurm.read("calls"), Catch::Contains("scancel 1_"));
  }
}

TEST_CASE_METHOD(SlurmFixture, "workers that cannot be started are an error, with what they printed") {
  resources.slurm.worker = "/no/such/nas-worker";
  executor = make();
  start(0, "a", "finish");
  CHECK_THAT(error(),
             Catch::Contains("3 workers one after the other ended before they had said a word") && Catch::Contains("/no/such/nas-worker"));
}

TEST_CASE_METHOD(SlurmFixture, "a doctor sends a job, and says what came of it in a sentence") {
  const auto wrong = [this] {
    try {
      search::probe_slurm(resources, std::chrono::seconds(4));
    } catch (const storage::Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  SECTION("well") {
    const search::Probe probe = search::probe_slurm(resources, std::chrono::seconds(20));
    CHECK(probe.host == "node0");
    CHECK(probe.devices.at("version") == "fake");
    CHECK(probe.queued_s > 0);
    CHECK(probe.shared_s > 0);
  }
  SECTION("refused") {
    slurm.put("refuse", "sbatch: error: invalid account");
    CHECK(wrong() == "sbatch: sbatch: error: invalid account");
  }
  SECTION("no worker there") {
    resources.slurm.worker = "/no/such/nas-worker";
    CHECK_THAT(wrong(), Catch::Contains("node0") && Catch::Contains("/no/such/nas-worker"));
  }
  SECTION("silent") {
    resources.slurm.worker = directory.path() / "silent";
    std::ofstream(resources.slurm.worker) << "#!/bin/sh\n[ $1 != --devices ] || exec " FAKE_WORKER " --devices\nexec sleep 60\n";
    std::filesystem::permissions(resources.slurm.worker, std::filesystem::perms::owner_all);
    CHECK_THAT(wrong(), Catch::Contains("node0") && Catch::Contains("is that folder there, under that name?"));
  }
  SECTION("no folder") {
    resources.shared.clear();
    CHECK(wrong() == "the experiment names no folder resources.shared");
  }
  CHECK((!std::filesystem::exists(directory.path() / "shared/doctor") || std::filesystem::is_empty(directory.path() / "shared/doctor")));
}

TEST_CASE("a seat is a slot with a device of its own") {
  const auto slots = search::plan_slots({.executor = "slurm", .slurm = {.seats = 2, .gpus_per_seat = 1, .threads = 4}}, "");
  REQUIRE(slots.size() == 2);
  CHECK(slots[1].device == "cuda");
  CHECK(slots[1].threads == 4);
  CHECK(slots[1].host.empty());
  CHECK(slots[0].exclusive != slots[1].exclusive);
}

TEST_CASE("sbatch is asked for what the experiment says") {
  const SlurmRequest request{.partition = "gpu",
                             .account = "lab",
                             .time = "4:00:00",
                             .constraint = "a100",
                             .memory = "16G",
                             .gpus_per_seat = 1,
                             .threads = 4,
                             .extra = {"--qos=low"}};
  const search::Command command = search::sbatch(request, {"cuda", 4}, "/shared/it's/workers", "nas-1-2", 3, {"n3", "n7"});
  const std::vector<std::string> most(command.arguments.begin(), command.arguments.end() - 1);
  CHECK(command.program == "sbatch");
  CHECK(most == std::vector<std::string>{"--parsable", "--no-requeue", "--ntasks=1", "--job-name=nas-1-2", "--array=0-2",
                                         "--output=/shared/it's/workers/nas-1-2.%a/log", "--signal=B:TERM@60", "--cpus-per-task=4",
                                         "--partition=gpu", "--account=lab", "--time=4:00:00", "--constraint=a100", "--mem=16G",
                                         "--gres=gpu:1", "--exclude=n3,n7", "--qos=low"});
  CHECK_THAT(command.arguments.back(),
             Catch::Contains("exec env OMP_NUM_THREADS=4 OMP_WAIT_POLICY=passive GOMP_SPINCOUNT=0 nas-worker --threads 4 --device cuda "
                             "--folder '/shared/it'\\''s/workers/nas-1-2'.$SLURM_ARRAY_TASK_ID"));
  CHECK_THAT(search::sbatch({}, {"cpu", 1}, "/w", "n", 1, {}).arguments.back(), Catch::Contains(" CUDA_VISIBLE_DEVICES= "));
}

TEST_CASE("squeue's lines say where jobs are; others' jobs and warnings are passed over") {
  const auto seen = search::allocations_from(
      "slurm_load_jobs: a warning\n"
      "nas-ab-1|0|12|PENDING|0||\n"
      "nas-ab-1|1|12|RUNNING|0|n1|\n"
      "nas-ab-1|2|12|COMPLETING|0|n1|\n"
      "nas-ab-1|3|12|FAILED|256|n2|\n"
      "nas-cd-1|0|13|RUNNING|0|n2|\n",
      "nas-ab-");
  REQUIRE(seen.size() == 4);
  CHECK(seen.at("nas-ab-1.0").state == State::waiting);
  CHECK(seen.at("nas-ab-1.1").state == State::running);
  CHECK(seen.at("nas-ab-1.1").job == "12_1");
  CHECK(seen.at("nas-ab-1.1").node == "n1");
  CHECK(seen.at("nas-ab-1.2").state == State::running);
  CHECK(seen.at("nas-ab-1.3").state == State::ended);
  CHECK(seen.at("nas-ab-1.3").end.text == "the worker's job on node n2 is FAILED, exit code 1");
  CHECK(search::job_id_from("sbatch: warning: 3\n1234;cluster\n") == "1234");
  CHECK(search::job_id_from("sbatch: error: no\n").empty());
}

TEST_CASE("a node that fails three different stages fast, which no other fails, is excluded") {
  NodeRecord record;
  CHECK(record.ended("n1", {"a", true, 1}).empty());
  CHECK(record.ended("n1", {"b", true, 1}).empty());
  SECTION("three") {
    CHECK(record.ended("n1", {"b", true, 1}).empty());  // again: the stage's fault, perhaps
    CHECK(record.ended("n1", {"c", true, 1}) == "node n1 failed 3 times in succession, each within a minute: it gets no more");
    CHECK(record.excluded() == std::set<std::string>{"n1"});
  }
  SECTION("one that went well between them") {
    record.ended("n1", {"good", false, 1});
    CHECK(record.ended("n1", {"c", true, 1}).empty());
  }
  SECTION("slowly") {
    CHECK(record.ended("n1", {"c", true, 3600}).empty());
  }
  SECTION("stages that fail everywhere") {
    record.ended("n2", {"a", true, 1});
    CHECK(record.ended("n1", {"c", true, 1}).empty());
  }
}
