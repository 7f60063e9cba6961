// What becomes of a stage by what its worker says, or how that ends. Used by the worker pool.
#pragma once

#include <optional>
#include <string>

#include "search/run/executors/channel.h"
#include "search/run/executors/executor.h"
#include "search/run/protocol.h"

namespace search {

/// The end of a stage that failed as `kind`.
Event failed(const std::string& kind, const std::string& message);

/// The end of one that is to go on later; `kind` says why where nobody asked for it, as in `preempted`.
Event interrupted(const std::string& kind, const std::string& message);

/// The event that a worker's message is, or nothing where it is about the worker alone.
std::optional<Event> event_of(const WorkerMessage& message);

/// How the stage ends whose worker has ended. `was_interrupted`: it had been told to write a checkpoint.
Event end_of_stage(const WorkerEnd& end, bool was_interrupted);

}  // namespace search
