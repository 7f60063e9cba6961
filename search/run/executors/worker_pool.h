// Warm workers, one a slot, each got with its slot's first stage: sends requests, waits for events, replaces workers that are gone. Where
// they come from is a launcher's business. Made by the executors.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "search/run/executors/channel.h"
#include "search/run/executors/executor.h"

namespace search {

struct PoolOptions {
  std::vector<Slot> slots;
  std::string directory;                       ///< of the results, as the workers find it
  std::chrono::seconds heartbeat_timeout{60};  ///< after which a silent worker is ended, and its stage lost; 0: never
  bool interchangeable = false;                ///< a slot's stage may go to the worker of any other: one that is there before its own
};

/// A worker that dies costs its stage only: the stage fails as `crash`, as `oom`, or as `lost` where it was killed by SIGKILL, with how it
/// ended and the end of what the worker printed; the slot's next stage gets a new worker. A stage whose place was taken away ends as
/// interrupted, of the kind `preempted`. A line that is no event ends its worker; what a disk of this machine refuses is thrown on.
/// SIGPIPE is ignored from here on in the whole process: a dead worker shows as a failed write.
std::unique_ptr<Executor> make_worker_pool(PoolOptions options, std::unique_ptr<Launcher> launcher);
std::unique_ptr<Executor> make_worker_pool(PoolOptions options, Launch launch);

}  // namespace search
