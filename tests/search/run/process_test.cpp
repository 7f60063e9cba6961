#include "search/run/executors/registry.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "search/experiment/experiment.h"
#include "search/run/executors/pipe_channel.h"
#include "search/run/executors/worker_pool.h"
#include "search/run/machine.h"
#include "storage/base/error.h"
#include "tests/support/fake_run.h"
#include "tests/support/fake_slurm.h"
#include "tests/support/ssh_stand_in.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/throws.h"

using search::Event;
using search::Json;
using search::Slot;
using storage::StageState;

namespace {

/// The process executor with the program of tests/support/fake_worker.cpp.
struct ProcessFixture {
  support::TemporaryDirectory directory;
  std::unique_ptr<search::Executor> executor = make({{"cpu", 1}, {"cpu", 3}});

  std::unique_ptr<search::Executor> make(std::vector<Slot> slots) const {
    return search::make_process_executor({directory.path(), FAKE_WORKER, std::move(slots)});
  }

  void start(int slot, const std::string& stage, const std::string& order, int attempt = 1) {
    executor->start(slot, {stage, attempt, search::StageKind::train, {{"do", order}}, Json::object()});
  }

  Event next() {
    for (int i = 0; i < 100; ++i)
      if (auto event = executor->wait(std::chrono::milliseconds{600})) return *event;
    FAIL("no event within a minute");
    return {};
  }

  /// The next outcome, progress left out.
  Event next_finish() {
    Event event = next();
    while (event.kind == Event::Kind::progress) event = next();
    return event;
  }
};

}  // namespace

TEST_CASE_METHOD(ProcessFixture, "a worker reports progress and the result of its stage") {
  start(1, "fp", "finish");
  const Event progress = next();
  CHECK(progress.kind == Event::Kind::progress);
  CHECK(progress.slot == 1);
  CHECK(progress.fingerprint == "fp");
  CHECK(progress.fraction == 0.5);
  CHECK(progress.message == "halfway");
  const Event result = next();
  CHECK(result.kind == Event::Kind::finished);
  CHECK(result.slot == 1);
  CHECK(result.fingerprint == "fp");
  CHECK(result.outcome.state == StageState::done);
  CHECK(result.outcome.wall_s == 0.25);
  CHECK(result.outcome.values.at("request") == Json{{"stage", "fp"},
                                                    {"attempt", 1},
                                                    {"kind", "train"},
                                                    {"parameters", {{"do", "finish"}}},
                                                    {"inputs", Json::object()},
                                                    {"directory", directory.path().string()}});
}

TEST_CASE_METHOD(ProcessFixture, "a worker is started in its place: threads, device, group, and no descriptors of ours") {
  Json expected{"0", "1", "2", "3"};
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {  // what every program started from here inherits
    const int descriptor = std::stoi(entry.path().filename());
    const int flags = ::fcntl(descriptor, F_GETFD);
    if (descriptor > 3 && flags >= 0 && (flags & FD_CLOEXEC) == 0) expected.push_back(entry.path().filename());
  }
  std::sort(expected.begin(), expected.end());
  start(0, "a", "finish");
  next_finish();
  start(1, "b", "finish");  // while another worker's pipes are open
  const Json there = next_finish().outcome.values.at("surroundings");
  CHECK(there.at("arguments") == Json{"--threads", "3", "--device", "cpu", "--parent", std::to_string(::getpid())});
  CHECK(there.at("environment") ==
        Json{{"OMP_NUM_THREADS", "3"}, {"OMP_WAIT_POLICY", "passive"}, {"GOMP_SPINCOUNT", "0"}, {"CUDA_VISIBLE_DEVICES", ""}});
  CHECK(there.at("group") == there.at("pid"));
  CHECK(there.at("descriptors") == expected);
}

