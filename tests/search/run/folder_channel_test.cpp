// Both ends of a worker's folder: what network disks do to files, and what a cluster does to jobs.
#include "search/run/executors/folder_channel.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include <catch2/catch.hpp>

#include "search/run/executors/spawn.h"
#include "search/run/protocol.h"
#include "search/run/worker_folder.h"
#include "storage/base/file.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/throws.h"

using search::Allocation;
using search::FolderChannel;
using search::Json;
using search::Link;
using search::StageResult;
using search::WorkerEnd;
using storage::StageState;

namespace {

using State = Allocation::State;
using Stop = search::Channel::StopWorker;
using Lines = std::vector<std::string>;
using namespace std::chrono_literals;

std::string request_line(const std::string& stage, int attempt, const std::string& order = "") {
  return to_line(search::StageRequest{stage, attempt, search::StageKind::train, {{"do", order}}, Json::object(), "/nowhere"});
}

std::string result_line(const std::string& stage, int attempt, StageState state = StageState::done) {
  storage::StageOutcome outcome;
  outcome.state = state;
  return to_line(StageResult{stage, attempt, outcome});
}

/// A file in the place of a folder, which is back when the object dies: what is asked of the folder meanwhile fails.
class Away {
 public:
  explicit Away(std::filesystem::path folder) : folder_(std::move(folder)), kept_(folder_.string() + ".away") {
    std::filesystem::rename(folder_, kept_);
    std::ofstream(folder_) << "";
  }
  ~Away() {
    std::error_code ignored;
    std::filesystem::remove(folder_, ignored);
    std::filesystem::rename(kept_, folder_, ignored);
  }
  Away(const Away&) = delete;
  Away& operator=(const Away&) = delete;

 private:
  std::filesystem::path folder_, kept_;
};

/// A channel, with the pilot's end in the hands of the test.
struct ChannelFixture {
  support::TemporaryDirectory directory;
  std::shared_ptr<search::Pilot> pilot = std::make_shared<search::Pilot>();
  std::unique_ptr<FolderChannel> channel;
  int said = 0;

  ChannelFixture() {
    pilot->folder = directory.path();
    patient();
  }

  void patient() { channel = std::make_unique<FolderChannel>(pilot, 1h); }
  void say(const search::WorkerMessage& message) { say(to_line(message)); }
  void say(const std::string& line) { search::write_sealed(search::event_path(directory.path(), ++said), line); }

  Lines receive(Link expected) const {
    Lines lines;
    CHECK(channel->receive(lines) == expected);
    return lines;
  }

  void get_ready() {
    say(search::WorkerReady{{"node7", "slurm 12_3"}});
    CHECK(receive(Link::alive).empty());
  }

  void set(State state, WorkerEnd::How how = WorkerEnd::How::preempted) const {
    pilot->allocation = {state, {how, "TIMEOUT", ""}, "12_3", "node7"};
  }
};

}  // namespace

TEST_CASE("a sealed file is read whole or not at all") {
  const support::TemporaryDirectory directory;
  const auto path = directory.path() / "file";
  CHECK(search::read_sealed(path) == std::nullopt);
  search::write_sealed(path, "what\nis there");
  CHECK(search::read_sealed(path) == "what\nis there");
  const std::string whole = storage::read_file(path);
  CHECK(whole == "13 6b3e0f7a48286d77319d4611e366af4b7eda40c6917583918c9123fa3ed6b312\nwhat\nis there");
  for (const std::string& seen :
       {std::string(), whole.substr(0, 20), whole.substr(0, whole.size() - 1), whole + "x", std::string(80, '\0')}) {
    std::ofstream(path, std::ios::binary) << seen;
    CHECK(search::read_sealed(path) == std::nullopt);
  }
  search::write_sealed(path, "");
  CHECK(search::read_sealed(path) == "");
}

