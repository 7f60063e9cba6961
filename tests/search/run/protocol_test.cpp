#include "search/run/protocol.h"

#include <catch2/catch.hpp>
#include <limits>

#include "storage/base/error.h"

using search::Json;
using search::message_from_line;
using search::to_line;

TEST_CASE("a request comes to the worker as it was sent") {
  const search::StageRequest sent{"fp", 4, search::StageKind::prune, {{"eta", 0.5}}, {{"net", {{"stage", "base"}}}}, "/results"};
  const search::StageRequest read = search::request_from_line(to_line(sent));
  CHECK(read.stage == "fp");
  CHECK(read.attempt == 4);
  CHECK(read.kind == search::StageKind::prune);
  CHECK(read.parameters == sent.parameters);
  CHECK(read.inputs == sent.inputs);
  CHECK(read.directory == "/results");
}

TEST_CASE("what a worker says is one line of JSON") {
  CHECK(to_line(search::Alive()) == R"({"event":"alive"})");
  CHECK(to_line(search::StageProgress{"fp", 2, 0.5, "epoch\n1"}) ==
        R"({"attempt":2,"event":"progress","fraction":0.5,"message":"epoch\n1","stage":"fp"})");  // keys in order
  CHECK(std::holds_alternative<search::Alive>(message_from_line(R"({"event":"alive"})")));
  const auto progress = std::get<search::StageProgress>(message_from_line(to_line(search::StageProgress{"fp", 2, 0.5, "epoch 1"})));
  CHECK(progress.stage == "fp");
  CHECK(progress.attempt == 2);
  CHECK(progress.fraction == 0.5);
  CHECK(progress.message == "epoch 1");
  storage::StageOutcome outcome;
  outcome.failure_kind = "diverged";
  outcome.failure = "bytes \xff";
  const auto result = std::get<search::StageResult>(message_from_line(to_line(search::StageResult{"fp", 3, outcome})));
  CHECK(result.attempt == 3);
  CHECK_FALSE(result.device_gone);
  CHECK(std::get<search::StageResult>(message_from_line(to_line(search::StageResult{"fp", 3, outcome, true}))).device_gone);
  CHECK(result.outcome.failure_kind == "diverged");
  CHECK(result.outcome.failure == "bytes \xef\xbf\xbd");
}

TEST_CASE("a worker that is reached through a folder says that it is there, and that it goes") {
  const auto ready = std::get<search::WorkerReady>(message_from_line(to_line(search::WorkerReady{{"node7", "slurm 12_3"}})));
  CHECK(ready.place.host == "node7");
  CHECK(ready.place.handle == "slurm 12_3");
  CHECK(std::get<search::WorkerLeaves>(message_from_line(to_line(search::WorkerLeaves{"idle"}))).why == "idle");
}

TEST_CASE("a part of a file comes as it was sent, whatever its bytes are") {
  const std::string hash(64, 'a');
  for (const std::string& bytes :
       {std::string(), std::string("\0", 1), std::string("\xff\n"), std::string("abc"), std::string(300'000, '\x7f')}) {
    const auto part = std::get<search::FilePart>(message_from_line(to_line(search::FilePart{hash, 5, 1'000'000'000'000, bytes})));
    CHECK(part.hash == hash);
    CHECK(part.offset == 5);
    CHECK(part.size == 1'000'000'000'000);
    CHECK(part.bytes == bytes);
  }
  CHECK(std::get<search::FileWanted>(message_from_line(to_line(search::FileWanted{hash, 7}))).offset == 7);
  CHECK_THROWS(message_from_line(to_line(search::FileWanted{"../../etc/passwd", 0})));
  CHECK_THROWS(message_from_line(R"({"event":"file","hash":")" + hash + R"(","offset":0,"size":3,"bytes":"no base64"})"));
}

TEST_CASE("a fraction that is no number does not end the worker") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::get<search::StageProgress>(message_from_line(to_line(search::StageProgress{"fp", 2, nan, ""}))).fraction == 0);
  CHECK(std::get<search::StageProgress>(message_from_line(to_line(search::StageProgress{"fp", 2, 7, ""}))).fraction == 1);
}

TEST_CASE("a line that says nothing of the kind is refused") {
  for (const char* line : {"", "no event", "{}", R"({"event":"gone"})", R"({"event":"progress","stage":"fp","fraction":0,"message":""})",
                           R"({"event":"result","stage":"fp","attempt":1,"outcome":{}})"})
    CHECK_THROWS(message_from_line(line));
  storage::StageOutcome outcome;
  outcome.state = storage::StageState::running;
  CHECK_THROWS_WITH(message_from_line(to_line(search::StageResult{"fp", 3, outcome})), "a result cannot be running");
  CHECK_THROWS(search::request_from_line(R"({"stage":"fp","attempt":1,"kind":"nothing","parameters":{},"inputs":{},"directory":""})"));
}