TEST_CASE_METHOD(ProcessFixture, "a worker sees one GPU: that of its slot among those that we may use") {
  const auto seen = [&] {
    executor = make({{"cuda:1", 1}});
    start(0, "a", "finish");
    const Json there = next_finish().outcome.values.at("surroundings");
    CHECK(there.at("arguments").at(3) == "cuda");
    return there.at("environment").at("CUDA_VISIBLE_DEVICES").get<std::string>();
  };
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  CHECK(seen() == "1");
  ::setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5d,6", 1);
  CHECK(seen() == "GPU-5d");
  ::unsetenv("CUDA_VISIBLE_DEVICES");
}

TEST_CASE_METHOD(ProcessFixture, "a worker stays warm between stages") {
  start(0, "a", "finish");
  const Json first = next_finish().outcome.values.at("surroundings").at("pid");
  start(0, "b", "finish");
  CHECK(next_finish().outcome.values.at("surroundings").at("pid") == first);
}

TEST_CASE_METHOD(ProcessFixture, "a killed worker loses its stage only") {
  start(1, "other", "wait for SIGTERM");
  start(0, "fp", "kill itself");
  const Event event = next_finish();
  CHECK(event.slot == 0);
  CHECK(event.fingerprint == "fp");
  CHECK(event.outcome.state == StageState::failed);
  CHECK(event.outcome.failure_kind == "lost");
  CHECK(event.outcome.failure == "worker killed by signal 9 (Killed)\nabout to die\n");

  start(0, "again", "finish");  // a new worker
  CHECK(next_finish().outcome.state == StageState::done);
  executor->interrupt();
  const Event other = next_finish();
  CHECK(other.fingerprint == "other");
  CHECK(other.outcome.state == StageState::interrupted);
}

TEST_CASE_METHOD(ProcessFixture, "the failure holds what was printed during this stage only") {
  start(0, "first", "kill itself");
  next_finish();
  start(0, "second", "exit");
  const Event event = next_finish();
  CHECK(event.outcome.failure_kind == "crash");
  CHECK(event.outcome.failure == "worker exited with code 3");
  std::ifstream log(directory.path() / "log" / "worker-0.log");
  std::stringstream all;
  all << log.rdbuf();
  CHECK(all.str() == "about to die\n");
}

TEST_CASE_METHOD(ProcessFixture, "a worker that cannot be understood is ended") {
  SECTION("no JSON") {
    start(0, "fp", "write garbage");
    const Event event = next_finish();
    CHECK(event.outcome.failure_kind == "crash");
    CHECK_THAT(event.outcome.failure, Catch::Contains("\"no event\""));
  }
  SECTION("another's stage") {
    start(0, "fp", "answer for another");
    const Event event = next_finish();
    CHECK(event.fingerprint == "fp");
    CHECK(event.outcome.failure_kind == "crash");
  }
  start(0, "next", "finish");
  CHECK(next_finish().outcome.state == StageState::done);
}

TEST_CASE_METHOD(ProcessFixture, "what a worker says of an earlier attempt is handed on as such, and does not end the stage") {
  start(0, "fp", "answer for an earlier attempt first", 3);
  const Event progress = next(), stale = next(), own = next();
  CHECK(progress.attempt == 2);
  CHECK(stale.attempt == 2);
  CHECK(stale.outcome.state == StageState::failed);
  CHECK(own.attempt == 3);
  CHECK(own.outcome.state == StageState::done);
  start(0, "next", "kill itself", 2);
  CHECK(next_finish().attempt == 2);
}

TEST_CASE_METHOD(ProcessFixture, "a worker that ends after its result is replaced") {
  start(0, "a", "finish and exit");
  CHECK(next_finish().outcome.state == StageState::done);
  start(0, "b", "finish");
  const Event event = next_finish();
  CHECK(event.fingerprint == "b");
  CHECK(event.outcome.state == StageState::done);
}

TEST_CASE_METHOD(ProcessFixture, "a worker that leaves without having said anything of its stage is replaced once") {
  start(0, "first", "finish");
  next_finish();
  start(0, "once", "leave once");
  CHECK(next_finish().outcome.state == StageState::done);
  start(0, "always", "leave");
  const Event event = next_finish();
  CHECK(event.outcome.failure_kind == "crash");
  CHECK(event.outcome.failure == "worker exited with code 0");
}

