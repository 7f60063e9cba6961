// The lines that nas-run and a worker say to each other, JSON Lines both ways: requests to the worker's stdin, messages from its events.
// Every line is written and read here, by the executor and by the worker.
#pragma once

#include <chrono>
#include <string>
#include <variant>

#include "search/plan/stage.h"

namespace search {

/// To a worker: run this stage.
struct StageRequest {
  std::string stage;  ///< its fingerprint
  int attempt = 1;    ///< Repository::start_stage's number, which the worker repeats in all that it says
  StageKind kind = StageKind::train;
  Json parameters;        ///< of the stage
  Json inputs;            ///< by role: {"stage", "values", "architecture", "artifacts": {name: hash}}
  std::string directory;  ///< of the results
};

/// From a worker, every few seconds while it runs a stage.
struct Alive {};
constexpr std::chrono::seconds alive_interval{5};

/// From a worker that has taken up a stage: where it runs.
struct StageStarted {
  std::string stage;
  int attempt = 1;
  storage::RunningPlace place;
};

struct StageProgress {
  std::string stage;
  int attempt = 1;
  double fraction = 0;  ///< of its work, 0 to 1
  std::string message;
};

/// How a stage ended: done, failed or interrupted.
struct StageResult {
  std::string stage;
  int attempt = 1;
  storage::StageOutcome outcome;
  bool device_gone = false;  ///< the stage did not begin: its GPU does not answer a worker that has done nothing yet
};

/// From a worker that is reached through a folder, first: it is there, and waits for requests.
struct WorkerReady {
  storage::RunningPlace place;
};

/// From such a worker, last: it takes no more requests.
struct WorkerLeaves {
  std::string why;
};

/// A part of an artifact, to a worker that shares no disk with nas-run, or from it. `size` is that of the whole, -1: there is none.
struct FilePart {
  std::string hash;  ///< of the whole
  std::int64_t offset = 0, size = 0;
  std::string bytes;
};

/// From such a worker: it lacks an artifact from that byte on, and gets the next part.
struct FileWanted {
  std::string hash;
  std::int64_t offset = 0;
};

using WorkerMessage = std::variant<Alive, StageStarted, StageProgress, StageResult, WorkerReady, WorkerLeaves, FilePart, FileWanted>;

/// One line, without its end; bytes that are no UTF-8 are replaced.
std::string to_line(const StageRequest& request);
std::string to_line(const WorkerMessage& message);

/// In place of a request, to a worker that signals do not reach: its stage is to write a checkpoint and end, and then the worker.
std::string stop_line();
bool is_stop(const std::string& line);

/// Throw storage::Error(invalid) or Json::exception for a line that says nothing of the kind.
StageRequest request_from_line(const std::string& line);
WorkerMessage message_from_line(const std::string& line);

}  // namespace search
