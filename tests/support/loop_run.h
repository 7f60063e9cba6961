// A run of hand-made stages by the real loop and a fake executor, for the tests of the loop.
#pragma once

#include <string>
#include <vector>

#include "tests/support/fake_executor.h"
#include "tests/support/fake_run.h"
#include "tests/support/temporary_directory.h"

namespace support {

/// The label of the stage that a job is of.
inline std::string name(const search::Job& job) {
  return job.parameters.at("name");
}

inline std::vector<std::string> names(const std::vector<search::Job>& jobs) {
  std::vector<std::string> all;
  for (const search::Job& job : jobs) all.push_back(name(job));
  return all;
}

/// A run in a directory of its own. `go` may be called again, as a later start of the program.
struct LoopRun {
  TemporaryDirectory directory;
  storage::Repository repository{directory.path(), storage::Repository::Access::write};
  search::Experiment experiment;
  search::RunLimits limits;
  search::StopRequest stop;
  RecordingObserver observer;

  search::RunSummary go(const std::vector<search::Stage>& stages, FakeExecutor& executor) {
    return search::run(experiment, FixedStrategy(stages), repository, executor, limits, stop, observer);
  }

  storage::StageStatus status(const search::Stage& of) const { return repository.stage_statuses().at(of.fingerprint); }
};

}  // namespace support