TEST_CASE_METHOD(ProcessFixture, "an interrupted worker answers, leaves or dies") {
  executor = make({{"cpu", 1}, {"cpu", 1}, {"cpu", 1}});
  start(0, "answers", "wait for SIGTERM");
  start(1, "dies", "die of SIGTERM");
  start(2, "leaves", "leave at SIGTERM");
  for (int i = 0; i < 3; ++i) CHECK(next().message == "waiting");
  executor->interrupt();
  for (int i = 0; i < 3; ++i) CHECK(next_finish().outcome.state == StageState::interrupted);
  start(0, "after", "finish");
  CHECK(next_finish().outcome.state == StageState::done);
}

TEST_CASE_METHOD(ProcessFixture, "a worker that is stopped is noticed by its silence, and its stage is lost") {
  executor = search::make_process_executor({directory.path(), FAKE_WORKER, {{"cpu", 1}, {"cpu", 1}}, std::chrono::seconds(1)});
  start(0, "a", "stop itself");
  start(1, "b", "stay alive");
  const Event lost = next_finish();
  CHECK(lost.fingerprint == "a");
  CHECK(lost.outcome.failure_kind == "lost");
  CHECK_THAT(lost.outcome.failure, Catch::Contains("the worker said nothing for 1 s: it was stopped, or hangs"));
  const Event done = next_finish();  // it says every now and then that it is there
  CHECK(done.fingerprint == "b");
  CHECK(done.outcome.state == StageState::done);
  start(0, "c", "finish");  // by a new worker
  CHECK(next_finish().fingerprint == "c");
}

TEST_CASE_METHOD(ProcessFixture, "a worker that was stopped for as long as its executor was is not lost") {
  executor = search::make_process_executor({directory.path(), FAKE_WORKER, {{"cpu", 1}}, std::chrono::seconds(2)});
  start(0, "a", "stop itself, then finish");
  const pid_t worker = std::stoi(next().message);
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));  // this process looks at nothing meanwhile
  kill(worker, SIGCONT);
  CHECK(next_finish().outcome.state == StageState::done);
}

TEST_CASE_METHOD(ProcessFixture, "an aborted stage fails as it is told, and its slot is free") {
  start(0, "a", "wait for SIGTERM");
  next();
  executor->abort(0, "timeout", "too long");
  const Event event = next_finish();
  CHECK(event.fingerprint == "a");
  CHECK(event.outcome.failure_kind == "timeout");
  CHECK_THAT(event.outcome.failure, Catch::StartsWith("too long"));
  start(0, "b", "finish");
  CHECK(next_finish().fingerprint == "b");
}

TEST_CASE_METHOD(ProcessFixture, "kill ends all workers and keeps what they had said") {
  start(0, "a", "wait for SIGTERM");
  start(1, "b", "wait for SIGTERM");
  next();
  executor->kill();
  while (const auto event = executor->wait(std::chrono::milliseconds{0})) CHECK(event->kind == Event::Kind::progress);
  start(0, "c", "finish");
  CHECK(next_finish().fingerprint == "c");
}

TEST_CASE_METHOD(ProcessFixture, "an executor is made by the name that the experiment gives") {
  const support::SshStandIn ssh(directory.path());
  const support::FakeSlurm slurm(directory.path());
  for (const std::string& name : search::executor_names()) {
    executor =
        search::make_executor({.executor = name, .hosts = {{.name = "here", .worker = FAKE_WORKER}}, .slurm = {.worker = FAKE_WORKER}},
                              {directory.path(), FAKE_WORKER, {{"cpu", 1, "here"}}});
    start(0, "a", "finish");
    CHECK(next_finish().outcome.state == StageState::done);
  }
  CHECK_THROWS_WITH(search::make_executor({.executor = "pbs"}, {}), "executor 'pbs' is not known (valid: process, ssh, slurm)");
}