TEST_CASE_METHOD(ChannelFixture, "a pilot waits in the queue, gets ready, and answers a request") {
  CHECK(receive(Link::queued).empty());
  get_ready();
  CHECK(channel->send(request_line("a", 2)));
  CHECK(search::read_sealed(search::request_path(directory.path(), 1)) == request_line("a", 2));
  say(search::StageStarted{"a", 2, {"node7", "slurm 12_3"}});
  say(result_line("a", 2));
  CHECK(receive(Link::alive) == Lines{to_line(search::StageStarted{"a", 2, {"node7", "slurm 12_3"}}), result_line("a", 2)});
  CHECK(receive(Link::alive).empty());
}

TEST_CASE_METHOD(ChannelFixture, "an event that is seen late, empty or in part is waited for, and no later one overtakes it") {
  get_ready();
  channel->send(request_line("a", 1));
  std::ofstream(search::event_path(directory.path(), 2)) << "";
  search::write_sealed(search::event_path(directory.path(), 3), to_line(search::WorkerLeaves{"done"}));
  CHECK(receive(Link::alive).empty());
  search::write_sealed(search::event_path(directory.path(), 2), result_line("a", 1));
  CHECK(receive(Link::ended) == Lines{result_line("a", 1)});
  CHECK(channel->end().how == WorkerEnd::How::left);
  CHECK(channel->end().text == "worker left: done");
}

TEST_CASE_METHOD(ChannelFixture, "what comes of an earlier request or attempt is passed over") {
  get_ready();
  channel->send(request_line("b", 2));
  say(result_line("a", 1));
  say(result_line("b", 1));
  say(result_line("b", 2));
  CHECK(receive(Link::alive) == Lines{result_line("b", 2)});
}

TEST_CASE_METHOD(ChannelFixture, "a worker lives as long as its count goes up, whatever time its files have") {
  get_ready();
  channel->send(request_line("a", 1));
  const std::string progress = to_line(search::StageProgress{"a", 1, 0.5, "halfway"});
  const auto beat = [&](int count, const std::string& line) {
    search::write_sealed(search::alive_path(directory.path()), Json{{"beat", count}, {"progress", line}}.dump());
    auto again = FolderChannel::find(pilot, 1h);  // a new one looks at once
    Lines lines;
    again->channel->receive(lines);
    lines.insert(lines.end(), {"then"});
    again->channel->receive(lines);
    return lines;
  };
  CHECK(beat(1, progress) == Lines{to_line(search::Alive()), progress, "then"});
  CHECK(beat(2, to_line(search::StageProgress{"another", 1, 0.5, ""})) == Lines{to_line(search::Alive()), "then"});
}

TEST_CASE_METHOD(ChannelFixture, "a job that has ended or is forgotten says nothing of its stage: the result decides, then a deadline") {
  get_ready();
  channel->send(request_line("a", 1));
  const State state = GENERATE(State::ended, State::unknown);
  set(state);
  CHECK(receive(Link::alive).empty());  // its files may come late
  SECTION("a result") {
    say(result_line("a", 1));
    CHECK(receive(Link::alive) == Lines{result_line("a", 1)});
  }
  SECTION("none") {
    auto hasty = FolderChannel::find(pilot, state == State::unknown ? -10s : 0s);  // less the beats that it waits for
    Lines lines;
    CHECK(hasty->channel->receive(lines) == Link::ended);
    const WorkerEnd end = hasty->channel->end();
    CHECK(end.how == WorkerEnd::How::preempted);
    CHECK(end.text == (state == State::ended ? "TIMEOUT" : "the queue has forgotten the worker's job, and it says nothing"));
    CHECK(pilot->ends.empty());  // not the node's fault
  }
}

TEST_CASE_METHOD(ChannelFixture, "a worker that crashed has its log's end in the failure, and counts against its node") {
  get_ready();
  std::ofstream(search::log_path(directory.path())) << "earlier";
  channel->send(request_line("a", 1));
  std::ofstream(search::log_path(directory.path()), std::ios::app) << "what went wrong";
  set(State::ended, WorkerEnd::How::crashed);
  CHECK(channel->end().log == "what went wrong");
  REQUIRE(pilot->ends.size() == 1);
  CHECK(pilot->ends[0].stage == "a");
  CHECK(pilot->ends[0].failed);
  CHECK_FALSE(pilot->bad_start);
}

TEST_CASE_METHOD(ChannelFixture, "a node without the folder runs a job of which nothing comes") {
  set(State::running);
  CHECK(receive(Link::queued).empty());
  auto hasty = FolderChannel::find(pilot, 0s);
  Lines lines;
  CHECK(hasty->channel->receive(lines) == Link::ended);
  const WorkerEnd end = hasty->channel->end();
  CHECK(end.how == WorkerEnd::How::preempted);
  CHECK_THAT(end.text, Catch::StartsWith("the worker's job runs on node node7, but nothing of it comes to "));
  CHECK(pilot->bad_start);
  hasty.reset();
  CHECK(pilot->cancel);
  CHECK(pilot->released);
}

TEST_CASE_METHOD(ChannelFixture, "a folder that fails for a moment is tried again: requests go then, in order, and no pilot is given up") {
  get_ready();
  set(State::ended);
  FolderChannel hasty(pilot, 0s);
  Lines lines;
  {
    const Away away(directory.path());
    CHECK(hasty.send(request_line("a", 1)));
    CHECK(hasty.receive(lines) == Link::alive);
    hasty.stop(Stop::checkpoint);
    CHECK(hasty.receive(lines) == Link::alive);
  }
  set(State::running);
  say(result_line("a", 1));
  CHECK(hasty.receive(lines) == Link::alive);
  CHECK(lines == Lines{result_line("a", 1)});
  CHECK(search::read_sealed(search::request_path(directory.path(), 1)) == request_line("a", 1));
  CHECK(search::is_stop(search::read_sealed(search::request_path(directory.path(), 2)).value()));
  say(search::WorkerLeaves{""});
  CHECK(hasty.receive(lines) == Link::ended);
}

TEST_CASE_METHOD(ChannelFixture, "a folder that fails for long is an error, and a pilot that could not be told is cancelled") {
  get_ready();
  const Away away(directory.path());
  auto impatient = std::make_unique<FolderChannel>(pilot, 1h, 0s);
  SECTION("a request") {
    const storage::Error error = support::error_of([&] { impatient->send(request_line("a", 1)); });
    CHECK(error.kind() == storage::ErrorKind::environment);
    CHECK_THAT(error.what(), Catch::Contains("request-1.json"));
    Lines lines;
    CHECK_THROWS_AS(impatient->receive(lines), storage::Error);
  }
  SECTION("the word to leave") {
    impatient->stop(Stop::leave);
  }
  impatient.reset();
  CHECK(pilot->cancel);
}

TEST_CASE_METHOD(ChannelFixture, "to be stopped is a request too; what waits in the queue is cancelled") {
  SECTION("queued") {
    channel->stop(Stop::leave);
    CHECK(pilot->cancel);
  }
  SECTION("ready") {
    get_ready();
    channel->send(request_line("a", 1));
    channel->stop(Stop::checkpoint);
    channel->stop(Stop::leave);
    CHECK(search::is_stop(search::read_sealed(search::request_path(directory.path(), 2)).value()));
    CHECK_FALSE(std::filesystem::exists(search::request_path(directory.path(), 3)));
    CHECK_FALSE(pilot->cancel);
    CHECK_FALSE(FolderChannel::find(pilot, 0s).has_value());
    say(search::WorkerLeaves{""});
    receive(Link::ended);
  }
  SECTION("killed") {
    get_ready();
    channel->stop(Stop::kill);
    CHECK(pilot->cancel);
  }
}