TEST_CASE_METHOD(ProcessFixture,
                 "through ssh stages run as they do here, on their slots' hosts, and leave what they make in a shared folder") {
  const support::SshStandIn ssh(directory.path());
  const search::Resources resources{
      .executor = "ssh",
      .hosts = {{.name = "one", .slots = 1, .worker = FAKE_WORKER},
                {.name = "two", .device = "cuda", .slots = 3, .threads = 2, .gpus = 2, .worker = FAKE_WORKER}},
      .shared = directory.path() / "shared"};
  const std::vector<Slot> slots = search::plan_slots(resources, "none");
  REQUIRE(slots.size() == 4);
  CHECK(slots[3].device == "cuda:0");  // of two, in turn
  CHECK(slots[3].exclusive == "two cuda:0");
  executor = search::make_executor(resources, {directory.path() / "results", "none", slots});
  CHECK(std::filesystem::read_symlink(directory.path() / "results/artifacts") == directory.path() / "shared/results/artifacts");
  for (const int slot : {0, 2}) start(slot, slot == 0 ? "a" : "b", "finish");
  for (int i = 0; i < 2; ++i) {
    const Event result = next_finish();
    CHECK(result.outcome.state == StageState::done);
    CHECK(result.outcome.values.at("request").at("directory") == (directory.path() / "shared/results").string());
  }
  CHECK_THAT(ssh.calls(), Catch::Contains("one exec env OMP_NUM_THREADS=1 ") && Catch::Contains("two exec env OMP_NUM_THREADS=2 ") &&
                              Catch::Contains("CUDA_VISIBLE_DEVICES=1 ") && Catch::Contains("BatchMode=yes"));
  start(0, "c", "wait for SIGTERM");  // no signal goes through ssh: a line says so
  CHECK(next().kind == Event::Kind::progress);
  executor->interrupt();
  CHECK(next_finish().outcome.state == StageState::interrupted);
}

TEST_CASE_METHOD(ProcessFixture,
                 "a host that does not answer, has too few GPUs, or results that lie elsewhere stop a run before it starts") {
  const support::SshStandIn ssh(directory.path());
  const auto refused = [&](search::Host host, const std::filesystem::path& shared, const std::string& why) {
    const search::Resources resources{.executor = "ssh", .hosts = {std::move(host)}, .shared = shared};
    CHECK_THROWS_WITH(search::make_executor(resources, {directory.path() / "results", "none", search::plan_slots(resources, "")}),
                      Catch::Contains(why));
  };
  refused({.name = "one", .worker = "/no/such/worker"}, "", "host one: '/no/such/worker --devices' fails there through ssh");
  refused({.name = "one", .worker = "true"}, "", "host one: true --devices does not answer as a worker does");
  refused({.name = "one", .device = "cuda", .gpus = 3, .worker = FAKE_WORKER}, "", "host one: its worker can use 2 GPUs; 3 are asked for");
  std::filesystem::create_directories(directory.path() / "results/artifacts/aa");
  refused({.name = "one", .worker = FAKE_WORKER}, directory.path() / "shared", "lies elsewhere than resources.shared says");
}

TEST_CASE_METHOD(ProcessFixture, "a worker that cannot be started is an error of the environment") {
  executor = search::make_process_executor({directory.path(), "/no/such/nas-worker", {{"cpu", 1}}});
  try {
    start(0, "a", "finish");
    FAIL("no error");
  } catch (const storage::Error& error) {
    CHECK(error.kind() == storage::ErrorKind::environment);
    CHECK_THAT(error.what(), Catch::Contains("/no/such/nas-worker") && Catch::Contains("NAS_WORKER"));
  }
}