TEST_CASE_METHOD(ChannelFixture, "a pilot is found again with the stage that it holds, and its result") {
  get_ready();
  channel->send(request_line("a", 1));
  say(result_line("a", 1));
  receive(Link::alive);
  channel->send(request_line("b", 4));
  auto found = FolderChannel::find(pilot, 1h);
  REQUIRE(found.has_value());
  CHECK(found->stage == "b");
  CHECK(found->attempt == 4);
  CHECK(found->request == request_line("b", 4));
  say(result_line("b", 4));
  Lines lines;
  CHECK(found->channel->receive(lines) == Link::alive);
  CHECK(lines == Lines{result_line("b", 4)});
}

namespace {

/// The worker's end: tests/support/fake_worker.cpp as a pilot.
struct PilotFixture : ChannelFixture {
  pid_t pid = -1;

  void start(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"--folder", directory.path().string(), "--handle", "slurm 12_3"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    pid = search::spawn({FAKE_WORKER, arguments, {}}, {});
  }
  ~PilotFixture() { ::kill(pid, SIGKILL); }

  /// Until there is a line, or the end.
  Lines next() const {
    Lines lines;
    Link link = Link::queued;
    for (int i = 0; i < 3000 && lines.empty() && link != Link::ended; ++i) {
      if (i > 0) ::usleep(10000);
      link = channel->receive(lines);
      std::erase(lines, to_line(search::Alive()));
    }
    return lines;
  }

  /// The outcome that comes next, progress left out.
  storage::StageOutcome next_result() const {
    for (Lines lines = next(); !lines.empty(); lines = next())
      if (const auto message = search::message_from_line(lines.back()); std::holds_alternative<StageResult>(message))
        return std::get<StageResult>(message).outcome;
    FAIL("no result");
    return {};
  }
};

}  // namespace

TEST_CASE_METHOD(PilotFixture, "a pilot runs what its folder asks for, and leaves when it is told to") {
  start();
  channel->send(request_line("a", 1, "finish"));
  CHECK(next_result().state == StageState::done);
  channel->send(request_line("b", 3, "wait for SIGTERM"));
  next();
  channel->stop(Stop::checkpoint);
  const storage::StageOutcome outcome = next_result();
  CHECK(outcome.state == StageState::interrupted);
  CHECK(outcome.failure_kind.empty());
  CHECK(next().empty());
  CHECK(channel->end().text == "worker left: it was told to");
}

TEST_CASE_METHOD(PilotFixture, "a pilot whose allocation ends says so of its stage") {
  start();
  channel->send(request_line("a", 1, "wait for SIGTERM"));
  next();
  ::kill(pid, SIGTERM);
  const storage::StageOutcome outcome = next_result();
  CHECK(outcome.state == StageState::interrupted);
  CHECK(outcome.failure_kind == "preempted");
  CHECK(next().empty());
  CHECK(channel->end().text == "worker left: its allocation ends");
}

TEST_CASE_METHOD(PilotFixture, "a result that cannot be written for a moment is not lost") {
  start();
  channel->send(request_line("a", 1, "wait for SIGTERM"));
  CHECK(next().size() == 1);
  {
    const Away away(directory.path());
    ::kill(pid, SIGTERM);
    for (int i = 0; i < 20; ++i) {  // it tries meanwhile
      ::usleep(10000);
      CHECK(receive(Link::alive).empty());
    }
    CHECK(::waitpid(pid, nullptr, WNOHANG) == 0);
  }
  CHECK(next_result().state == StageState::interrupted);
}

TEST_CASE_METHOD(PilotFixture, "a pilot leaves where it has nothing to do, or no time to do it in") {
  SECTION("nothing to do") {
    start({"--idle", "1"});
    CHECK(next().empty());
    CHECK(channel->end().text == "worker left: it had nothing to do for 1 s");
  }
  SECTION("no time") {
    start({"--until", std::to_string(std::time(nullptr) + 50), "--notice", "60"});
    channel->send(request_line("a", 1, "finish"));
    CHECK(next().empty());
    CHECK(channel->end().text == "worker left: what is left of its time is too short for another train");
  }
}

TEST_CASE_METHOD(PilotFixture, "a folder has one worker") {
  get_ready();
  start();
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(WEXITSTATUS(status) == 4);
}