TEST_CASE_METHOD(ProcessFixture, "a run with workers that die goes on, and keeps the reasons") {
  storage::Repository repository(directory.path(), storage::Repository::Access::write);
  const auto once = support::stage("once", {}, 1, {{"do", "kill itself once"}}),
             after = support::stage("after", {once}, 1, {{"do", "finish"}}),
             always = support::stage("always", {}, 1, {{"do", "kill itself"}}),
             never = support::stage("never", {always}, 1, {{"do", "finish"}});
  const search::RunLimits limits{.reliability = {.retries = {{"lost", 1}}, .max_failures = 0}, .budget = std::nullopt};
  const search::StopRequest stop;
  support::RecordingObserver observer;
  const search::RunSummary summary =
      search::run({}, support::FixedStrategy({once, after, always, never}), repository, *executor, limits, stop, observer);
  CHECK(summary.end == search::RunSummary::End::finished);
  CHECK(summary.executed == 2);
  CHECK(summary.failed == 1);
  CHECK(summary.blocked == 1);
  const auto statuses = repository.stage_statuses();
  CHECK(statuses.at(once.fingerprint).state == StageState::done);
  CHECK(statuses.at(once.fingerprint).attempt == 2);
  CHECK(statuses.at(always.fingerprint).state == StageState::failed);
  CHECK(statuses.at(always.fingerprint).attempt == 2);
  CHECK(repository.outcome(always.fingerprint).failure == "worker killed by signal 9 (Killed)\nabout to die\n");
  CHECK(observer.messages == std::vector<std::string>{"after: halfway"});
}

TEST_CASE_METHOD(ProcessFixture, "a worker that does not even die of SIGKILL is not waited for") {
  start(0, "a", "hide from kill");
  const pid_t pid = std::stoi(next().message);
  executor->abort(0, "timeout", "it took too long");
  const Event end = next_finish();
  CHECK(end.outcome.failure_kind == "timeout");
  CHECK(::kill(pid, 0) == 0);  // it is still there, and the slot works on
  start(0, "b", "finish");
  CHECK(next_finish().outcome.state == StageState::done);
  ::kill(pid, SIGKILL);
}

namespace {

/// Through which nothing comes.
class FailingChannel : public search::Channel {
 public:
  explicit FailingChannel(storage::ErrorKind kind) : kind_(kind) {}
  bool send(const std::string&) override { return true; }
  search::Link receive(std::vector<std::string>&) override { throw storage::Error(kind_, "no more"); }
  int descriptor() const override { return -1; }
  void stop(StopWorker) override {}
  search::WorkerEnd end() override { return {}; }

 private:
  storage::ErrorKind kind_;
};

}  // namespace

TEST_CASE("what this machine's disk refuses is not taken for a worker's word") {
  const auto wait = [](storage::ErrorKind kind) {
    search::PoolOptions options{.slots = {{"cpu", 1}}, .directory = "/nowhere"};
    const auto pool = search::make_worker_pool(std::move(options), [kind](int) { return std::make_unique<FailingChannel>(kind); });
    pool->start(0, {"a", 1, search::StageKind::train, Json::object(), Json::object()});
    return pool->wait(std::chrono::milliseconds{0});
  };
  CHECK(support::error_of([&] { wait(storage::ErrorKind::environment); }).kind() == storage::ErrorKind::environment);
  CHECK(support::error_of([&] { wait(storage::ErrorKind::storage); }).kind() == storage::ErrorKind::storage);
  const auto event = wait(storage::ErrorKind::invalid);
  REQUIRE(event.has_value());
  CHECK(event->outcome.failure_kind == "crash");
}

TEST_CASE("a request that is not read is given up") {
  const support::TemporaryDirectory directory;
  search::PipeChannel worker({.program = "/bin/sleep", .arguments = {"60"}, .environment = {}}, directory.path() / "log");
  CHECK(worker.send("short", std::chrono::milliseconds{100}));
  CHECK_FALSE(worker.send(std::string(std::size_t{8} << 20, 'x'), std::chrono::milliseconds{100}));
  worker.stop(search::Channel::StopWorker::kill);
  CHECK(worker.end().how == search::WorkerEnd::How::lost);
}
